//! Advice on memory that belongs to someone else.

use std::mem::MaybeUninit;

use crate::sys;

/// Asks for huge pages for the whole pages of `memory`, which is not written yet.
///
/// Nothing happens where the kernel gives none, or where `memory` is smaller than one: huge pages
/// are an advice, and small ones serve as well.
pub fn advise_huge_pages<T>(memory: &mut [MaybeUninit<T>]) {
    let Some(huge) = sys::huge_page_size() else {
        return;
    };
    let page = sys::page_size() as usize;
    let end = memory.as_ptr_range().end.addr() / page * page;
    let start = memory.as_mut_ptr().cast::<libc::c_void>();
    let start = start.map_addr(|address| address.next_multiple_of(page));
    let len = end.saturating_sub(start.addr());
    if len < huge as usize {
        return;
    }
    // SAFETY: whole pages within memory that is borrowed for writing; the advice changes nothing of
    // what is in them. A refusal leaves them small.
    let _ = unsafe { libc::madvise(start, len, libc::MADV_HUGEPAGE) };
}
