//! Runs that are ended from outside, and workers that are: what is left is nothing.

use crate::fixtures::{assert_answer, facts};
use crate::midway::stopped_midway;
use crate::processes::{assert_gone, descendants, segments};
use crate::programs::{Running, coordinator, fixture};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::Path;
use std::process::Command;

pub(crate) fn send(pid: u32, signal: Signal) {
    kill(Pid::from_raw(pid as i32), signal).unwrap();
}

/// Starts a run that would take hours: the same job again and again.
pub(crate) fn endless(data: &Path, arguments: &[&str]) -> Running {
    let mut command = coordinator();
    command.arg("sum").arg(data).args(["--field", "val"]);
    command.args(["--workers", "4", "--repeat", "100M", "--format", "json"]);
    Running::start(command.args(arguments))
}

/// Asserts that a signal ends a run with the exit code of that signal.
fn is_ended_by(mut running: Running, signal: Signal, line: &str) {
    running.wait_for_line(line);
    let workers = descendants(running.pid());
    assert!(workers.len() >= 4, "{workers:?}");
    send(running.pid(), signal);
    let ended = running.end();
    assert_eq!(ended.code(), Some(128 + signal as i32), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
    assert_gone(&workers);
    assert_eq!(segments(ended.pid), Vec::<String>::new());
}

#[test]
fn a_signal_ends_a_run_and_leaves_nothing() {
    let data = fixture("study_layout.npy");
    for (method, transport, signal) in [
        ("fork", "shm", Signal::SIGINT),
        ("fork", "inherit", Signal::SIGTERM),
        ("spawn", "bytes", Signal::SIGINT),
        ("spawn", "shm", Signal::SIGTERM),
        ("forkserver", "shm", Signal::SIGINT),
        ("forkserver", "mmap", Signal::SIGTERM),
        ("fork", "serde", Signal::SIGHUP),
    ] {
        let running = endless(&data, &["--start-method", method, "--transport", transport]);
        is_ended_by(running, signal, "Has all results.");
    }
}

/// As `nohup` and a shell's `trap '' HUP` start it: neither the coordinator nor its workers end by
/// what they were started to ignore.
#[test]
fn a_signal_that_was_ignored_stays_ignored() {
    let facts = facts();
    for (method, ignored, others) in [
        ("fork", "HUP INT TERM TSTP", &[][..]),
        ("spawn", "HUP INT", &[Signal::SIGTERM]),
        ("forkserver", "HUP", &[Signal::SIGINT, Signal::SIGTERM]),
    ] {
        for ended_by in std::iter::once(None).chain(others.iter().copied().map(Some)) {
            let repeats = if ended_by.is_some() {
                100_000_000
            } else {
                2000
            };
            let command = |repeats: &str| {
                let trap = format!("trap '' {ignored}; exec \"$0\" \"$@\"");
                let mut command = Command::new("sh");
                command.args(["-c", &trap]).arg(coordinator().get_program());
                command.arg("sum").arg(fixture("study_layout.npy"));
                command.args(["--field", "val", "--workers", "3", "--start-method", method]);
                command.args(["--repeat", repeats, "--retries", "0", "--format", "json"]);
                command
            };
            let line = "Has all results.";
            let running = stopped_midway(Signal::SIGSTOP, line, 3, repeats, command);
            let workers = descendants(running.pid());
            for name in ignored.split(' ') {
                let signal: Signal = format!("SIG{name}").parse().unwrap();
                send(running.pid(), signal);
                if matches!(signal, Signal::SIGHUP | Signal::SIGINT) {
                    workers.iter().for_each(|&worker| send(worker, signal));
                }
            }
            if let Some(signal) = ended_by {
                send(running.pid(), signal);
            }
            send(running.pid(), Signal::SIGCONT);
            let ended = running.end();
            let context = format!("{method} {ignored}: {}", ended.stderr);
            let code = ended_by.map_or(0, |signal| 128 + signal as i32);
            assert_eq!(ended.code(), Some(code), "{context}");
            if ended_by.is_none() {
                let report: report::Sum = serde_json::from_str(&ended.stdout).unwrap();
                assert_answer(&report, &facts["study_layout.npy"]);
                assert_eq!((report.retries, report.workers.len()), (0, 3), "{context}");
            }
        }
    }
}

/// A file of 20 million records, all of them holes: it costs nothing until it is read.
pub(crate) fn large(directory: &Path) -> std::path::PathBuf {
    let whole = std::fs::read(fixture("study_layout.npy")).unwrap();
    let data = whole.len() - 10_007 * 24;
    let header = std::str::from_utf8(&whole[10..data]).unwrap();
    let header = header.replacen("(10007,), }   ", "(20000000,), }", 1);
    assert_eq!(header.len(), data - 10);
    let path = directory.join("large.npy");
    std::fs::write(&path, [&whole[..10], header.as_bytes()].concat()).unwrap();
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_len(data as u64 + 20_000_000 * 24).unwrap();
    path
}

#[test]
fn a_signal_while_data_is_shared_or_streamed() {
    let directory = tempfile::tempdir().unwrap();
    let data = large(directory.path());
    for (method, transport, signal) in [
        ("fork", "shm", Signal::SIGINT),
        ("spawn", "shm", Signal::SIGTERM),
        ("forkserver", "bytes", Signal::SIGINT),
        ("fork", "serde", Signal::SIGTERM),
    ] {
        let running = endless(&data, &["--start-method", method, "--transport", transport]);
        // What comes next takes long enough to be met.
        is_ended_by(running, signal, "Started 4 workers");
    }
    let mut running = endless(&data, &["--transport", "inherit"]);
    running.wait_for_line("Loaded 457 MB of data. 20_000_000 records");
    send(running.pid(), Signal::SIGINT);
    assert_eq!(running.end().code(), Some(130));
}

/// A job of 3 workers and 300 repeats, or more, that is stopped in its middle.
fn stopped_in_300(arguments: &[&str]) -> Running {
    let command = |repeats: &str| {
        let mut command = coordinator();
        command.arg("sum").arg(fixture("study_layout.npy"));
        command.args(["--field", "val", "--workers", "3", "--batches", "12"]);
        command.args(["--repeat", repeats, "--format", "json"]);
        command.args(arguments);
        command
    };
    stopped_midway(Signal::SIGSTOP, "Dispatches batches.", 3, 300, command)
}

/// The coordinator is stopped while its worker is killed, so that the job cannot end before.
#[test]
fn a_worker_that_is_killed_costs_no_answer() {
    let facts = facts();
    for (method, transport) in [
        ("fork", "inherit"),
        ("fork", "bytes"),
        ("spawn", "shm"),
        ("forkserver", "mmap"),
        ("forkserver", "serde"),
    ] {
        let arguments = ["--start-method", method, "--transport", transport];
        let running = stopped_in_300(&arguments);
        let children = descendants(running.pid());
        let leaf = children.iter().find(|&&pid| descendants(pid).is_empty());
        let killed = *leaf.expect("a worker");
        send(killed, Signal::SIGKILL);
        send(running.pid(), Signal::SIGCONT);
        let ended = running.end();
        assert_eq!(
            ended.code(),
            Some(0),
            "{method} {transport}\n{}",
            ended.stderr
        );
        let report: report::Sum = serde_json::from_str(&ended.stdout).unwrap();
        assert_answer(&report, &facts["study_layout.npy"]);
        assert_eq!(report.workers.len(), 4, "{method}: one was replaced");
        let dead = report.workers.iter().find(|worker| worker.pid == killed);
        assert_eq!(dead.unwrap().ended, Some(report::Ended::Signal(9)));
        assert!(report.retries <= 1);
        assert!(report.seconds.void, "it was stopped and continued");
        let pids: Vec<u32> = report.workers.iter().map(|worker| worker.pid).collect();
        assert_gone(&pids);
        assert_eq!(segments(ended.pid), Vec::<String>::new());
    }
}

/// A forkserver that is killed takes its workers along; the job starts another, and goes on.
#[test]
fn a_forkserver_that_is_killed_costs_no_answer() {
    let facts = facts();
    let running = stopped_in_300(&["--start-method", "forkserver"]);
    let children = descendants(running.pid());
    let server = children.iter().find(|&&pid| !descendants(pid).is_empty());
    send(*server.expect("a forkserver"), Signal::SIGKILL);
    send(running.pid(), Signal::SIGCONT);
    let ended = running.end();
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    let report: report::Sum = serde_json::from_str(&ended.stdout).unwrap();
    assert_answer(&report, &facts["study_layout.npy"]);
    let pids: Vec<u32> = report.workers.iter().map(|worker| worker.pid).collect();
    assert_gone(&pids);
    assert_gone(&children);
}
