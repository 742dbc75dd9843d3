//! What a forked child may and may not do with its parent's memory. It forks, so it has a `main` of
//! its own instead of Rust's multi-threaded test harness.

use std::path::Path;
use std::sync::Arc;

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};
use shmem::{Arena, PrivateMemory, ProcessMemory, Segment, Span};

#[global_allocator]
static ALLOCATOR: shmem::CountingAllocator = shmem::CountingAllocator;

const MIB: u64 = 1 << 20;

fn main() {
    a_child_that_drops_a_segment_does_not_unlink_it();
    a_lock_outlives_the_childs_copy();
    inherited_memory_is_private_to_neither_until_it_is_written();
    memory_that_is_not_forked_is_not_there();
    the_heap_figures_go_on_in_the_child();
    an_arena_that_was_made_private_is_the_childs_own();
    println!("forked: 6 passed");
}

fn a_child_that_drops_a_segment_does_not_unlink_it() {
    let segment = Segment::create(1).expect("a segment");
    let path = Path::new("/dev/shm").join(&segment.name().as_str()[1..]);
    let mut segment = Some(segment);
    in_a_child(|| drop(segment.take()));
    assert!(path.exists(), "a child's drop unlinked the segment");
    drop(segment);
    assert!(!path.exists());
}

fn a_lock_outlives_the_childs_copy() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut segment = Some(Segment::create_in(directory.path(), 1).expect("a segment"));
    in_a_child(|| drop(segment.take()));
    let name = segment.as_ref().expect("the parent's copy").name().clone();
    let path = directory.path().join(&name.as_str()[1..]);
    // As if its owner could not be seen from here: the name of a dead one, the lock still held.
    let dead = directory.path().join("handoff-4194305-1-00000000000000ab");
    std::fs::rename(&path, &dead).expect("a rename");
    assert_eq!(
        shmem::leftovers_in(directory.path())
            .expect("a directory")
            .count(),
        0
    );
    drop(segment);
    assert_eq!(
        shmem::leftovers_in(directory.path())
            .expect("a directory")
            .count(),
        1
    );
}

fn an_arena_that_was_made_private_is_the_childs_own() {
    let arena = Arc::new(Arena::create(64 * MIB).expect("an arena"));
    // SAFETY: this process, then its child, is the only one that uses the range.
    let mut span = unsafe { Span::of_arena(&arena, 0, 2 * MIB) }.expect("a span");
    span.as_mut_slice().fill(1);
    in_a_child(|| {
        arena.make_private(2 * MIB).expect("a private mapping");
        arena.copy_pages(0, 2 * MIB);
        assert!(span.as_slice().iter().all(|&byte| byte == 1));
        span.as_mut_slice().fill(2);
        assert!(span.as_slice().iter().all(|&byte| byte == 2));
    });
    assert!(
        span.as_slice().iter().all(|&byte| byte == 1),
        "the child wrote into its parent's memory"
    );
}

fn inherited_memory_is_private_to_neither_until_it_is_written() {
    let mut memory = PrivateMemory::zeroed(32 * MIB).expect("memory");
    memory.as_mut_slice().fill(1);
    let private = || {
        ProcessMemory::of(std::process::id())
            .expect("own memory")
            .private
    };
    assert!(private() >= 32 * MIB);
    in_a_child(|| {
        let inherited = private();
        assert!(
            inherited < 16 * MIB,
            "{inherited} bytes private at the start"
        );
        memory.as_mut_slice()[..(8 * MIB) as usize].fill(2);
        let copied = private() - inherited;
        assert!(
            (8 * MIB..16 * MIB).contains(&copied),
            "{copied} bytes copied"
        );
    });
    assert_eq!(memory.slice(0, 1).expect("inside"), [1]);
}

fn memory_that_is_not_forked_is_not_there() {
    let mut memory = PrivateMemory::zeroed(4 * MIB).expect("memory");
    memory.as_mut_slice().fill(1);
    memory.dont_fork(true).expect("advice");
    // SAFETY: this process has one thread.
    let child = match unsafe { fork() }.expect("a child") {
        ForkResult::Child => {
            let first = memory.slice(0, 1).expect("inside")[0];
            // SAFETY: ends this process at once, running nothing of the parent's.
            unsafe { libc::_exit(first.into()) }
        }
        ForkResult::Parent { child } => child,
    };
    let status = waitpid(child, None).expect("its end");
    assert!(
        matches!(
            status,
            WaitStatus::Signaled(_, nix::sys::signal::SIGSEGV, _)
        ),
        "{status:?}"
    );
}

fn the_heap_figures_go_on_in_the_child() {
    let block = vec![1u8; 3 << 20];
    let parent = shmem::heap();
    assert!(parent.current >= 3 * MIB);
    in_a_child(|| {
        assert_eq!(shmem::heap(), parent);
        let grown = std::hint::black_box(vec![0u8; 5 << 20]);
        assert!(shmem::heap().peak >= parent.current + 5 * MIB);
        drop(grown);
        assert_eq!(shmem::heap().current, parent.current);
        let mut text: Vec<u8> = Vec::with_capacity(1 << 10);
        text.reserve_exact(1 << 20);
        assert!(shmem::heap().current >= parent.current + MIB);
        text.shrink_to(1 << 10);
        assert!(shmem::heap().current < parent.current + MIB);
    });
    assert_eq!(shmem::heap().current, parent.current);
    drop(block);
}

/// Runs `work` in a forked child, and fails if it does.
fn in_a_child(work: impl FnOnce()) {
    // SAFETY: this process has one thread, so the child may do anything.
    match unsafe { fork() }.expect("a child") {
        ForkResult::Child => {
            let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err();
            // SAFETY: ends this process at once, without running the parent's exit handlers.
            unsafe { libc::_exit(failed.into()) }
        }
        ForkResult::Parent { child } => {
            let status = waitpid(child, None).expect("its end");
            assert!(
                matches!(status, WaitStatus::Exited(_, 0)),
                "the child failed: {status:?}"
            );
        }
    }
}
