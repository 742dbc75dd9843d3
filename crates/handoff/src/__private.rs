//! What `#[task]` expands to refers to these names, and nobody else.
//!
//! Not a part of the public interface: everything here may change with the macro.

use crate::encoding;
pub use crate::program::serve_before_main;
use pool::FailureKind;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::error::Error as StdError;
use std::fmt::Display;
use task::arrays;
pub use task::{Failure, Input, Runner, fingerprint, shape};

/// One task. A reference to each is in the section `handoff_tasks`.
pub struct TaskDef {
    /// `module_path::function`.
    pub name: &'static str,
    /// `file:line` of its definition.
    pub place: &'static str,
    /// Runs it on encoded arguments.
    pub run: Runner,
    /// Distinguishes builds in which its arguments or result differ.
    pub fingerprint: fn() -> u64,
}

/// The `Ok` type of a `Result`, whatever it is called.
pub trait IsResult {
    /// What the task gives.
    type Ok;
}

impl<T, E> IsResult for Result<T, E> {
    type Ok = T;
}

/// Compiles where a type can travel between processes.
pub fn travels<T: Serialize + DeserializeOwned>() {}

/// Decodes a task's arguments, which come as its input where they are long.
pub fn decode_args<A: DeserializeOwned>(
    task: &str,
    args: &[u8],
    input: Input<'_>,
) -> Result<A, Failure> {
    let failure = |kind, why: String| failure(kind, format!("arguments of {task}: {why}"));
    let long;
    let bytes = if args.is_empty() {
        long = input
            .bytes()
            .map_err(|error| failure(FailureKind::BadInput, error.to_string()))?;
        &*long
    } else {
        args
    };
    arrays::decode(bytes, encoding::decode).map_err(|why| failure(FailureKind::BadArgs, why))
}

/// Encodes a task's result behind what is in `output`.
pub fn encode_output<R: Serialize>(
    task: &str,
    value: &R,
    output: Vec<u8>,
) -> Result<Vec<u8>, Failure> {
    let (encoded, table) = arrays::encode(|| encoding::encode(value, output));
    arrays::set_outgoing(table);
    encoded.map_err(|why| failure(FailureKind::Error, format!("result of {task}: {why}")))
}

/// The failure of a task that returned an error.
pub fn failed(message: String) -> Failure {
    failure(FailureKind::Error, message)
}

fn failure(kind: FailureKind, message: String) -> Failure {
    Failure::new(kind, message)
}

/// An error of any type. Method resolution finds the most specific of the traits below first: the
/// runner calls `(&&&&Describe(error)).describe()`.
pub struct Describe<'a, E>(pub &'a E);

/// Errors: their text, and their sources'.
pub trait DescribeError {
    /// The text for the caller.
    fn describe(&self) -> String;
}

impl<E: StdError + 'static> DescribeError for &&&Describe<'_, E> {
    fn describe(&self) -> String {
        with_sources(self.0)
    }
}

/// Boxed errors that may cross threads, and those of `anyhow`.
pub trait DescribeSync {
    /// The text for the caller.
    fn describe(&self) -> String;
}

impl<E: AsRef<dyn StdError + Send + Sync>> DescribeSync for &&Describe<'_, E> {
    fn describe(&self) -> String {
        with_sources(self.0.as_ref())
    }
}

/// Boxed errors.
pub trait DescribeBoxed {
    /// The text for the caller.
    fn describe(&self) -> String;
}

impl<E: AsRef<dyn StdError>> DescribeBoxed for &Describe<'_, E> {
    fn describe(&self) -> String {
        with_sources(self.0.as_ref())
    }
}

/// Anything else that has a text.
pub trait DescribeDisplay {
    /// The text for the caller.
    fn describe(&self) -> String;
}

impl<E: Display> DescribeDisplay for Describe<'_, E> {
    fn describe(&self) -> String {
        self.0.to_string()
    }
}

/// An error's text and those of its sources, each once: many errors repeat their source's.
fn with_sources(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
