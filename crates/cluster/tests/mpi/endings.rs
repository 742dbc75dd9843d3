//! One clear error from one rank, and all end: with the exit code, promptly, and nothing left.

use crate::data::{Joined, nasty, write, write_as};
use crate::run::{
    Running, cluster, complaints, coordinator, finish, kill, lives, report, until, words,
};
use nix::sys::signal::{SIGKILL, SIGTERM};
use std::fs;

#[test]
fn a_usage_error_is_told_once() {
    for args in [
        &["x.npy", "--start-method", "fork"][..],
        &["x.npy", "--transport", "inherit"],
        &["x.npy", "--workers", "1M"],
        &["x.npy", "x.npy"],
        &["no-such-*.npy"],
    ] {
        let mut command = cluster(3);
        command.args(args);
        let output = finish(command);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{args:?}: {}",
            words(&output)
        );
        assert_eq!(complaints(&output).len(), 1, "{args:?}: {}", words(&output));
    }
    let mut command = cluster(2);
    command.args(["x.npy", "--no-such-flag"]);
    let output = finish(command);
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(
        stderr.matches("--no-such-flag' found").count(),
        1,
        "{stderr}"
    );
}

#[test]
fn a_shard_that_is_missing_or_of_another_type_is_told_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let good = path("good.npy");
    write(good.as_ref(), &[1.0; 100]);
    write_as(path("other.npy").as_ref(), "<f4", 100, |records| {
        records.resize(records.len() + 400, 0);
    });
    for (bad, says) in [("missing.npy", "No such file"), ("other.npy", "<f4")] {
        let mut command = cluster(4);
        command.args([&good, &path(bad)]);
        let output = finish(command);
        assert_eq!(output.status.code(), Some(1), "{}", words(&output));
        let complaints = complaints(&output);
        assert_eq!(complaints.len(), 1, "{}", words(&output));
        assert!(complaints[0].contains(bad), "{complaints:?}");
        assert_eq!(complaints[0].matches(says).count(), 1, "{complaints:?}");
        assert!(output.stdout.is_empty());
    }
}

/// A run of some seconds at least: every small step is written to disk.
fn long_run(joined: &Joined, ranks: u32) -> Running {
    let mut command = cluster(ranks);
    command.args([&joined.shards(), "--workers", "1", "--step", "20"]);
    command.args(["--checkpoint", &joined.path("kept"), "--format", "json"]);
    let running = Running::start(command);
    until("all ranks have written", || {
        let files = fs::read_dir(joined.path("kept")).into_iter().flatten();
        // A file without any result is about a hundred bytes.
        let written = files.filter(|file| {
            let file = file.as_ref().unwrap();
            file.path()
                .extension()
                .is_some_and(|suffix| suffix == "kept")
                && file.metadata().is_ok_and(|file| file.len() > 200)
        });
        written.count() == ranks as usize
    });
    running
}

#[test]
fn a_rank_that_is_killed_ends_the_job_and_the_next_start_goes_on() {
    let joined = Joined::new(&nasty(60_000));
    let running = long_run(&joined, 4);
    let (ranks, workers) = (running.ranks(), running.workers());
    assert_eq!((ranks.len(), workers.len()), (4, 4));
    kill(ranks[2], SIGKILL);
    let output = running.finish();
    assert!(!output.status.success());
    assert!(output.stdout.is_empty());
    until("all processes have ended", || {
        !ranks.iter().chain(&workers).any(|pid| lives(*pid))
    });

    let expected = coordinator(&joined.whole).result;
    let mut again = cluster(2);
    again.args([&joined.shards(), "--checkpoint", &joined.path("kept")]);
    again.args(["--format", "json"]);
    let output = finish(again);
    let report = report(&output);
    assert_eq!(report.result, expected);
    let left: u64 = report.ranks.iter().map(|rank| rank.records).sum();
    assert!(0 < left && left < report.dataset.records, "{left}");
    assert!(
        words(&output).contains("of which are done"),
        "{}",
        words(&output)
    );
}

#[test]
fn a_worker_that_is_killed_is_its_own_pools_affair() {
    let joined = Joined::new(&nasty(60_000));
    let running = long_run(&joined, 2);
    kill(running.workers()[1], SIGKILL);
    let output = running.finish();
    let report = report(&output);
    assert_eq!(report.result, coordinator(&joined.whole).result);
    // The one that was killed and the one in its place are both reported, with their rank.
    assert_eq!(report.workers.len(), 3);
    let killed = report
        .workers
        .iter()
        .find(|worker| worker.ended == Some(report::Ended::Signal(9)));
    assert!(killed.is_some_and(|killed| killed.rank.is_some()));
}

#[test]
fn a_job_that_is_asked_to_end_leaves_nothing() {
    let joined = Joined::new(&nasty(60_000));
    let running = long_run(&joined, 2);
    let (ranks, workers) = (running.ranks(), running.workers());
    kill(running.0.id() as i32, SIGTERM);
    let output = running.finish();
    assert!(!output.status.success());
    until("all processes have ended", || {
        !ranks.iter().chain(&workers).any(|pid| lives(*pid))
    });
}
