//! `#[handoff::task]`: makes a function callable in worker processes.
//!
//! `check` refuses what no task can be, with a message that names the alternative. `expand`
//! emits the function that replaces the user's. Everything that the emitted code refers to lives in
//! `handoff::__private`; this crate knows only the names there.
#![forbid(unsafe_code)]

mod check;
mod expand;

use proc_macro::TokenStream;

/// Turns a function into a task.
///
/// The function keeps its name and arguments, but returns a `handoff::Call` of its result: a
/// description of the call that a pool runs in one of its workers. See the documentation of the
/// crate `handoff`.
#[proc_macro_attribute]
pub fn task(options: TokenStream, item: TokenStream) -> TokenStream {
    check::function(options.into(), item.into())
        .map(|task| expand::task(&task))
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
