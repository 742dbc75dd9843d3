//! The code that takes a task's place.
//!
//! One function of the task's name, and nothing else: the original function, its runner and its
//! registration are items inside it. So a task takes no other name in its module, and a recursive
//! task calls the plain function.

use crate::check::Task;
use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, Meta, Type, Visibility, parse_quote};

pub(crate) fn task(task: &Task) -> TokenStream {
    let (names, types, returns) = (&task.names, &task.types, &task.returns);
    let private = quote!(::handoff::__private);
    let output: Type = if task.fallible {
        parse_quote!(<#returns as #private::IsResult>::Ok)
    } else {
        returns.clone()
    };
    let (visibility, name) = (&task.function.vis, &task.function.sig.ident);
    let attributes = task.function.attrs.iter().filter_map(for_callers);
    let (body, runner) = (body(task), runner(task, &output, &private));
    let signature = signature_hash(task);
    quote! {
        #(#attributes)*
        #[allow(dead_code)]
        #visibility fn #name(#(#names: #types),*) -> ::handoff::Call<#output> {
            // In a block of their own, so that an argument may have the task's name.
            ::handoff::Call::__new(
                {
                    #body
                    #runner
                    fn __fingerprint() -> u64 {
                        #private::fingerprint(
                            #signature,
                            &[#(#private::shape::<#types>(),)* #private::shape::<#output>()],
                        )
                    }
                    static __TASK: #private::TaskDef = #private::TaskDef {
                        name: ::core::concat!(::core::module_path!(), "::", ::core::stringify!(#name)),
                        place: ::core::concat!(::core::file!(), ":", ::core::line!()),
                        run: __run,
                        fingerprint: __fingerprint,
                    };
                    // The linker joins these to a slice: see `linked.rs` of the facade.
                    #[used]
                    #[unsafe(link_section = "handoff_tasks")]
                    static __LINKED: &#private::TaskDef = &__TASK;
                    &__TASK
                },
                (#(#names,)*),
            )
        }
    }
}

/// The user's function, unchanged but for its documentation, which callers see elsewhere.
fn body(task: &Task) -> TokenStream {
    let mut function = task.function.clone();
    function.vis = Visibility::Inherited;
    function.attrs.retain(|it| !is_documentation(it));
    function.into_token_stream()
}

/// Decodes the arguments, calls the function, encodes what it returns.
fn runner(task: &Task, output: &Type, private: &TokenStream) -> TokenStream {
    let (name, types) = (&task.function.sig.ident, &task.types);
    let args: Vec<_> = (0..types.len())
        .map(|n| format_ident!("__arg{n}"))
        .collect();
    let called = if task.fallible {
        quote! {
            match #name(#(#args),*) {
                ::core::result::Result::Ok(output) => output,
                ::core::result::Result::Err(error) => {
                    #[allow(unused_imports)]
                    use #private::{DescribeBoxed as _, DescribeDisplay as _, DescribeError as _, DescribeSync as _};
                    return ::core::result::Result::Err(#private::failed(
                        (&&&&#private::Describe(&error)).describe(),
                    ));
                }
            }
        }
    } else {
        quote!(#name(#(#args),*))
    };
    // With the types' own places, so that a type which cannot travel is underlined.
    let travels = types.iter().chain([output]).map(|ty| {
        let span = if std::ptr::eq(ty, output) {
            task.returns.span()
        } else {
            ty.span()
        };
        quote_spanned!(span=> #private::travels::<#ty>();)
    });
    quote! {
        #[allow(clippy::let_unit_value, clippy::unit_arg, unreachable_code)]
        fn __run(
            __args: &[u8],
            __input: #private::Input<'_>,
            __output: ::std::vec::Vec<u8>,
        ) -> ::core::result::Result<::std::vec::Vec<u8>, #private::Failure> {
            #(#travels)*
            let (#(#args,)*): (#(#types,)*) = #private::decode_args(__TASK.name, __args, __input)?;
            let __answer: #output = #called;
            #private::encode_output(__TASK.name, &__answer, __output)
        }
    }
}

fn is_documentation(attribute: &Attribute) -> bool {
    let path = attribute.path();
    path.is_ident("doc") || path.is_ident("deprecated")
}

/// What stands on the function that callers see: its documentation, and levels of lints. An expected
/// lint may be found in either function, so it is allowed here.
fn for_callers(attribute: &Attribute) -> Option<Attribute> {
    let path = attribute.path();
    let mut attribute = attribute.clone();
    if path.is_ident("expect") {
        if let Meta::List(list) = &mut attribute.meta {
            list.path = parse_quote!(allow);
        }
        return Some(attribute);
    }
    let level = ["allow", "warn", "deny", "forbid"];
    let kept = is_documentation(&attribute) || level.iter().any(|level| path.is_ident(level));
    kept.then_some(attribute)
}

/// FNV-1a over the signature's text without white space: two builds of one signature agree.
fn signature_hash(task: &Task) -> u64 {
    let text = task.function.sig.to_token_stream().to_string();
    let bytes = text.bytes().filter(|byte| !byte.is_ascii_whitespace());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
