//! Memory that makes a probe's process as large as its claim wants it.

use anyhow::Context;
use shmem::{PrivateMemory, Room};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What this process holds. A forked child finds its parent's; another finds none.
static BALLAST: Mutex<Vec<PrivateMemory>> = Mutex::new(Vec::new());

pub(super) const MIB: u64 = 1 << 20;

/// Room that is left to the rest of the machine.
const SPARE: u64 = 512 * MIB;

pub(super) fn ballast() -> MutexGuard<'static, Vec<PrivateMemory>> {
    BALLAST.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How much there is.
pub(super) fn held() -> u64 {
    ballast().iter().map(PrivateMemory::len).sum()
}

/// Grows it to `bytes`, every page touched. Says why not where memory is too short for it.
pub(super) fn grow_to(bytes: u64) -> anyhow::Result<Result<(), String>> {
    let more = bytes.saturating_sub(held());
    if more == 0 {
        return Ok(Ok(()));
    }
    let (available, limit) = Room::of_memory().least();
    if more + SPARE > available {
        let limit = limit.for_bytes(more + SPARE);
        return Ok(Err(format!("a parent of {} MiB: {limit}", bytes / MIB)));
    }
    let mut memory = PrivateMemory::zeroed(more).context("ballast")?;
    for byte in memory.as_mut_slice().iter_mut().step_by(page_size()) {
        *byte = 1;
    }
    ballast().push(memory);
    Ok(Ok(()))
}

/// How much of it is in huge pages.
pub(super) fn huge_bytes() -> std::io::Result<u64> {
    ballast().iter().map(PrivateMemory::huge_bytes).sum()
}

pub(super) fn page_size() -> usize {
    let size = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE);
    size.ok().flatten().unwrap_or(4096) as usize
}

/// Bytes in MiB, with one digit: `0.3`.
pub(super) fn mib(bytes: u64) -> String {
    let mib = bytes as f64 / MIB as f64;
    if mib >= 10.0 {
        format!("{mib:.0}")
    } else {
        format!("{mib:.2}")
    }
}
