//! What this program is: its tasks, and whether it was started as a worker.
//!
//! A worker is recognised by its environment and by its parent, never by its arguments: those are
//! the program's own.

mod environment;

use crate::{Error, ErrorKind};
use crate::{linked, worker};
use environment::Started;
use std::io::{self, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use task::Registry;

/// Whether [`init`] has run.
static INITIALIZED: AtomicBool = AtomicBool::new(false);
/// Tasks that are not made by `#[task]`.
static ADDED: OnceLock<Registry> = OnceLock::new();

/// Serves, and never returns, where this process was started as a worker; otherwise returns at once.
///
/// A program whose workers are itself ([`StartMethod::Spawn`](crate::StartMethod::Spawn), the
/// default, and [`ForkServer`](crate::StartMethod::ForkServer)) calls this first in `main`: before
/// it reads its arguments, starts threads or an async runtime, or opens what workers do not need.
/// Starting workers without it is an error, since they would run the whole of `main` instead.
///
/// ```no_run
/// fn main() -> Result<(), handoff::Error> {
///     handoff::init();
///     let mut pool = handoff::Pool::new()?;
///     // …
///     Ok(())
/// }
/// ```
///
/// # Panics
/// Where two tasks have the same name.
pub fn init() {
    init_with(Registry::new());
}

/// As [`init`], with tasks that implement [`Task`](crate::Task) rather than being made by
/// [`#[task]`](crate::task).
///
/// # Panics
/// Where two tasks have the same name.
pub fn init_with(registry: Registry) {
    let _ = ADDED.set(registry);
    let registry = tasks();
    if INITIALIZED.swap(true, Ordering::AcqRel) {
        return;
    }
    if let Some(started) = environment::take() {
        serve(&started, &registry);
    }
    task::arrays::coordinator::install();
}

/// Serves as an external worker of the pool that listens at `path`
/// ([`StartMethod::Listen`](crate::StartMethod::Listen)), until that pool is done with it.
///
/// # Errors
/// [`ErrorKind::System`] where nobody listens there, or the connection fails.
pub fn serve_at(path: impl Into<std::path::PathBuf>) -> Result<(), Error> {
    let endpoint = runtime::Endpoint::Connect(path.into());
    runtime::run_at(&endpoint, None, &tasks())
        .map_err(|error| Error::new(ErrorKind::System, error.to_string()))
}

/// The whole life of a worker.
fn serve(started: &Started, registry: &Registry) -> ! {
    environment::settle();
    let code = match runtime::run_at(&started.endpoint, Some(started.parent), registry) {
        Ok(()) => 0,
        Err(error) => {
            // Nobody may read it, and that is no reason to panic.
            let _ = writeln!(io::stderr(), "worker: {error}");
            1
        }
    };
    std::process::exit(code)
}

/// All tasks of this program.
pub(crate) fn tasks() -> Registry {
    let added = ADDED.get().cloned().unwrap_or_default();
    let mut tasks = added.on_named(worker::named);
    let linked = linked::tasks();
    for (n, task) in linked.iter().enumerate() {
        if let Some(other) = linked[..n].iter().find(|other| other.name == task.name) {
            panic!(
                "two tasks are named {}, at {} and {}: rename one, or give it a module of its own",
                task.name, other.place, task.place
            );
        }
        tasks = tasks.with_runner(task.name, task.run, (task.fingerprint)());
    }
    tasks
}

/// Refuses to start this program again where it would not serve.
pub(crate) fn check_initialized() -> Result<(), Error> {
    if INITIALIZED.load(Ordering::Acquire) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Misuse,
        "main has not called handoff::init(): a worker of this program would run all of main \
         instead; call it first in main (in a #[test], use StartMethod::InProcess or \
         handoff::test_support!())",
    ))
}

/// Refuses every pool in a process that was started as a worker and has not served yet.
pub(crate) fn check_not_unserved_worker() -> Result<(), Error> {
    if !INITIALIZED.load(Ordering::Acquire) && environment::is_worker() {
        return Err(Error::new(
            ErrorKind::Misuse,
            "this process was started as a worker and has not called handoff::init(): call it \
             first in main",
        ));
    }
    Ok(())
}

/// What [`test_support!`](crate::test_support) runs before the test harness's `main`.
#[doc(hidden)]
pub extern "C" fn serve_before_main() {
    init();
}

/// Lets pools of this test program start workers: `cargo test`'s harness has no `main` in which
/// [`init`] could be called.
///
/// Stands once, at the top level of the test program (a file in `tests/`, or the crate's root under
/// `#[cfg(test)]`). The program then serves before the harness starts, where it was started as a worker.
///
/// ```ignore
/// // tests/pool.rs
/// handoff::test_support!();
///
/// #[test]
/// fn crashes_are_reported() {
///     let mut pool = handoff::Pool::new().unwrap();
///     assert!(pool.run(handoff::testing::crash()).is_err());
/// }
/// ```
///
/// Tests run on threads, so [`StartMethod::Fork`](crate::StartMethod::Fork) and
/// [`fork_map`](crate::fork_map) are refused there. Where processes do not matter,
/// [`StartMethod::InProcess`](crate::StartMethod::InProcess) needs none of this.
#[macro_export]
macro_rules! test_support {
    () => {
        const _: () = {
            #[used]
            #[unsafe(link_section = ".init_array")]
            static SERVE: extern "C" fn() = $crate::__private::serve_before_main;
        };
    };
}
