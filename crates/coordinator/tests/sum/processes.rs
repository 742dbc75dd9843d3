//! What a run could leave behind: processes and segments.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// Living descendants of a process, whatever their process groups, but for its guardian.
pub(crate) fn descendants(of: u32) -> Vec<u32> {
    let all: Vec<(u32, u32)> = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|&pid| !is_guardian(pid))
        .filter_map(|pid| Some((pid, parent_of_living(pid)?)))
        .collect();
    let mut found = vec![of];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        let children = all.iter().filter(|&&(_, of)| of == parent);
        found.extend(children.map(|&(pid, _)| pid));
        next += 1;
    }
    found.split_off(1)
}

/// A guardian is cloned with exit signal 0, so wait() does not see it; its name is set a moment
/// later.
fn is_guardian(pid: u32) -> bool {
    let exit_signal = fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|stat| {
            let fields = stat.rsplit_once(") ")?.1;
            // Field 38; the first after the name is field 3.
            Some(fields.split(' ').nth(35)? == "0")
        });
    exit_signal == Some(true)
}

/// The letter of a living process's state; none where there is no such process, or only its remains.
pub(crate) fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let state = stat.rsplit_once(") ")?.1.chars().next()?;
    (!matches!(state, 'Z' | 'X')).then_some(state)
}

/// The parent of a process; none where there is no such process, or only its remains.
fn parent_of_living(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then_some(parent)
}

/// Segments that the process `of` has made and not unlinked.
pub(crate) fn segments(of: u32) -> Vec<String> {
    let prefix = format!("handoff-{of}-");
    fs::read_dir("/dev/shm")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with(&prefix))
        .collect()
}

/// Asserts that all of `pids` are gone. Their parent reaped them before it ended; only a worker
/// whose coordinator was killed has a moment to follow it.
pub(crate) fn assert_gone(pids: &[u32]) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while pids.iter().any(|&pid| parent_of_living(pid).is_some()) {
        assert!(Instant::now() < deadline, "some of {pids:?} live on");
        thread::sleep(Duration::from_millis(2));
    }
}
