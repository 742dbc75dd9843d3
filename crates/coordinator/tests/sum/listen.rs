//! `sum --listen`: the real programs, workers started by hand.

use crate::processes::assert_gone;
use crate::programs::{Ended, Running, coordinator, fixture};
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use report::Sum;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A directory of our own, and the path of a socket in another that is to be made in it.
fn place() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o700)).unwrap();
    let path = directory.path().join("made").join("socket");
    (directory, path)
}

/// A coordinator that is ready for workers.
fn listening(path: &Path, arguments: &[&str]) -> Running {
    let mut command = coordinator();
    command.arg("sum").arg(fixture("study_layout.npy"));
    command.args(["--field", "val", "--listen"]).arg(path);
    let mut running = Running::start(command.args(arguments));
    running.wait_for_line("Waits for");
    while !path.exists() {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    // The path is there a moment before the socket listens; until then its directory is locked.
    let directory = std::fs::File::open(path.parent().unwrap()).unwrap();
    Flock::lock(directory, FlockArg::LockShared).unwrap();
    running
}

fn worker(path: &Path) -> Running {
    let program = Path::new(env!("CARGO_BIN_EXE_coordinator")).with_file_name("worker");
    Running::start(Command::new(program).arg("--connect").arg(path))
}

fn report(ended: &Ended) -> Sum {
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    serde_json::from_str(&ended.stdout).unwrap()
}

fn signal(running: &Running, signal: Signal) {
    kill(Pid::from_raw(running.pid() as i32), signal).unwrap();
}

#[test]
fn workers_that_are_started_by_hand_sum_right() {
    let facts = &crate::fixtures::facts()["study_layout.npy"];
    for transport in ["bytes", "serde", "shm", "mmap"] {
        let (directory, path) = place();
        let arguments = ["--workers", "2", "--batches", "9", "--format", "json"];
        let arguments = [&arguments[..], &["--transport", transport]].concat();
        let sum = listening(&path, &arguments);
        let workers = [worker(&path), worker(&path)];
        let sum = report(&sum.end());
        crate::fixtures::assert_answer(&sum, facts);
        assert_eq!(sum.plan.start_method, None);
        assert_eq!(sum.plan.transport.as_str(), transport);
        assert_eq!(sum.workers.len(), 2);
        for worker in workers {
            let pid = worker.pid();
            assert!(sum.workers.iter().any(|known| known.pid == pid));
            let ended = worker.end();
            assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
        }
        // Neither socket nor directory is left.
        assert_eq!(directory.path().read_dir().unwrap().count(), 0);
    }
}

#[test]
fn peers_that_say_nothing_do_not_stop_a_run() {
    let (_directory, path) = place();
    let sum = listening(&path, &["--workers", "1", "--format", "json"]);
    let silent: Vec<_> = (0..100)
        .map(|_| UnixStream::connect(&path).unwrap())
        .collect();
    let worker = worker(&path);
    let sum = report(&sum.end());
    assert_eq!(sum.workers.len(), 1, "silent peers are no workers");
    assert_eq!(worker.end().code(), Some(0));
    drop(silent);
}

#[test]
fn nobody_comes() {
    let (directory, path) = place();
    let ended = listening(&path, &["--workers", "2", "--wait", "0.3"]).end();
    assert_eq!(ended.code(), Some(1));
    assert_eq!(ended.stdout, "");
    let hint = format!("worker --connect {}", path.display());
    for word in ["0 of 2 workers", &hint] {
        assert!(ended.stderr.contains(word), "{}", ended.stderr);
    }
    assert_eq!(directory.path().read_dir().unwrap().count(), 0);
}

#[test]
fn a_signal_ends_the_wait_and_leaves_no_socket() {
    let (directory, path) = place();
    let sum = listening(&path, &["--workers", "2"]);
    let worker = worker(&path);
    signal(&sum, Signal::SIGTERM);
    let ended = sum.end();
    assert_eq!(ended.code(), Some(128 + 15), "{}", ended.stderr);
    let pid = worker.pid();
    worker.end();
    assert_gone(&[pid]);
    assert_eq!(directory.path().read_dir().unwrap().count(), 0);
}

#[test]
fn a_live_coordinators_socket_is_not_taken_a_killed_ones_is() {
    let (_directory, path) = place();
    let first = listening(&path, &["--workers", "1"]);
    let mut second = coordinator();
    second.arg("sum").arg(fixture("study_layout.npy"));
    second.args(["--field", "val", "--listen"]).arg(&path);
    let refused = Running::start(&mut second).end();
    assert_eq!(refused.code(), Some(1));
    let why = format!("another coordinator listens at {}", path.display());
    assert!(refused.stderr.contains(&why), "{}", refused.stderr);
    signal(&first, Signal::SIGKILL);
    first.end();
    assert!(path.exists(), "it had no time to remove it");
    let third = listening(&path, &["--workers", "1"]);
    let mut worker = Some(worker(&path));
    while worker.is_some() {
        // The path may have been the dead one's when it looked.
        let ended = worker.take().unwrap().end();
        if ended.code() != Some(0) {
            assert!(ended.stderr.contains("cannot connect"), "{}", ended.stderr);
            worker = Some(self::worker(&path));
        }
    }
    assert_eq!(third.end().code(), Some(0));
}

#[test]
fn what_cannot_be_listened_to() {
    let (directory, path) = place();
    let data = fixture("study_layout.npy");
    let run = |path: &Path, more: &[&str]| {
        let mut command = coordinator();
        command.arg("sum").arg(&data).args(["--field", "val"]);
        Running::start(command.arg("--listen").arg(path).args(more)).end()
    };
    for (more, words) in [
        (["--transport", "inherit"], ["inherit", "mmap or shm"]),
        (["--start-method", "spawn"], ["--start-method", "--listen"]),
    ] {
        let ended = run(&path, &more);
        assert_eq!(ended.code(), Some(2), "{}", ended.stderr);
        assert!(words.iter().all(|word| ended.stderr.contains(word)));
    }
    let open = directory.path().join("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, PermissionsExt::from_mode(0o777)).unwrap();
    let ended = run(&open.join("socket"), &[]);
    assert_eq!(ended.code(), Some(1));
    assert!(ended.stderr.contains("chmod 700"), "{}", ended.stderr);
}
