//! A process that has as many mappings as the kernel allows: what needs one more names the limit.
//!
//! A program of its own, since every test of a process would fail beside it.

use shmem::{Arena, Board, Span};
use std::ptr;
use std::sync::Arc;

const PAGE: usize = 4096;

/// Pages with other rights than their neighbours: each is a mapping.
fn use_up_mappings() {
    let len = (1 << 17) * PAGE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: new memory, which nothing refers to.
    let start = unsafe { libc::mmap(ptr::null_mut(), len, libc::PROT_NONE, flags, -1, 0) };
    assert_ne!(start, libc::MAP_FAILED);
    for page in (0..len).step_by(2 * PAGE) {
        // SAFETY: inside of that.
        let changed = unsafe { libc::mprotect(start.byte_add(page), PAGE, libc::PROT_READ) };
        if changed != 0 {
            return;
        }
    }
}

#[test]
fn what_needs_another_mapping_names_the_limit() {
    let most = std::fs::read_to_string("/proc/sys/vm/max_map_count").unwrap();
    if most.trim().parse::<usize>().unwrap() > 100_000 {
        eprintln!("skipped: vm.max_map_count is higher than this test goes");
        return;
    }
    let before = Arc::new(Arena::create(1 << 20).unwrap());
    use_up_mappings();
    // One or two may be left.
    let mut arenas = Vec::new();
    let refused = (0..10).find_map(|_| match Arena::create(1 << 20) {
        Ok(arena) => {
            arenas.push(arena);
            None
        }
        Err(error) => Some(error.to_string()),
    });
    let text = refused.expect("no mapping is left");
    assert!(text.contains("vm.max_map_count"), "{text}");
    assert!(Board::create(4).is_err());
    // Arrays of an arena that is mapped need none.
    for offset in (0..1 << 20).step_by(4096) {
        // SAFETY: the ranges do not overlap.
        let span = unsafe { Span::of_arena(&before, offset, 4096) };
        span.unwrap().as_mut_slice().fill(1);
    }
}
