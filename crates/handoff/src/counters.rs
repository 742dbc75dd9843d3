//! What a pool has done and is doing.

use task::arrays::coordinator::held_bytes;

/// Numbers of a pool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Tasks that no worker has begun.
    pub queued: u64,
    /// Tasks that workers have begun and not answered.
    pub running: u64,
    /// Workers that are alive.
    pub workers: u64,
    /// Tasks that gave a result, so far.
    pub done: u64,
    /// Tasks that failed, so far.
    pub failed: u64,
    /// Times that a task was run again because its worker had died.
    pub retried: u64,
    /// Workers started, replacements included.
    pub started: u64,
    /// Workers that died unexpectedly.
    pub died: u64,
    /// Resident memory of all workers now, in bytes; shared pages count for each.
    pub rss: u64,
    /// Shared memory of arrays that this process, open calls and workers hold, in bytes; of all pools of
    /// this process together.
    pub arrays: u64,
}

impl From<pool::Counters> for Counters {
    fn from(counters: pool::Counters) -> Counters {
        Counters {
            queued: counters.queued,
            running: counters.running,
            workers: counters.workers,
            done: counters.done,
            failed: counters.failed,
            retried: counters.retried,
            started: counters.started,
            died: counters.died,
            rss: counters.rss,
            arrays: held_bytes(),
        }
    }
}
