//! Ranks that are killed at random instants, on four hosts: the job ends and says which, nothing is left, and the
//! next start goes on where this one was.
//!
//! `HANDOFF_KILLS=50 cargo test --test mpi kills` for more than the usual few.

use crate::run::{Running, all_named, all_of, finish, finish_text, kill, on_hosts, until, words};
use nix::sys::signal::SIGKILL;
use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

/// Rounds with one directory: then a new one, so that there is always something to do.
const ROUNDS: u64 = 5;
/// Long enough for a start of four ranks, and for some of the map.
const LONGEST: u64 = 2_500;

#[test]
fn at_any_instant_a_killed_rank_ends_the_job_and_leaves_nothing() {
    let rounds = std::env::var("HANDOFF_KILLS").map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = |limit: u64| {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % limit
    };
    let mut dir = tempfile::tempdir().unwrap();
    let (mut hits, mut unnamed) = (0, Vec::new());
    let mut pids = BTreeSet::new();
    for round in 0..rounds {
        if round > 0 && round % ROUNDS == 0 {
            finish_map(&dir);
            dir = tempfile::tempdir().unwrap();
        }
        let delay = Duration::from_millis(random(LONGEST));
        let path = dir.path().to_str().unwrap();
        let mut running = Running::start(on_hosts("examples/own", &["kept", path, "1500", "20"]));
        let began = Instant::now();
        // Ranks are processes that were started with the directory's name; their workers are not.
        let ranks = || all_named("own", path);
        until("there are ranks", || {
            ranks().len() >= 4 || running.0.try_wait().unwrap().is_some()
        });
        if running.0.try_wait().unwrap().is_some() {
            let output = running.finish();
            assert!(crate::hosts::cannot(&output), "{}", words(&output));
            return;
        }
        pids.extend(ranks());
        std::thread::sleep(delay);
        let rank = random(4) as usize;
        let victim = ranks().get(rank).copied();
        victim.into_iter().for_each(|pid| kill(pid, SIGKILL));
        let output = running.finish();
        assert!(began.elapsed() < Duration::from_secs(60), "round {round}");
        until("all processes have ended", || {
            all_of("examples/own").is_empty()
        });
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() {
            // It was done before.
            assert!(finish_text(&output).contains("ok"), "{stderr}");
            continue;
        }
        hits += 1;
        if !stderr.contains("rank ") {
            unnamed.push(format!(
                "round {round}, after {delay:?}: {}",
                words(&output)
            ));
        }
    }
    finish_map(&dir);
    assert!(hits > 0, "nothing was killed in time");
    until("their shared memory is gone", || segments(&pids).is_empty());
    assert!(
        unnamed.is_empty(),
        "{} of {hits}: {unnamed:#?}",
        unnamed.len()
    );
    eprintln!("{hits} of {rounds} jobs ended by a kill");
}

/// Does what is missing.
fn finish_map(dir: &tempfile::TempDir) {
    let path = dir.path().to_str().unwrap();
    let output = finish(on_hosts("examples/own", &["kept", path, "1500", "20"]));
    assert!(output.status.success(), "{}", words(&output));
    let text = finish_text(&output);
    let ran = text
        .lines()
        .find_map(|line| line.strip_prefix("ran "))
        .unwrap();
    let ran: u64 = ran.split_whitespace().next().unwrap().parse().unwrap();
    eprintln!("the next start ran {ran} of 1500");
}

/// The segments that these processes have made.
fn segments(pids: &BTreeSet<i32>) -> Vec<String> {
    let entries = fs::read_dir("/dev/shm").into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.retain(|name| {
        let of = name
            .strip_prefix("handoff-")
            .and_then(|rest| rest.split('-').next());
        of.and_then(|pid| pid.parse().ok())
            .is_some_and(|pid| pids.contains(&pid))
    });
    names
}
