//! Errors of the pool as errors of this crate.

use super::death::{Death, Ending};
use super::{Details, Error, ErrorKind};
use pool::{Certificate, FailureKind, PoolError, SubmitError, TaskFailure};
use task::{ArrayError, JoinError};

/// What to try where a task is not known to the workers.
const UNKNOWN_TASK_HINT: &str = "; tasks of a crate that nothing else names are not linked: write \
                                 `use that_crate as _;`, in the worker program too";

impl From<TaskFailure> for Error {
    fn from(failure: TaskFailure) -> Error {
        let text = failure.to_string();
        match failure {
            TaskFailure::Failed(failed) => {
                let kind = match failed.kind {
                    FailureKind::Error => ErrorKind::Failed,
                    FailureKind::Panic => ErrorKind::Panicked,
                    FailureKind::UnknownTask => ErrorKind::UnknownTask,
                    FailureKind::BadArgs | FailureKind::BadInput => ErrorKind::Arguments,
                };
                let text = match kind {
                    ErrorKind::UnknownTask => text + UNKNOWN_TASK_HINT,
                    // One that was passed on from another thread has no place of its own.
                    ErrorKind::Panicked if failed.location.is_empty() => {
                        format!("panicked: {}", failed.message)
                    }
                    _ => text,
                };
                let given = |text: String| Some(text).filter(|text| !text.is_empty());
                Error(Box::new(Details {
                    kind: Some(kind),
                    text,
                    worker: Some(failed.worker),
                    location: given(failed.location),
                    backtrace: given(failed.backtrace),
                    ..Details::default()
                }))
            }
            TaskFailure::Died(death) | TaskFailure::InputChanged(death) => {
                Error::died(text, *death)
            }
            TaskFailure::TimedOut(_) | TaskFailure::Expired => {
                Error::new(ErrorKind::TimedOut, text)
            }
            TaskFailure::WorkerGone => Error::new(ErrorKind::Died, text),
            TaskFailure::Cancelled => Error::new(ErrorKind::Cancelled, text),
            TaskFailure::Input(_) | TaskFailure::NotTaken(_) => {
                Error::new(ErrorKind::Arguments, text)
            }
            TaskFailure::Undecodable(_) | TaskFailure::OutputTooLong(_) => {
                Error::new(ErrorKind::Output, text)
            }
            TaskFailure::ShutDown => Error::new(ErrorKind::ShutDown, text),
            TaskFailure::Pool(error) => error.into(),
        }
    }
}

impl From<PoolError> for Error {
    fn from(error: PoolError) -> Error {
        let kind = match &error {
            PoolError::Initializer { .. } => ErrorKind::Initializer,
            PoolError::UnknownTask(..) => ErrorKind::UnknownTask,
            PoolError::OtherBuild { .. } => ErrorKind::OtherBuild,
            PoolError::NoSandbox(_) => ErrorKind::Unsupported,
            PoolError::Wait(_) => ErrorKind::System,
            PoolError::Interrupted => ErrorKind::Interrupted,
            PoolError::Start(_)
            | PoolError::NotReady(_)
            | PoolError::Short(_)
            | PoolError::Bounds { .. }
            | PoolError::Sandbox { .. } => ErrorKind::Start,
        };
        Error::new(kind, error.to_string())
    }
}

impl From<SubmitError> for Error {
    fn from(error: SubmitError) -> Error {
        match error {
            SubmitError::Pool(error) => error.into(),
            SubmitError::Full => Error::new(ErrorKind::Full, error.to_string()),
            SubmitError::Args { .. } | SubmitError::Input { .. } => {
                Error::new(ErrorKind::Arguments, error.to_string())
            }
        }
    }
}

impl From<ArrayError> for Error {
    fn from(error: ArrayError) -> Error {
        Error::new(ErrorKind::Memory, error.to_string())
    }
}

/// Without the parts that could not be joined.
impl<T> From<JoinError<T>> for Error {
    fn from(error: JoinError<T>) -> Error {
        Error::new(ErrorKind::Misuse, error.to_string())
    }
}

impl Error {
    fn died(text: String, certificate: Certificate) -> Error {
        let ending = match certificate.ending {
            pool::Ending::Exit(code) => Ending::Exit(code),
            pool::Ending::Signal(signal) => Ending::Signal(signal),
            pool::Ending::Left | pool::Ending::Unknown => Ending::Unknown,
        };
        let death = Death {
            worker: certificate.worker,
            pid: certificate.pid,
            ending,
            deaths: certificate.deaths,
            reason: certificate.reason,
            stderr: certificate.stderr,
            rss_peak: certificate.rss_peak,
            out_of_memory: certificate.oom,
        };
        Error::of_death(text, death)
    }

    pub(crate) fn of_death(text: String, death: Death) -> Error {
        Error(Box::new(Details {
            kind: Some(ErrorKind::Died),
            text,
            worker: Some(death.worker.clone()),
            death: Some(death),
            ..Details::default()
        }))
    }

    pub(crate) fn of_panic(worker: String, message: &str, location: String) -> Error {
        Error(Box::new(Details {
            kind: Some(ErrorKind::Panicked),
            text: format!("panicked at {location}: {message}"),
            worker: Some(worker),
            location: Some(location),
            ..Details::default()
        }))
    }
}
