//! Exit codes, and the failures that lead to them.

use std::fmt;

/// Everything went well.
pub const DONE: u8 = 0;
/// Something failed, a worker that was killed by a signal included.
pub const FAILED: u8 = 1;
/// The command line asks for something that cannot be.
pub const USAGE: u8 = 2;
/// Added to the number of the signal that ended the coordinator itself.
pub const SIGNAL: u8 = 128;

/// Why a subcommand did not end well.
#[derive(Debug)]
pub enum Failure {
    /// The command line asks for something that cannot be.
    Usage(String),
    /// Something failed.
    Failed(anyhow::Error),
    /// This signal came.
    Signal(i32),
}

impl Failure {
    /// The exit code that says so.
    pub fn code(&self) -> u8 {
        match self {
            Failure::Usage(_) => USAGE,
            Failure::Failed(_) => FAILED,
            Failure::Signal(number) => SIGNAL + *number as u8,
        }
    }

    /// What to say on stderr; of a signal, nothing: who sent it knows.
    pub fn message(&self) -> Option<String> {
        match self {
            Failure::Usage(message) => Some(message.clone()),
            Failure::Failed(error) => Some(format!("{error:#}")),
            Failure::Signal(_) => None,
        }
    }

    /// A usage error.
    pub fn usage(message: impl fmt::Display) -> Failure {
        Failure::Usage(message.to_string())
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure::Failed(error.into())
    }
}
