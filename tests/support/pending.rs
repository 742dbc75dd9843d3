//! Signals that were sent and not received yet.

use nix::sys::signal::Signal;

/// Whether a signal was sent to a process and not received by it yet. A second one would be lost then.
pub(crate) fn is_pending(pid: u32, signal: Signal) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let sets = status.lines().filter_map(|line| {
        let set = line
            .strip_prefix("SigPnd:")
            .or(line.strip_prefix("ShdPnd:"))?;
        u64::from_str_radix(set.trim(), 16).ok()
    });
    (sets.fold(0, |all, set| all | set) >> (signal as i32 - 1)) & 1 == 1
}
