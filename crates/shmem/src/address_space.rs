//! The limit on a process's address space (`ulimit -v`), of which every mapping takes its length.

use std::fs;

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

use crate::sys;

/// Left to the program itself: stacks of helper threads, heaps, libraries. Without it the next
/// small allocation would end the program, where a large one could still be refused.
const HEADROOM: u64 = 64 << 20;

/// A limited address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressSpace {
    /// The limit, bytes (`RLIMIT_AS`).
    pub limit: u64,
    /// Bytes that large mappings may take, now.
    pub available: u64,
}

impl AddressSpace {
    /// That of this process; `None` where it is not limited.
    pub fn now() -> Option<AddressSpace> {
        let (limit, _) = getrlimit(Resource::RLIMIT_AS).ok()?;
        if limit == RLIM_INFINITY {
            return None;
        }
        let statm = fs::read_to_string("/proc/self/statm").ok()?;
        let pages: u64 = statm.split(' ').next()?.parse().ok()?;
        let used = pages * sys::page_size() + HEADROOM;
        Some(AddressSpace {
            limit,
            available: limit.saturating_sub(used),
        })
    }
}
