//! What can be seen of a job, and what waiting costs.

use crate::data::{Joined, nasty};
use crate::run::{Running, cluster, cluster_report, kill, report, ticks, until};
use nix::sys::signal::{SIGCONT, SIGSTOP};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::thread;
use std::time::Duration;

#[test]
fn every_worker_says_whose_it_is_on_one_clock() {
    let joined = Joined::new(&nasty(10_000));
    let trace = joined.path("trace.json");
    let report = cluster_report(3, &[&joined.shards(), "--workers", "2", "--trace", &trace]);
    let ranks: Vec<u32> = report
        .workers
        .iter()
        .map(|worker| worker.rank.unwrap())
        .collect();
    assert_eq!(ranks, [0, 0, 1, 1, 2, 2]);
    assert_eq!(report.plan.workers, 6);
    for rank in &report.ranks {
        assert_eq!(
            (rank.machine, rank.clock.offset, rank.clock.error),
            (0, 0.0, 0.0)
        );
    }
    for worker in &report.workers {
        let within = |t: f64| 0.0 < t && t < report.seconds.end_to_end;
        assert!(worker.events.iter().all(|event| within(event.t)));
    }
    let seconds = &report.seconds;
    assert!(seconds.total > 0.0 && seconds.gather.is_some());
    assert!(seconds.total + seconds.gather.unwrap() < seconds.end_to_end);

    // Six workers and three coordinators, grouped by rank.
    let trace: Value = serde_json::from_slice(&fs::read(trace).unwrap()).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let tracks: BTreeSet<(u64, u64)> = events
        .iter()
        .map(|event| {
            (
                event["pid"].as_u64().unwrap(),
                event["tid"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(tracks.len(), 9);
    assert_eq!(
        tracks
            .iter()
            .map(|(pid, _)| pid)
            .collect::<BTreeSet<_>>()
            .len(),
        3
    );
}

#[test]
fn a_rank_that_waits_sleeps() {
    let joined = Joined::new(&nasty(40_000));
    let mut command = cluster(2);
    command.args([&joined.shards(), "--workers", "1", "--step", "100"]);
    command.args([
        "--checkpoint",
        &joined.path("kept"),
        "-q",
        "--format",
        "json",
    ]);
    let running = Running::start(command);
    until("there are workers", || running.workers().len() == 2);
    let (rank_0, slow) = (running.ranks()[0], running.workers()[1]);
    kill(slow, SIGSTOP);
    // Rank 0 finishes its own part, and waits.
    let worker_of_0 = running.workers()[0];
    let mut before = ticks(worker_of_0);
    until("rank 0's worker has nothing to do", || {
        thread::sleep(Duration::from_millis(500));
        let now = ticks(worker_of_0);
        std::mem::replace(&mut before, now) == now
    });
    let before = ticks(rank_0);
    thread::sleep(Duration::from_secs(2));
    let used = ticks(rank_0) - before;
    kill(slow, SIGCONT);
    report(&running.finish());
    // 100 ticks a second: a rank that spins uses about 200.
    assert!(used < 50, "{used} ticks in two seconds of waiting");
}
