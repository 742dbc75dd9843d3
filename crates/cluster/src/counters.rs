//! What is counted of each rank.

/// What a rank is, has and has done. Given by [`Pool::ranks`](crate::Pool::ranks).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rank {
    /// Its number; 0 runs the program.
    pub rank: usize,
    /// Its machine's name.
    pub host: String,
    /// Its workers.
    pub workers: usize,
    /// Calls that it has and that have no result.
    pub running: u64,
    /// Calls whose results it has given.
    pub done: u64,
    /// Packs of calls that it was given.
    pub packs: u64,
    /// Calls that it has given back to be run elsewhere.
    pub recalled: u64,
    /// Bytes of all messages that rank 0 has sent to it.
    pub sent_bytes: u64,
    /// Bytes of arrays among them.
    pub array_bytes: u64,
}
