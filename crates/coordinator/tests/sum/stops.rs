//! Ctrl-Z, the second Ctrl-C, and SIGKILL: what the whole process tree does.

use crate::endings::{endless, large, send};
use crate::fixtures::{assert_answer, facts};
use crate::midway::stopped_midway;
use crate::pending::is_pending;
use crate::processes::{assert_gone, descendants, segments, state};
use crate::programs::{coordinator, fixture};
use nix::sys::signal::Signal;
use std::thread;
use std::time::{Duration, Instant};

/// Past this, what is awaited does not come.
const DEADLINE: Duration = Duration::from_secs(30);

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < DEADLINE, "never: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// A batch's time limit is a second, and the tree is stopped for longer: nobody is late for that.
#[test]
fn ctrl_z_stops_the_whole_tree_and_shifts_its_deadlines() {
    let facts = facts();
    for method in ["fork", "spawn", "forkserver"] {
        let command = |repeats: &str| {
            let mut command = coordinator();
            command.arg("sum").arg(fixture("study_layout.npy"));
            command.args(["--field", "val", "--workers", "3", "--repeat", repeats]);
            command.args(["--timeout", "1", "--retries", "0", "--format", "json"]);
            command.args(["--start-method", method]);
            command
        };
        let running = stopped_midway(Signal::SIGTSTP, "Has all results.", 3, 2000, command);
        let coordinator = running.pid();
        let tree = descendants(coordinator);
        assert!(tree.len() >= 3, "{method}: {tree:?}");
        wait_until("everything is stopped", || {
            state(coordinator) == Some('T') && tree.iter().all(|&pid| state(pid) == Some('T'))
        });
        thread::sleep(Duration::from_millis(1500));
        send(coordinator, Signal::SIGCONT);
        let ended = running.end();
        assert_eq!(ended.code(), Some(0), "{method}\n{}", ended.stderr);
        let report: report::Sum = serde_json::from_str(&ended.stdout).unwrap();
        assert_answer(&report, &facts["study_layout.npy"]);
        assert!(report.seconds.void, "{method}: its clocks ran on meanwhile");
        assert_eq!((report.retries, report.workers.len()), (0, 3), "{method}");
    }
}

#[test]
fn ctrl_z_while_a_segment_is_filled() {
    let directory = tempfile::tempdir().unwrap();
    let data = large(directory.path());
    let mut running = endless(&data, &["--transport", "shm"]);
    running.wait_for_line("Started 4 workers");
    let (coordinator, tree) = (running.pid(), descendants(running.pid()));
    send(coordinator, Signal::SIGTSTP);
    wait_until("everything is stopped", || {
        state(coordinator) == Some('T') && tree.iter().all(|&pid| state(pid) == Some('T'))
    });
    send(coordinator, Signal::SIGCONT);
    running.wait_for_line("Has all results.");
    send(coordinator, Signal::SIGTERM);
    assert_eq!(running.end().code(), Some(143));
    assert_gone(&tree);
}

/// Workers that are stopped do not receive the request to end, so the coordinator gives them time:
/// until a second request.
#[test]
fn a_second_ctrl_c_ends_it_at_once() {
    let mut running = endless(&fixture("study_layout.npy"), &["--transport", "shm"]);
    running.wait_for_line("Has all results.");
    let (coordinator, tree) = (running.pid(), descendants(running.pid()));
    assert_eq!(segments(coordinator).len(), 1);
    for &pid in &tree {
        send(pid, Signal::SIGSTOP);
    }
    // Between two repeats no worker would have a batch, and none would be waited for.
    wait_until("the coordinator waits for workers that are stopped", || {
        tree.iter().all(|&pid| state(pid) == Some('T')) && state(coordinator) == Some('S')
    });
    let began = Instant::now();
    send(coordinator, Signal::SIGINT);
    // Two at once would be one.
    wait_until("the first is handled", || {
        !is_pending(coordinator, Signal::SIGINT)
    });
    assert!(state(coordinator).is_some(), "the first asks only");
    send(coordinator, Signal::SIGINT);
    let ended = running.end();
    // Shorter than the grace that the workers would have had, of five seconds.
    assert!(began.elapsed() < Duration::from_secs(4));
    assert_eq!(ended.code(), Some(130), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
    assert_gone(&tree);
    wait_until("its segment is gone", || segments(coordinator).is_empty());
}

/// Its guardian cleans up after it; `cargo xtask kills` does this at any instant.
#[test]
fn nothing_is_left_of_a_coordinator_that_was_killed() {
    for (method, transport) in [
        ("fork", "shm"),
        ("fork", "inherit"),
        ("spawn", "shm"),
        ("forkserver", "shm"),
        ("forkserver", "bytes"),
    ] {
        let data = fixture("study_layout.npy");
        let mut running = endless(&data, &["--start-method", method, "--transport", transport]);
        running.wait_for_line("Has all results.");
        let (coordinator, tree) = (running.pid(), descendants(running.pid()));
        assert!(tree.len() >= 4, "{tree:?}");
        let named = usize::from(transport == "shm");
        assert_eq!(segments(coordinator).len(), named);
        send(coordinator, Signal::SIGKILL);
        running.end();
        assert_gone(&tree);
        wait_until("its segment is gone", || segments(coordinator).is_empty());
    }
}
