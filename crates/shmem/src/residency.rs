//! How much of a file the page cache holds, asked without touching the file (cachestat(2), since
//! Linux 6.5).

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use crate::sys;

/// cachestat(2) has one number on all architectures that matter here; libc does not name it yet.
const SYS_CACHESTAT: libc::c_long = 451;

/// Pages of a range of a file, and those of them in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Residency {
    /// Pages that the range touches.
    pub total_pages: u64,
    /// Those of them in the page cache; 0 where the kernel does not say.
    pub cached_pages: u64,
    /// Whether the kernel said.
    pub known: bool,
}

impl Residency {
    /// The part in memory, 0 to 1; an empty range is wholly there.
    pub fn fraction(&self) -> f64 {
        if self.total_pages == 0 {
            1.0
        } else {
            self.cached_pages as f64 / self.total_pages as f64
        }
    }
}

/// How much of `len` bytes at `offset` the page cache holds.
///
/// A kernel that is too old, a sandbox that refuses the call and a file that has no page cache all
/// count as nothing resident.
pub fn resident(file: &impl AsFd, offset: u64, len: u64) -> Residency {
    let page = sys::page_size();
    let total_pages = match len {
        0 => 0,
        _ => (offset.saturating_add(len) - 1) / page - offset / page + 1,
    };
    // To the call a length of 0 means "to the end of the file".
    let cached = if len == 0 {
        Some(0)
    } else {
        cachestat(file.as_fd(), offset, len)
    };
    Residency {
        total_pages,
        cached_pages: cached.unwrap_or(0).min(total_pages),
        known: cached.is_some(),
    }
}

/// `struct cachestat_range` of linux/mman.h.
#[repr(C)]
struct CachestatRange {
    offset: u64,
    len: u64,
}

/// `struct cachestat` of linux/mman.h: counts of pages.
#[repr(C)]
#[derive(Default)]
struct Cachestat {
    cached: u64,
    dirty: u64,
    writeback: u64,
    evicted: u64,
    recently_evicted: u64,
}

fn cachestat(file: BorrowedFd<'_>, offset: u64, len: u64) -> Option<u64> {
    let range = CachestatRange { offset, len };
    let mut answer = Cachestat::default();
    // SAFETY: both pointers are to live structs laid out as the kernel's header has them, the
    // second writable; the last argument (flags) must be 0.
    let result = unsafe {
        libc::syscall(
            SYS_CACHESTAT,
            file.as_raw_fd(),
            &raw const range,
            &raw mut answer,
            0 as libc::c_uint,
        )
    };
    (result == 0).then_some(answer.cached)
}
