//! The one clock of all processes of a machine.

use nix::time::{ClockId, clock_gettime};

/// CLOCK_MONOTONIC in nanoseconds: comparable between processes of one machine.
pub fn now_ns() -> u64 {
    read(ClockId::CLOCK_MONOTONIC)
}

/// As [`now_ns`], but as of the last tick of the kernel: up to some milliseconds before, at a fraction of the
/// cost.
pub fn last_tick_ns() -> u64 {
    read(ClockId::CLOCK_MONOTONIC_COARSE)
}

fn read(clock: ClockId) -> u64 {
    let now = clock_gettime(clock).expect("linux has a monotonic clock");
    now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64
}
