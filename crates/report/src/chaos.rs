//! What `cargo xtask chaos` saves: which faults were injected into the programs, and how they ended.

use serde::{Deserialize, Serialize};

use crate::Machine;

/// One run of chaos.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chaos {
    /// [`crate::SCHEMA`].
    pub schema: u32,
    /// When it began, in UTC, as RFC 3339 writes it.
    pub date: String,
    /// Where.
    pub machine: Machine,
    /// Random seed; with its number it determines a round.
    pub seed: u64,
    /// Records of the dataset.
    pub records: u64,
    /// How long it took.
    pub seconds: f64,
    /// How the rounds ended.
    pub rounds: ChaosRounds,
    /// Faults, by kind, sorted by name.
    #[serde(rename = "harms")]
    pub faults: Vec<ChaosFault>,
    /// Guarantees that were violated.
    pub failures: Vec<ChaosFailure>,
}

/// How rounds ended. A round that violated a guarantee is in `failed` alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ChaosRounds {
    /// All of them.
    pub all: u64,
    /// Answered, bit-identical to the right answer.
    pub right: u64,
    /// Of those, the ones with faults.
    pub right_under_harm: u64,
    /// Ended with one clear error and a documented exit code.
    pub clear_error: u64,
    /// Ended by the signal that they were sent.
    pub signalled: u64,
    /// Violated a guarantee.
    pub failed: u64,
    /// The longest, in seconds.
    pub slowest_seconds: f64,
    /// The longest from a program's end to the end of all that it had started, in seconds.
    pub slowest_cleanup_seconds: f64,
}

/// One kind of fault.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChaosFault {
    /// Its name: `kill-worker`.
    pub kind: String,
    /// How often it was due.
    pub planned: u64,
    /// How often it was injected: a round may be over before.
    pub done: u64,
    /// Rounds with it whose answer was right.
    pub right: u64,
    /// Those that ended with one clear error.
    pub clear_error: u64,
    /// Those that ended by their signal.
    pub signalled: u64,
    /// Those that violated a guarantee.
    pub failed: u64,
}

/// A guarantee that was violated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChaosFailure {
    /// The round.
    pub round: u64,
    /// Which guarantee: `wrong-answer`, `hang`, `panic`, `unclear-error`, `unprovoked-error`,
    /// `left-process`, `left-segment`, `left-file`.
    pub kind: String,
    /// What was seen.
    pub what: String,
    /// The command that runs the round again.
    pub replay: String,
}
