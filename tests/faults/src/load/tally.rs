//! How the tasks ended.

use pool::TaskFailure;
use std::fmt;
use thiserror::Error;

/// How the tasks ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Answered, and right.
    right: u64,
    /// Failed with a reason.
    failed: u64,
}

/// The worst that can happen.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Wrong {
    /// An output that cannot be.
    #[error("wrong: {what} gave {found}, not {expected}")]
    Answer {
        /// Which task.
        what: String,
        /// Its output.
        found: String,
        /// What it should have been.
        expected: String,
    },
    /// More or fewer results than tasks.
    #[error("wrong: {found} results of {expected} {what}")]
    Count {
        /// Of which tasks.
        what: &'static str,
        /// Results.
        found: u64,
        /// Tasks.
        expected: u64,
    },
}

impl Tally {
    /// Counts a result and holds an output against what it should be.
    ///
    /// # Errors
    /// [`Wrong::Answer`].
    pub(crate) fn note<T: PartialEq + fmt::Debug>(
        &mut self,
        what: impl FnOnce() -> String,
        result: &Result<T, TaskFailure>,
        expected: &T,
    ) -> Result<(), Wrong> {
        match result {
            Ok(output) if output == expected => self.right += 1,
            Ok(output) => {
                return Err(Wrong::Answer {
                    what: what(),
                    found: format!("{output:?}"),
                    expected: format!("{expected:?}"),
                });
            }
            Err(_) => self.failed += 1,
        }
        Ok(())
    }

    /// How many results were counted.
    pub(crate) fn results(self) -> u64 {
        self.right + self.failed
    }

    /// Both together.
    pub(crate) fn add(&mut self, other: Tally) {
        self.right += other.right;
        self.failed += other.failed;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "right {} failed {}", self.right, self.failed)
    }
}
