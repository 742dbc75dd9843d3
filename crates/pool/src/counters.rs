//! What a pool has done and is doing, readable at any time.

/// Numbers of a pool. All but the first three only rise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Tasks that wait for a worker.
    pub queued: u64,
    /// Tasks that workers have been sent and have not answered.
    pub running: u64,
    /// Workers that are alive.
    pub workers: u64,
    /// Tasks that gave an output.
    pub done: u64,
    /// Tasks that gave none.
    pub failed: u64,
    /// Times that a task was run again because its worker had died.
    pub retried: u64,
    /// Workers started.
    pub started: u64,
    /// Workers that died without having been told to leave.
    pub died: u64,
    /// Bytes of input streamed through sockets.
    pub streamed: u64,
}
