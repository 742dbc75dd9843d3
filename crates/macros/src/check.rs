//! What a task must not be. Each refusal names what to write instead.

use proc_macro2::TokenStream;
use quote::format_ident;
use syn::spanned::Spanned;
use syn::{
    Error, FnArg, GenericArgument, Ident, ItemFn, Pat, PathArguments, ReturnType, Safety,
    Signature, Type, parse_quote,
};

/// Tuples longer than this have no serde implementation.
const MAX_ARGUMENTS: usize = 16;

/// A function that can be a task.
pub(crate) struct Task {
    pub(crate) function: ItemFn,
    /// The names of the arguments as callers see them.
    pub(crate) names: Vec<Ident>,
    pub(crate) types: Vec<Type>,
    /// What the function returns, `()` where it says nothing.
    pub(crate) returns: Type,
    /// Whether that is a `Result`, whose error fails the task.
    pub(crate) fallible: bool,
}

pub(crate) fn function(options: TokenStream, item: TokenStream) -> syn::Result<Task> {
    if !options.is_empty() {
        return Err(Error::new(
            options.span(),
            "#[task] takes no options; limits are set on a call: `name(..).timeout(..).retries(..)`",
        ));
    }
    let function: ItemFn = syn::parse2(item).map_err(|error| {
        Error::new(error.span(), format!("#[task] goes on a function: {error}"))
    })?;
    signature(&function.sig)?;
    let (names, types) = arguments(&function.sig)?;
    let returns = match &function.sig.output {
        ReturnType::Default => parse_quote!(()),
        ReturnType::Type(_, returns) => returned(returns)?,
    };
    let fallible = last_segment_is(&returns, "Result");
    Ok(Task {
        function,
        names,
        types,
        returns,
        fallible,
    })
}

fn signature(signature: &Signature) -> syn::Result<()> {
    if let Some(asyncness) = &signature.asyncness {
        return Err(Error::new_spanned(
            asyncness,
            "a task is not async: a worker runs one task at a time; block on the future inside \
             the task instead",
        ));
    }
    if let Some(constness) = &signature.constness {
        return Err(Error::new_spanned(
            constness,
            "a task is not a const fn: it runs in another process",
        ));
    }
    if let Safety::Unsafe(token) = &signature.safety {
        return Err(Error::new_spanned(
            token,
            "a task is a safe function: put the unsafe block, with its checks, inside it",
        ));
    }
    if let Some(abi) = &signature.abi {
        return Err(Error::new_spanned(
            abi,
            "a task has no ABI of its own: call the extern function from a plain one",
        ));
    }
    if !signature.generics.params.is_empty() {
        return Err(Error::new_spanned(
            &signature.generics,
            "a task cannot be generic: workers find it by its name alone; write one function for \
             each type, which may call a generic one",
        ));
    }
    match &signature.generics.where_clause {
        Some(clause) => Err(Error::new_spanned(clause, "a task has no where clause")),
        None => Ok(()),
    }
}

fn arguments(signature: &Signature) -> syn::Result<(Vec<Ident>, Vec<Type>)> {
    let (mut names, mut types) = (Vec::new(), Vec::new());
    for input in &signature.inputs {
        let argument = match input {
            FnArg::Typed(argument) => argument,
            FnArg::Receiver(receiver) => {
                return Err(Error::new_spanned(
                    receiver,
                    "a task has no self: make it a free function that takes the value as an argument",
                ));
            }
        };
        owned(&argument.ty, "a task owns its arguments")?;
        // Callers see plain names; `mut` and patterns stay with the body.
        names.push(match &*argument.pat {
            Pat::Ident(pattern) => pattern.ident.clone(),
            _ => format_ident!("arg{}", names.len()),
        });
        types.push((*argument.ty).clone());
    }
    if let Some(variadic) = &signature.variadic {
        return Err(Error::new_spanned(
            variadic,
            "a task has a fixed number of arguments: take a Vec",
        ));
    }
    if names.len() > MAX_ARGUMENTS {
        return Err(Error::new(
            signature.inputs.span(),
            format!("a task has at most {MAX_ARGUMENTS} arguments: gather some in a struct"),
        ));
    }
    Ok((names, types))
}

fn returned(returns: &Type) -> syn::Result<Type> {
    if let Type::Never(never) = returns {
        return Err(Error::new_spanned(
            never,
            "a task returns a value; one that never returns can return `()`",
        ));
    }
    owned(returns, "a task's result is owned")?;
    Ok(returns.clone())
}

/// Refuses borrowed and unnamed types wherever they stand in `ty`.
fn owned(ty: &Type, why: &str) -> syn::Result<()> {
    match ty {
        Type::Reference(_) => Err(Error::new_spanned(
            ty,
            format!("{why}: use String, Vec<T> or Box<T> in place of a reference"),
        )),
        Type::Ptr(_) => Err(Error::new_spanned(
            ty,
            "a pointer means nothing in another process",
        )),
        Type::ImplTrait(_) => Err(Error::new_spanned(
            ty,
            format!("{why}, and its type is named: `impl Trait` cannot be decoded"),
        )),
        Type::Array(array) => owned(&array.elem, why),
        Type::Slice(slice) => owned(&slice.elem, why),
        Type::Group(group) => owned(&group.elem, why),
        Type::Paren(paren) => owned(&paren.elem, why),
        Type::Tuple(tuple) => tuple.elems.iter().try_for_each(|elem| owned(elem, why)),
        Type::Path(path) => path.path.segments.iter().try_for_each(|segment| {
            let PathArguments::AngleBracketed(generic) = &segment.arguments else {
                return Ok(());
            };
            generic.args.iter().try_for_each(|argument| match argument {
                GenericArgument::Type(ty) => owned(ty, why),
                _ => Ok(()),
            })
        }),
        _ => Ok(()),
    }
}

fn last_segment_is(ty: &Type, name: &str) -> bool {
    match ty {
        Type::Path(path) => {
            let last = path.path.segments.last();
            last.is_some_and(|segment| segment.ident == name)
        }
        Type::Group(group) => last_segment_is(&group.elem, name),
        Type::Paren(paren) => last_segment_is(&paren.elem, name),
        _ => false,
    }
}
