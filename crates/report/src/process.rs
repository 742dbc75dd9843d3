//! What is said of one process: its memory and its events.

use serde::{Deserialize, Serialize};

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
