//! What a pool is configured with, and what a task and a worker are described by.

/// Nanoseconds in a millisecond.
pub(crate) const MS: u64 = 1_000_000;

/// Expected time of the entries that a worker with a lane holds at most. Short, so that little has
/// to be recalled; long enough to hide the coordinator's latency.
pub const CREDIT_NS: u64 = MS;

/// Work that is worth waking another worker for.
pub const WORTH_WAKING_NS: u64 = 50_000;

/// The shortest and the longest pause before a worker is started again after a failure.
pub const BACKOFF_NS: (u64, u64) = (10 * MS, 1000 * MS);

/// How often a call that cannot be sent for a transient reason is tried.
pub const SEND_ATTEMPTS: u32 = 10;

/// Limits of a pool.
#[derive(Debug, Clone)]
pub struct Config {
    /// How many workers the pool keeps, or, where workers are external, how many it waits for first.
    pub workers: u32,
    /// Whether workers are external: they come by [`Engine::join`](crate::Engine::join), and the
    /// engine never asks to start one.
    pub external: bool,
    /// How many tasks may be unresolved at once.
    pub bound: usize,
    /// How long a worker may take to get ready, and for how long the pool goes on without any.
    pub start_timeout_ns: u64,
    /// How long a worker may take to end after it was asked to, and to claim or publish.
    pub grace_ns: u64,
    /// A worker is replaced after it has answered this many tasks.
    pub recycle_tasks: Option<u64>,
    /// A worker is replaced once it reports more resident memory than this, in bytes.
    pub recycle_bytes: Option<u64>,
    /// The deliberate defect of a test build.
    #[cfg(feature = "defects")]
    pub defect: Option<crate::Defect>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            workers: 1,
            external: false,
            bound: usize::MAX,
            start_timeout_ns: 30_000 * MS,
            grace_ns: 5_000 * MS,
            recycle_tasks: None,
            recycle_bytes: None,
            #[cfg(feature = "defects")]
            defect: None,
        }
    }
}

/// What the coordinator can do with a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// It can be signalled; otherwise it can only be disconnected.
    pub signal: bool,
    /// It has a lane: it claims entries one by one, and unclaimed entries can be recalled. Without
    /// one it has a single call outstanding, which has begun when it is sent.
    pub lane: bool,
    /// Another one is started after its end.
    pub replace: bool,
}

/// A task as the engine knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskSpec {
    /// Tasks of one class are expected to take about the same time. Classes are small numbers, given
    /// by the caller from 0 on.
    pub class: u32,
    /// How often it is run again after a worker died running it; 0 for at most once.
    pub retries: u32,
    /// How long it may run.
    pub limit_ns: Option<u64>,
    /// It is alone on its worker, as where its input is a stream.
    pub exclusive: bool,
}
