//! Runs that are met in their middle, however late the test's own threads are scheduled.

use crate::endings::send;
use crate::processes::{descendants, state};
use crate::programs::Running;
use nix::sys::signal::Signal;
use std::process::Command;
use std::thread;
use std::time::Duration;

/// Starts what `command` gives for a number of repeats, and stops it by `signal` after its first line with `line` in
/// it, while all of its `workers` are there. Where the run had got further by then, starts it again with ten times the
/// repeats.
pub(crate) fn stopped_midway(
    signal: Signal,
    line: &str,
    workers: usize,
    repeats: u64,
    command: impl Fn(&str) -> Command,
) -> Running {
    for repeats in [repeats, repeats * 10, repeats * 100] {
        let mut running = Running::start(&mut command(&repeats.to_string()));
        running.wait_for_line(line);
        send(running.pid(), signal);
        while !matches!(state(running.pid()), None | Some('T')) {
            thread::sleep(Duration::from_millis(1));
        }
        if state(running.pid()).is_some() && descendants(running.pid()).len() >= workers {
            return running;
        }
        send(running.pid(), Signal::SIGCONT);
        let ended = running.end();
        assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    }
    panic!("no run was met in its middle");
}
