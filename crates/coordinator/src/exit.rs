//! Exit codes, and the failures that lead to them.

pub use output::exit::{DONE, FAILED, SIGNAL, USAGE};
use std::fmt;

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

    /// What to say on stderr; of a signal, nothing.
    pub fn message(&self) -> Option<String> {
        match self {
            Failure::Usage(message) => Some(message.clone()),
            Failure::Failed(error) => Some(chain(error)),
            Failure::Signal(_) => None,
        }
    }

    /// A usage error.
    pub fn usage(message: impl fmt::Display) -> Failure {
        Failure::Usage(message.to_string())
    }
}

/// An error and its causes, each once: many have their cause in their own words.
fn chain(error: &anyhow::Error) -> String {
    let mut message = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !message.contains(&cause) {
            message.push_str(": ");
            message.push_str(&cause);
        }
    }
    message
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure::Failed(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot create it: {source}")]
    struct WithItsCause {
        source: io::Error,
    }

    #[test]
    fn a_cause_is_reported_once() {
        let source = io::Error::from_raw_os_error(30);
        let failure = Failure::from(WithItsCause { source });
        let once = "cannot create it: Read-only file system (os error 30)";
        assert_eq!(failure.message().as_deref(), Some(once));
        let apart = anyhow::anyhow!("the cause").context("what failed");
        assert_eq!(
            Failure::from(apart).message().as_deref(),
            Some("what failed: the cause")
        );
    }
}
