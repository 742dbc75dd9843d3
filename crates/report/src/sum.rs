//! What `coordinator sum --format json` prints: exactly one [`Sum`], or nothing if it failed.

use serde::{Deserialize, Serialize};

use crate::axes::{StartMethod, Transport};
use crate::machine::Machine;
use crate::process::{Coordinator, Ended, Event, Memory};
use crate::rank::Rank;
use crate::seconds::Seconds;

/// One run of the main job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sum {
    /// [`crate::SCHEMA`].
    pub schema: u32,
    /// The coordinator's version.
    pub version: String,
    /// The version of the protocol that it speaks with its workers.
    pub protocol: u32,
    /// Where it ran.
    pub machine: Machine,
    /// What was summed.
    pub dataset: Dataset,
    /// How.
    pub plan: Plan,
    /// The answer.
    pub result: SumResult,
    /// Batches that were dispatched again because their worker had died.
    pub retries: u64,
    /// How long each phase took.
    pub seconds: Seconds,
    /// What each process held.
    pub memory: MemoryReport,
    /// The coordinator's own timeline.
    pub coordinator: Coordinator,
    /// Every worker that ever was ready, in the order of their names.
    pub workers: Vec<Worker>,
    /// Of a run over several machines, its ranks in order; otherwise empty and left out.
    /// `coordinator` is then that of rank 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranks: Vec<Rank>,
}

/// The dataset of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dataset {
    /// The path, as given by the user; of several shards, the first one's.
    pub path: String,
    /// Number of shards, of a run over several machines; otherwise left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shards: Option<u64>,
    /// Number of records.
    pub records: u64,
    /// Bytes of one record.
    pub itemsize: u64,
    /// The column that was summed; null for a dataset without named fields.
    pub field: Option<String>,
    /// Bytes of all records, the header not counted.
    pub bytes: u64,
}

/// How a run was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// How workers were started; null where they were external workers (`--listen`).
    pub start_method: Option<StartMethod>,
    /// How batches reached them.
    pub transport: Transport,
    /// Number of workers.
    pub workers: u32,
    /// Number of batches.
    pub batches: u64,
}

/// The answer of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SumResult {
    /// The correctly rounded sum; null where it is not finite, since JSON has no word for that.
    pub sum: Option<f64>,
    /// The sum's bits as Python's `float.hex` writes them, or `inf`, `-inf`, `nan`.
    pub sum_hex: String,
    /// Of a column of integers or bools: the exact sum in decimal digits, as a string, since it may be
    /// beyond what a JSON number holds. Otherwise left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum_int: Option<String>,
    /// Values that were summed: those that are not NaN.
    pub count: u64,
    /// NaN values, which were left out.
    pub nan_count: u64,
}

/// Memory of all processes of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryReport {
    /// The coordinator's.
    pub coordinator: Memory,
    /// That of each worker which lived long enough to report it, in the order of their names.
    pub workers: Vec<Memory>,
}

/// One worker's life.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Worker {
    /// `ForkProcess-1`, `SpawnProcess-2`, `ForkServerProcess-3`.
    pub name: String,
    /// Process id.
    pub pid: u32,
    /// Of a run over several machines, the rank that it worked for; otherwise left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<u32>,
    /// Batches that it finished.
    pub batches: u64,
    /// How it ended; null where that is not known.
    pub ended: Option<Ended>,
    /// What it did and when, oldest first.
    pub events: Vec<Event>,
    /// Events that are missing in `events` because there were too many.
    #[serde(default)]
    pub events_dropped: u64,
}
