//! On four hosts: each with a network, a name, mounts and a clock of its own, on this machine.
//!
//! `scripts/cluster/run` makes them of namespaces and says where a machine does not let it; then
//! these tests say so, and test nothing.

use crate::data::{Joined, nasty};
use crate::run::{
    Running, complaints, coordinator, finish, kill, lives, programs, report, until, words,
    workers_of,
};
use nix::sys::signal::SIGKILL;
use std::io::Write;
use std::process::{Command, Output};

/// What the script's exit code is where there cannot be such hosts.
const CANNOT: i32 = 77;
const HOSTS: u32 = 4;

/// `cluster sum` on four hosts, one rank each; with a shell command on one of them before.
fn on_hosts(before: Option<(u32, &str)>, args: &[&str]) -> Command {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/cluster/run");
    let mut command = Command::new(script);
    if let Some((host, line)) = before {
        command.args(["--on", &host.to_string(), line]);
    }
    command.args([HOSTS, HOSTS].map(|number| number.to_string()));
    command.args([env!("CARGO_BIN_EXE_cluster"), "sum", "--workers", "1"]);
    command.args(args).args(["--format", "json"]);
    command
}

/// Whether there could be no hosts; says why, also where the harness shows no output.
pub(crate) fn cannot(output: &Output) -> bool {
    let cannot = output.status.code() == Some(CANNOT);
    if cannot {
        let why = String::from_utf8_lossy(&output.stderr);
        let _ = writeln!(
            std::io::stderr(),
            "not tested on several hosts: {}",
            why.trim()
        );
    }
    cannot
}

#[test]
fn four_hosts_give_the_bits_of_one_and_agree_on_the_time() {
    let joined = Joined::new(&nasty(40_000));
    let output = finish(on_hosts(None, &[&joined.shards(), "-q"]));
    if cannot(&output) {
        return;
    }
    let report = report(&output);
    assert_eq!(report.result, coordinator(&joined.whole).result);
    let machines: Vec<u32> = report.ranks.iter().map(|rank| rank.machine).collect();
    assert_eq!(machines, [0, 1, 2, 3]);
    for rank in &report.ranks {
        // The script sets each host's clock a thousand seconds ahead of the one before.
        let off = rank.clock.offset - 1000.0 * f64::from(rank.rank);
        assert!(off.abs() <= rank.clock.error, "{:?}", rank.clock);
        let workers = report.workers.iter();
        for worker in workers.filter(|worker| worker.rank == Some(rank.rank)) {
            let (from, to) = (
                -rank.clock.error,
                report.seconds.end_to_end + rank.clock.error,
            );
            let mut events = worker.events.iter();
            assert!(
                events.all(|event| from < event.t && event.t < to),
                "{worker:?}"
            );
        }
    }
    assert!(report.ranks[1].clock.error > 0.0);
}

#[test]
fn a_shard_that_one_host_does_not_have_is_told_once_by_that_rank() {
    let joined = Joined::new(&nasty(10_000));
    let hide = format!("mount -t tmpfs none {}", joined.dir.path().display());
    let output = finish(on_hosts(Some((2, &hide)), &[&joined.shards()]));
    if cannot(&output) {
        return;
    }
    assert_eq!(output.status.code(), Some(1), "{}", words(&output));
    let complaints = complaints(&output);
    assert_eq!(complaints.len(), 1, "{}", words(&output));
    assert!(
        complaints[0].starts_with("error: rank 2 on node2: cannot read"),
        "{complaints:?}"
    );
}

#[test]
fn a_host_whose_rank_is_killed_ends_the_job_and_the_next_start_goes_on() {
    let joined = Joined::new(&nasty(60_000));
    let kept = joined.path("kept");
    let args = [joined.shards(), "--checkpoint".to_owned(), kept.clone()];
    let args = args.each_ref().map(String::as_str);
    let mut running = Running::start(on_hosts(None, &[&args[..], &["--step", "20"]].concat()));
    let mut ranks = Vec::new();
    until("all ranks have begun", || {
        ranks = programs("cluster", &kept);
        let begun = ranks.iter().all(|rank| !workers_of(*rank).is_empty());
        running.0.try_wait().unwrap().is_some() || ranks.len() == HOSTS as usize && begun
    });
    if ranks.is_empty() {
        assert!(cannot(&running.finish()), "there were no ranks");
        return;
    }
    let workers: Vec<i32> = ranks.iter().copied().flat_map(workers_of).collect();
    kill(ranks[3], SIGKILL);
    let output = running.finish();
    assert!(
        !output.status.success() && output.stdout.is_empty(),
        "{}",
        words(&output)
    );
    until("all processes have ended", || {
        !ranks.iter().chain(&workers).any(|pid| lives(*pid))
    });

    let report = report(&finish(on_hosts(None, &args)));
    assert_eq!(report.result, coordinator(&joined.whole).result);
}
