//! How the board is laid out, and how items are shared out.

/// Words of the board from one child's to the next's: a cache line.
pub(super) const STRIDE: usize = 8;
/// Shares that the items left are cut into, for each worker: what the last share costs is what
/// workers wait for each other at the end.
pub(super) const SHARES: usize = 64;
/// The most items that a worker takes at once.
pub(super) const MAX_SHARE: usize = 1024;
