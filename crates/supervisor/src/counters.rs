//! What a pool has done and is doing, readable at any time.

use shmem::ResidentMemory;

/// Numbers of a pool. All but `queued`, `running`, `workers` and `rss` only rise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Tasks that no worker has begun.
    pub queued: u64,
    /// Tasks that workers have begun and not answered.
    pub running: u64,
    /// Workers that are alive.
    pub workers: u64,
    /// Tasks that gave an output.
    pub done: u64,
    /// Tasks that gave none.
    pub failed: u64,
    /// Times that a task was run again because its worker had died.
    pub retried: u64,
    /// Workers started, those that others replace included.
    pub started: u64,
    /// Workers started in place of others: of those that died, and of those that were due for recycling.
    pub respawned: u64,
    /// Workers that died without having been asked to leave.
    pub died: u64,
    /// Peers that came to the pool's path and were turned away: unauthorized ones, and those that did not
    /// get ready.
    pub refused: u64,
    /// Bytes of input streamed through sockets.
    pub streamed: u64,
    /// Resident memory of all workers now, in bytes; pages that they share count for each.
    pub rss: u64,
}

/// Resident memory of processes, those that have ended left out.
pub fn rss(pids: impl IntoIterator<Item = u32>) -> u64 {
    pids.into_iter()
        .filter_map(|pid| Some(ResidentMemory::of(pid).ok()?.rss))
        .sum()
}
