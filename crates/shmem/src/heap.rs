//! What this program holds of heap: its allocator's bytes and the private regions taken through
//! this crate, now and at most so far. The figures are the allocator's own view (as Python's
//! tracemalloc has its), beside which the kernel's stand in `smaps`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The system's allocator, counting. A binary that wants heap figures installs it:
///
/// ```
/// #[global_allocator]
/// static ALLOCATOR: shmem::CountingAllocator = shmem::CountingAllocator;
/// # let text = vec![0u8; 1 << 20];
/// # assert!(shmem::heap().current >= 1 << 20);
/// # drop(text);
/// ```
///
/// Where it is not installed, `heap` counts private regions alone. A forked child goes on from its
/// parent's figures, since it inherits what they count.
#[derive(Clone, Copy, Debug, Default)]
pub struct CountingAllocator;

/// Bytes held: requested sizes, without the allocator's own overhead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heap {
    /// Bytes held now.
    pub current: u64,
    /// The most bytes ever held.
    pub peak: u64,
}

/// Both counters on a line of their own: nothing else is slowed down by their traffic.
#[repr(align(128))]
struct Counters {
    current: AtomicU64,
    peak: AtomicU64,
}

static COUNTERS: Counters = Counters {
    current: AtomicU64::new(0),
    peak: AtomicU64::new(0),
};

/// The figures of this process.
pub fn heap() -> Heap {
    let current = COUNTERS.current.load(Relaxed);
    // A thread that has added, and not yet raised the peak, must not show as current > peak.
    Heap {
        current,
        peak: COUNTERS.peak.load(Relaxed).max(current),
    }
}

/// Counts `bytes` taken past the allocator.
#[inline]
pub fn add(bytes: u64) {
    let current = COUNTERS.current.fetch_add(bytes, Relaxed) + bytes;
    // The load keeps the common case, below an earlier peak, free of a second locked instruction.
    if current > COUNTERS.peak.load(Relaxed) {
        COUNTERS.peak.fetch_max(current, Relaxed);
    }
}

/// Counts `bytes` given back, which [`add`] had counted.
#[inline]
pub fn sub(bytes: u64) {
    COUNTERS.current.fetch_sub(bytes, Relaxed);
}

// SAFETY: every call goes to `System` with the caller's own arguments, and its answer goes back
// unchanged; the counters allocate nothing.
unsafe impl GlobalAlloc for CountingAllocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's guarantee, passed on.
        let at = unsafe { System.alloc(layout) };
        if !at.is_null() {
            add(layout.size() as u64);
        }
        at
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's guarantee, passed on.
        let at = unsafe { System.alloc_zeroed(layout) };
        if !at.is_null() {
            add(layout.size() as u64);
        }
        at
    }

    #[inline]
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's guarantee, passed on.
        unsafe { System.dealloc(at, layout) };
        sub(layout.size() as u64);
    }

    #[inline]
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller's guarantee, passed on.
        let new = unsafe { System.realloc(at, layout, new_size) };
        if !new.is_null() {
            // The difference alone: old and new are never counted together, as a block that grows
            // in place (or by mremap) never holds both.
            let (old, new) = (layout.size() as u64, new_size as u64);
            if new > old {
                add(new - old)
            } else {
                sub(old - new)
            }
        }
        new
    }
}
