//! What counting costs an allocation: pairs of `alloc` and `dealloc`, with the system's allocator and
//! with the counting one, in one thread and in all.
//!
//! `cargo run --release -p shmem --example allocator_cost`

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::time::Instant;

use shmem::CountingAllocator;

const PAIRS: u32 = 20_000_000;

fn main() {
    let all = std::thread::available_parallelism().map_or(1, usize::from);
    for threads in [1, all] {
        for (size, align) in [(64, 8), (4096, 8)] {
            let layout = Layout::from_size_align(size, align).expect("a power of two");
            let system = nanoseconds(&System, layout, threads);
            let counting = nanoseconds(&CountingAllocator, layout, threads);
            println!(
                "{threads} threads, {size} bytes: {system:.1} ns a pair, counted {counting:.1} ns"
            );
        }
    }
}

/// The best of five rounds, nanoseconds a pair.
fn nanoseconds(allocator: &(impl GlobalAlloc + Sync), layout: Layout, threads: usize) -> f64 {
    let round = || {
        let start = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| (0..PAIRS).for_each(|_| pair(allocator, layout)));
            }
        });
        start.elapsed().as_nanos() as f64 / f64::from(PAIRS)
    };
    (0..5).map(|_| round()).fold(f64::INFINITY, f64::min)
}

fn pair(allocator: &impl GlobalAlloc, layout: Layout) {
    // SAFETY: the layout is not empty, and the block, which is not null, goes back to the allocator
    // and with the layout that it came from.
    unsafe {
        let block = black_box(allocator.alloc(layout));
        assert!(!block.is_null());
        allocator.dealloc(block, layout);
    }
}
