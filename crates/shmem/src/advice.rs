//! Advice on memory that belongs to someone else.

use std::mem::MaybeUninit;

use crate::sys;

/// Less than this, bytes, an allocator may take from memory that it keeps for others: the C library
/// maps what is longer for itself.
const OWN_MAPPING: usize = 32 << 20;

/// Asks for huge pages for `memory`, which is an allocation of its own and not written yet.
///
/// All pages that hold a part of it are asked for, with what the allocator writes before it: so the
/// mapping stays one, and moves without a copy where it grows. Nothing happens where the kernel gives no huge
/// pages, or where `memory` may lie among other allocations: small pages serve as well.
pub fn advise_huge_pages<T>(memory: &mut [MaybeUninit<T>]) {
    let len = size_of_val(memory);
    if sys::huge_page_size().is_none() || len <= OWN_MAPPING {
        return;
    }
    let page = sys::page_size() as usize;
    let start = memory.as_mut_ptr().cast::<libc::c_void>();
    let start = start.map_addr(|address| address / page * page);
    let end = memory.as_ptr_range().end.addr().next_multiple_of(page);
    let len = end - start.addr();
    // SAFETY: pages that hold memory of ours; the advice changes nothing of what is in them. A refusal leaves
    // them small.
    let _ = unsafe { libc::madvise(start, len, libc::MADV_HUGEPAGE) };
}
