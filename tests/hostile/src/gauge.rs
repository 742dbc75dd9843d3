//! How much memory a piece of work held at most: an allocator that counts by thread.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

/// The system's allocator, counting. A program that runs targets installs it; in one that does
/// not, no bound is ever exceeded.
#[derive(Debug, Clone, Copy)]
pub struct Gauge;

/// Runs `work` and asserts that this thread never held more than `bound` bytes more than before.
pub(crate) fn bounded<T>(bound: usize, work: impl FnOnce() -> T) -> T {
    let before = HELD.get();
    PEAK.set(before);
    let result = work();
    let most = PEAK.get() - before;
    assert!(
        most <= bound as isize,
        "{most} bytes were held, {bound} are allowed"
    );
    result
}

fn count(bytes: isize) {
    // Threads that are ending have no counters any more, and run no targets.
    let _ = HELD.try_with(|held| {
        held.set(held.get() + bytes);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(held.get())));
    });
}

// SAFETY: every call goes to `System` with the caller's own arguments, and its answer goes back
// unchanged; the counters allocate nothing.
unsafe impl GlobalAlloc for Gauge {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller guarantees it, by the contract of this method.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller guarantees it, by the contract of this method.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller guarantees it, by the contract of this method.
        unsafe { System.dealloc(at, layout) };
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size as isize - layout.size() as isize);
        // SAFETY: the caller guarantees it, by the contract of this method.
        unsafe { System.realloc(at, layout, new_size) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[global_allocator]
    static GAUGE: Gauge = Gauge;

    #[test]
    fn what_is_held_at_once_counts() {
        bounded(2_000, || {
            for _ in 0..10 {
                std::hint::black_box(vec![1u8; 1_500]);
            }
        });
        let beyond = std::panic::catch_unwind(|| {
            bounded(2_000, || std::hint::black_box(vec![1u8; 3_000]).len())
        });
        assert!(beyond.is_err());
    }
}
