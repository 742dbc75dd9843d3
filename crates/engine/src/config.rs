//! What a pool is configured with, and what a task and a worker are described by.

/// Nanoseconds in a millisecond.
pub(crate) const MS: u64 = 1_000_000;

/// How long a worker with a lane may make no progress before what it has not begun is recalled for others.
pub const CREDIT_NS: u64 = MS;
/// Expected time of the entries that a worker with a lane holds at most. Short, so that little has to be
/// recalled; twice as long as results may go unseen, so that it has work while the coordinator looks.
pub(crate) const AHEAD_NS: u64 = 2 * MS;

/// Work that is worth waking another worker for.
pub const WORTH_WAKING_NS: u64 = 50_000;
/// Recalls in a row that may bring nothing back: of half of what a worker has ahead, then of all.
pub(crate) const FRUITLESS: u32 = 2;

/// The shortest and the longest pause before a worker is started again after a failure.
pub const BACKOFF_NS: (u64, u64) = (10 * MS, 1000 * MS);

/// How often a call that cannot be sent for a transient reason is tried.
pub const SEND_ATTEMPTS: u32 = 10;

/// Limits of a pool.
#[derive(Debug, Clone)]
pub struct Config {
    /// How many workers the pool keeps at least, or, where workers are external, how many it waits
    /// for first. More are started while tasks wait.
    pub min: u32,
    /// How many workers take tasks at most.
    pub max: u32,
    /// Ready workers that the pool keeps beside those that take tasks. One of them takes the place
    /// of a worker that ends, at once.
    pub spare: u32,
    /// How long a worker above `min` may be idle before it is asked to exit.
    pub idle_timeout_ns: Option<u64>,
    /// How long a running task has to end after it was asked to, before its worker is ended; 0 for
    /// ending the worker at once.
    pub soft_ns: u64,
    /// Whether workers are external: they come by [`Engine::join`](crate::Engine::join), and the
    /// engine never asks to start one.
    pub external: bool,
    /// How many tasks may be unresolved at once.
    pub bound: usize,
    /// How many processors the workers have. Where as many workers are busy, small tasks are not taken from one for
    /// another that is idle.
    pub processors: u32,
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
            min: 1,
            max: 1,
            spare: 0,
            idle_timeout_ns: None,
            soft_ns: 0,
            external: false,
            bound: usize::MAX,
            processors: u32::MAX,
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
    /// The task that it runs can be asked to end ([`Effect::Ask`](crate::Effect::Ask)).
    pub ask: bool,
}

/// Which of the queued tasks are taken first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Priority {
    /// Before all others.
    High,
    /// As most tasks.
    #[default]
    Normal,
    /// After all others.
    Low,
}

impl Priority {
    /// The number of priorities.
    pub(crate) const COUNT: usize = 3;

    pub(crate) const fn level(self) -> usize {
        self as usize
    }
}

/// After how many tasks of higher priority one of a lower priority that waits is taken.
pub const PATIENCE: u32 = 16;

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
    /// By when it has to have its result, the time in the queue included.
    pub deadline_ns: Option<u64>,
    /// How often it is run again after it ran longer than `limit_ns`. Runs after failures count too.
    pub time_outs: u32,
    /// The pause before it is run again because of that; doubled each time.
    pub pause_ns: u64,
    /// Which of the queued tasks are taken first.
    pub priority: Priority,
    /// It is alone on its worker, as where its input is a stream.
    pub exclusive: bool,
}

impl TaskSpec {
    /// A task of class 0 that is run once and has no limit.
    #[must_use]
    pub const fn new() -> TaskSpec {
        TaskSpec {
            class: 0,
            retries: 0,
            limit_ns: None,
            deadline_ns: None,
            time_outs: 0,
            pause_ns: 0,
            priority: Priority::Normal,
            exclusive: false,
        }
    }
}

impl Default for TaskSpec {
    fn default() -> TaskSpec {
        TaskSpec::new()
    }
}
