//! Asks memory for what will be read soon. The arithmetic between two reads fills a CPU's window of
//! instructions, so that few cache lines are under way at a time, and the hardware's own looking
//! ahead stops at the end of each page: without this the kernels wait for memory's latency, and
//! reach between a quarter and four fifths of its bandwidth.

/// Bytes ahead of the records being summed; found by measuring. Half of it falls short for plain
/// doubles; hints other than the nearest cache do worse.
const AHEAD: usize = 4096;

/// Bytes of a cache line; where lines are longer, some requests are made twice.
pub(in crate::sum) const LINE: usize = 64;

/// Asks for the cache line that lies some way beyond the start of `records`, be it in the slice or
/// not: a hint, never a read.
#[inline(always)]
pub(in crate::sum) fn prefetch(records: &[u8], offset: usize) {
    let address = records.as_ptr().wrapping_add(AHEAD + offset);
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch of any address, mapped or not, has no effect but on caches.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address.cast());
    }
    // No stable way to ask on other architectures.
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}
