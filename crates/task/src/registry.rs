//! The tasks that a program can run, by name.

use crate::{Input, InputError, Task, arrays};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use wire::FailureKind;

/// Runs one task on encoded arguments, appending the encoded output.
pub type Runner = fn(&[u8], Input<'_>, Vec<u8>) -> Result<Vec<u8>, Failure>;

/// The tasks that a program can run, by name.
#[derive(Clone, Default)]
pub struct Registry {
    tasks: BTreeMap<&'static str, Known>,
    on_named: Vec<fn(&str)>,
}

#[derive(Clone, Copy)]
struct Known {
    runner: Runner,
    fingerprint: u64,
}

/// Why a call did not give an output. One pointer, since most calls give one and what they return is moved
/// several times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(Box<Why>);

/// What is known of a [`Failure`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    /// In which way.
    pub kind: FailureKind,
    /// The error's text, its sources included, or the panic's.
    pub message: String,
    /// `file:line` of a panic, else empty.
    pub location: String,
    /// The backtrace of a panic, else empty.
    pub backtrace: String,
}

impl Failure {
    /// A failure that is no panic.
    #[cold]
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Failure {
        Failure::from(Why {
            kind,
            message: message.into(),
            location: String::new(),
            backtrace: String::new(),
        })
    }

    /// What is known of it.
    pub fn into_why(self) -> Why {
        *self.0
    }
}

impl From<Why> for Failure {
    fn from(why: Why) -> Failure {
        Failure(Box::new(why))
    }
}

impl Deref for Failure {
    type Target = Why;

    fn deref(&self) -> &Why {
        &self.0
    }
}

impl Registry {
    /// A registry of no tasks.
    pub fn new() -> Registry {
        Registry::default()
    }

    /// Adds a task.
    ///
    /// # Panics
    /// Where another task of the same name is registered already: it would never be run.
    #[must_use]
    pub fn with<T: Task>(self) -> Registry {
        let fingerprint = fingerprint(0, &[shape::<T::Args>(), shape::<T::Output>()]);
        self.with_runner(T::NAME, run_encoded::<T>, fingerprint)
    }

    /// Adds a task that is a function on encoded arguments rather than a [`Task`]. `fingerprint`
    /// differs between builds in which its arguments or output differ; 0 where that is unknown.
    ///
    /// # Panics
    /// Where another task of the same name is registered already.
    #[must_use]
    pub fn with_runner(mut self, name: &'static str, runner: Runner, fingerprint: u64) -> Registry {
        let known = Known {
            runner,
            fingerprint,
        };
        let before = self.tasks.insert(name, known);
        assert!(before.is_none(), "two tasks are named {name:?}");
        self
    }

    /// Has every worker run `on_named` once, as soon as it knows its name
    /// (`SpawnProcess-1`): before the initializer and before any task.
    #[must_use]
    pub fn on_named(mut self, on_named: fn(&str)) -> Registry {
        self.on_named.push(on_named);
        self
    }

    /// Runs what [`on_named`](Self::on_named) was given: for the runtime, once the worker has its name.
    pub fn named(&self, name: &str) {
        for on_named in &self.on_named {
            on_named(name);
        }
    }

    /// The names of the tasks, sorted.
    pub fn names(&self) -> Vec<&'static str> {
        self.tasks.keys().copied().collect()
    }

    /// The tasks' functions, in the order of their names.
    pub fn runners(&self) -> Vec<Runner> {
        self.tasks.values().map(|known| known.runner).collect()
    }

    /// The tasks' fingerprints, by name, sorted.
    pub fn fingerprints(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let tasks = self.tasks.iter();
        tasks.map(|(name, known)| (*name, known.fingerprint))
    }

    /// The fingerprint of the task `name`, if there is one.
    pub fn fingerprint(&self, name: &str) -> Option<u64> {
        self.tasks.get(name).map(|known| known.fingerprint)
    }

    /// Runs the task `name` on `args` encoded with postcard. The encoded output is appended to
    /// `output`, which is given back.
    ///
    /// # Errors
    /// A [`Failure`] for an unknown task, arguments that are not the task's, input that cannot
    /// be reached, or the task's own error. A panic is not caught here.
    pub fn run(
        &self,
        name: &str,
        args: &[u8],
        input: Input<'_>,
        output: Vec<u8>,
    ) -> Result<Vec<u8>, Failure> {
        match self.tasks.get(name) {
            Some(known) => (known.runner)(args, input, output),
            None => Err(Failure::new(
                FailureKind::UnknownTask,
                format!(
                    "no task named {name:?}; this worker has {}",
                    self.names().join(", ")
                ),
            )),
        }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.tasks.keys()).finish()
    }
}

/// What the compiler knows of a type: enough to tell most others of its name.
pub fn shape<T>() -> (&'static str, usize) {
    (std::any::type_name::<T>(), size_of::<T>())
}

/// Mixes `seed` with types' [`shape`]s (FNV-1a). Never 0.
pub fn fingerprint(seed: u64, types: &[(&str, usize)]) -> u64 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    let hash = types.iter().fold(seed, |hash, (name, size)| {
        let bytes = name.bytes().chain((*size as u64).to_le_bytes());
        bytes.fold(hash, mix)
    });
    hash.max(1)
}

fn run_encoded<T: Task>(
    args: &[u8],
    input: Input<'_>,
    output: Vec<u8>,
) -> Result<Vec<u8>, Failure> {
    let args = arrays::decode(args, |args| match postcard::take_from_bytes(args) {
        Ok((args, [])) => Ok(args),
        Ok((_, rest)) => Err(format!("{} bytes too many", rest.len())),
        Err(error) => Err(error.to_string()),
    });
    let args = args.map_err(|why| {
        let message = format!("arguments of {} cannot be decoded ({why})", T::NAME);
        Failure::new(FailureKind::BadArgs, message)
    })?;
    let answer = T::run(args, input).map_err(|error| {
        let kind = match error.downcast_ref::<InputError>() {
            Some(_) => FailureKind::BadInput,
            None => FailureKind::Error,
        };
        Failure::new(kind, with_sources(&*error))
    })?;
    let (encoded, table) = arrays::encode(|| postcard::to_extend(&answer, output));
    arrays::set_outgoing(table);
    encoded.map_err(|error| {
        let message = format!("output of {} cannot be encoded ({error})", T::NAME);
        Failure::new(FailureKind::Error, message)
    })
}

fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TaskError;

    struct Double;
    impl Task for Double {
        const NAME: &'static str = "double";
        type Args = u64;
        type Output = u64;
        fn run(args: u64, _: Input<'_>) -> Result<u64, TaskError> {
            args.checked_mul(2)
                .ok_or_else(|| "too large to double".into())
        }
    }

    fn call(name: &str, args: &[u8]) -> Result<Vec<u8>, Failure> {
        Registry::new()
            .with::<Double>()
            .run(name, args, Input::none(), Vec::new())
    }

    #[test]
    fn runs_by_name_with_encoded_arguments() {
        let args = postcard::to_stdvec(&21u64).unwrap();
        assert_eq!(
            call("double", &args).unwrap(),
            postcard::to_stdvec(&42u64).unwrap()
        );
    }

    #[test]
    fn every_failure_has_its_kind() {
        let overflow = postcard::to_stdvec(&u64::MAX).unwrap();
        assert_eq!(
            call("double", &overflow).unwrap_err().message,
            "too large to double"
        );
        assert_eq!(call("double", &[]).unwrap_err().kind, FailureKind::BadArgs);
        assert_eq!(
            call("double", &[1, 2]).unwrap_err().kind,
            FailureKind::BadArgs
        );
        let unknown = call("treble", &[]).unwrap_err();
        assert_eq!(unknown.kind, FailureKind::UnknownTask);
        assert!(unknown.message.contains("double"), "{}", unknown.message);
    }

    #[test]
    #[should_panic(expected = "two tasks are named")]
    fn a_name_is_given_once() {
        let _ = Registry::new().with::<Double>().with::<Double>();
    }
}
