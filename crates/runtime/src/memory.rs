//! This process's memory, as the events of a run report it.

use shmem::{Accounts, ProcessMemory, ResidentMemory};
use std::io;
use std::sync::OnceLock;
use wire::Memory;

/// Held by a worker that can open no files any more.
static ACCOUNTS: OnceLock<Accounts> = OnceLock::new();

/// From now on this process's memory is read from files that are open. To be called in a process
/// that is never going to fork.
#[cfg_attr(
    not(feature = "sandbox"),
    expect(dead_code, reason = "for the sandbox")
)]
pub(crate) fn hold_accounts() -> io::Result<()> {
    let accounts = Accounts::open()?;
    // Where they are held already, they are this process's too.
    let _ = ACCOUNTS.set(accounts);
    Ok(())
}

/// Heap and resident set now: cheap enough for every event (some tens of microseconds).
pub fn memory() -> Memory {
    let heap = shmem::heap();
    let resident = match ACCOUNTS.get() {
        Some(accounts) => accounts.resident(),
        None => ResidentMemory::of(std::process::id()),
    };
    let resident = resident.unwrap_or_default();
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
    let measured = match ACCOUNTS.get() {
        Some(accounts) => accounts.memory(),
        None => ProcessMemory::of(std::process::id()),
    };
    let measured = measured.unwrap_or_default();
    Memory {
        pss: measured.pss,
        private: measured.private,
        ..memory()
    }
}
