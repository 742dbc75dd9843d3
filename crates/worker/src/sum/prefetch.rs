//! Asks memory for what will be read soon. The arithmetic between two reads fills a CPU's window of
//! instructions, so that few cache lines are under way at a time, and the hardware's own looking
//! ahead stops at the end of each page: without this the kernels wait for memory's latency, and
//! reach between a quarter and four fifths of the rate of a plain read.
//!
//! Each line is asked for twice: from far, which is what hides the latency, into the roomier second
//! cache, and from near into the first. Distances and stages were found by measuring.

/// Bytes of records that stand or fall together: what did not fit the lanes is read once more, and
/// should then still be in the L2 cache. A quarter of a block, one of the parts that are read side by
/// side, ends between pages and between groups of the original study's records alike.
pub(super) const BLOCK_BYTES: usize = 48 << 10;

/// Bytes ahead of the records being summed at which a line is asked into the second cache: the
/// same place in the next block, since the parts of a block are read side by side.
const FAR: usize = BLOCK_BYTES;

/// The same for the first cache.
const NEAR: usize = 2 << 10;

/// Bytes of a cache line; where lines are longer, some requests are made twice.
pub(super) const LINE: usize = 64;

/// Asks for the cache lines that lie some way beyond `records[offset]`, be they in the slice or not:
/// a hint, never a read.
#[inline(always)]
pub(super) fn prefetch(records: &[u8], offset: usize) {
    let far = records.as_ptr().wrapping_add(offset + FAR);
    let near = records.as_ptr().wrapping_add(offset + NEAR);
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch of any address, mapped or not, has no effect but on caches.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _MM_HINT_T1, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T1>(far.cast());
        _mm_prefetch::<_MM_HINT_T0>(near.cast());
    }
    // Elsewhere distances are still to be found by measuring.
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (far, near);
}
