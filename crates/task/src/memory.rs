//! This process's memory, as the events of a run report it.

use shmem::ResidentMemory;
use wire::Memory;

/// Heap and resident set now: cheap enough for every event (some tens of microseconds).
pub fn memory() -> Memory {
    let heap = shmem::heap();
    let resident = ResidentMemory::of(std::process::id()).unwrap_or_default();
    Memory {
        heap: heap.current,
        heap_peak: heap.peak,
        rss: resident.rss,
        rss_peak: resident.rss_peak,
        pss: 0,
        private: 0,
    }
}

/// As [`memory`], with `pss` and `private` from smaps. That walks the page tables, at a cost that
/// grows with what is mapped, so it is not for moments that are timed.
pub fn memory_in_full() -> Memory {
    let measured = shmem::ProcessMemory::of(std::process::id()).unwrap_or_default();
    Memory {
        pss: measured.pss,
        private: measured.private,
        ..memory()
    }
}
