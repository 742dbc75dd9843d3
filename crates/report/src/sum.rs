//! What `coordinator sum --format json` prints: exactly one [`Sum`], or nothing if it failed.

use serde::{Deserialize, Serialize};

use crate::{Machine, Rank, StartMethod, Transport};

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
    /// Batches that were handed out again because their worker had died.
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
    /// The path as it was given; of several shards, the first one's.
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
    /// How workers came to be; null where they came by themselves (`--listen`).
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

/// Seconds of each phase. Phases do not overlap; one that the transport does not have is 0.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Seconds {
    /// Opening the dataset; for `inherit`, reading it.
    pub load: f64,
    /// Filling a segment.
    pub share: f64,
    /// From the first start call to the last handshake.
    pub start: f64,
    /// From the first batch handed out to the last result in.
    pub run: f64,
    /// `start` + `run`.
    pub total: f64,
    /// Of a run over several machines: from when the slowest rank had its sum to when the last one
    /// was merged. Otherwise left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gather: Option<f64>,
    /// From the coordinator's `main` to just before the result is printed.
    pub end_to_end: f64,
    /// With `--repeat`: `run` of every repetition, the first one included; otherwise empty and
    /// left out. `run` itself is the first one's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repeats: Vec<f64>,
    /// True, and present, where the run was stopped and continued: its timings mean nothing.
    #[serde(default, skip_serializing_if = "is_false")]
    pub void: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_false(flag: &bool) -> bool {
    !*flag
}

/// Memory of all processes of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryReport {
    /// The coordinator's.
    pub coordinator: Memory,
    /// That of each worker which lived to tell it, in the order of their names.
    pub workers: Vec<Memory>,
}

/// Memory of one process, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// What the program's allocator holds, with the private memory that was mapped for data. A
    /// forked child begins with its parent's figure.
    pub heap: u64,
    /// The most that `heap` ever was.
    pub heap_peak: u64,
    /// Resident pages, shared ones counted in full.
    pub rss: u64,
    /// The most that `rss` ever was.
    pub rss_peak: u64,
    /// Resident pages, each divided by the number of processes that share it.
    pub pss: u64,
    /// Private pages of anonymous memory.
    pub private: u64,
}

/// The coordinator's timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Coordinator {
    /// Process id.
    pub pid: u32,
    /// What it did and when, oldest first.
    pub events: Vec<Event>,
    /// Events that are missing in `events` because there were too many.
    #[serde(default)]
    pub events_dropped: u64,
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

/// How a process ended: `{"exit": code}` or `{"signal": number}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    /// It exited with this code.
    Exit(i32),
    /// This signal killed it.
    Signal(i32),
}

/// One event of a process.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Seconds since the coordinator started, on the one monotonic clock of the machine.
    pub t: f64,
    /// What happened.
    pub what: What,
    /// The batch that it happened to, counted from 0; null where it is about the process.
    pub batch: Option<u64>,
}

/// What can happen to a process or a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// The process began.
    Started,
    /// The handshake is done (worker); all workers are ready (coordinator).
    Ready,
    /// A batch's data (worker) or its result (coordinator) is at hand.
    Received,
    /// A batch's result is computed.
    Computed,
    /// A batch (coordinator) or its result (worker) is on its way.
    Sent,
    /// The process ended.
    Ended,
}
