//! The numbers that callers see.

use std::sync::atomic::{AtomicU32, Ordering};
use wire::RegionId;

/// Names a task of one pool; rises by one with every submission.
pub type TaskId = u64;
/// Names a worker of one pool; rises by one with every start, from 1.
pub type WorkerId = u32;

/// A number that no other pool or region of this process has, so that what belongs to one pool is
/// refused by the others.
fn unique(counter: &AtomicU32) -> u32 {
    counter.fetch_add(1, Ordering::Relaxed)
}

/// A number for a new pool.
pub fn new_pool() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    unique(&NEXT)
}

/// A number for a new region.
pub fn new_region() -> RegionId {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    unique(&NEXT)
}
