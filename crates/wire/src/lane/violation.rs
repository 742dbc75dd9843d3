//! What a peer may have done wrong. Each of these ends the lane: its worker is killed, or the worker exits.

use thiserror::Error;

/// The other side broke the protocol: only a defect or a hostile process does that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Violation {
    /// A cursor went back, or further than it can be.
    #[error("the lane's {word} is {found}, which is not within {min} to {max}")]
    Cursor {
        /// The name of the word.
        word: &'static str,
        /// What it holds.
        found: u64,
        /// The least that it can be.
        min: u64,
        /// The most that it can be.
        max: u64,
    },
    /// More than one call is claimed and has no result.
    #[error("the worker claimed {claimed} calls at once")]
    ClaimedMany {
        /// How many.
        claimed: u64,
    },
    /// A result is not that of the next call.
    #[error("the worker published a result of call {found}, the next one is call {expected}")]
    Index {
        /// The low 32 bits of the index in the record.
        found: u32,
        /// The index that is next.
        expected: u64,
    },
    /// A result belongs to a call that the worker has not claimed.
    #[error("the worker published a result of call {index}, which it has not claimed")]
    NotClaimed {
        /// The call.
        index: u64,
    },
    /// A record or a call slot has a length or a flag that cannot be.
    #[error("call {index} has a malformed {what} in the lane ({word:#x})")]
    Malformed {
        /// The call.
        index: u64,
        /// The call's slot or the result's record.
        what: &'static str,
        /// The word that was read.
        word: u64,
    },
    /// The lane changed after the death of its worker: another process holds it.
    #[error("the lane changed after its worker had died")]
    ChangedAfterDeath,
}
