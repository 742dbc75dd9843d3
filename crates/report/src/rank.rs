//! What a run over several machines says of each of its ranks.

use serde::{Deserialize, Serialize};

use crate::process::{Coordinator, Memory};
use crate::seconds::Seconds;

/// One rank: a process that MPI has started, with a pool of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rank {
    /// Its number.
    pub rank: u32,
    /// The number of its machine, counted from 0 in the order of ranks. Machines are not named.
    pub machine: u32,
    /// How its clock was set against that of rank 0.
    pub clock: ClockOffset,
    /// Number of its workers.
    pub workers: u32,
    /// Records that it had summed.
    pub records: u64,
    /// Its phases; `total` is its own `start` + `run`.
    pub seconds: Seconds,
    /// What the rank's process held.
    pub memory: Memory,
    /// Its own timeline.
    pub coordinator: Coordinator,
}

/// How a rank's event times became times of rank 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClockOffset {
    /// Seconds that were taken from the times of its own clock. 0 on the machine of rank 0.
    pub offset: f64,
    /// How far its event times may be off for that, in seconds. 0 on the machine of rank 0, which
    /// has one clock for all.
    pub error: f64,
}
