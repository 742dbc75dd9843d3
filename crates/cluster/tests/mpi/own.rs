//! Own tasks over ranks: `examples/own.rs`, and the programs that change nothing but their import of `Pool`.

use crate::data::write_u64;
use crate::run::{Running, finish, finish_text, kill, lives, mpirun, on_hosts, until, words};
use nix::sys::signal::SIGKILL;
use std::collections::BTreeMap;
use std::process::{Command, Output};

/// `mpirun -n RANKS examples/own ARGUMENTS`.
fn own(ranks: u32, args: &[&str]) -> Command {
    let mut command = mpirun(ranks, "examples/own");
    command.args(args);
    command
}

/// What a run printed that went well.
fn ok(command: Command) -> String {
    let output = finish(command);
    assert!(output.status.success(), "{}", words(&output));
    let text = finish_text(&output);
    assert!(text.lines().last() == Some("ok"), "{text}");
    text
}

/// A number that stands after a word, by rank.
fn counted(text: &str, word: &str) -> BTreeMap<usize, u64> {
    let ranks = text.lines().filter_map(|line| line.strip_prefix("rank "));
    ranks
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let at = words.iter().position(|other| *other == word);
            (
                words[0].parse().unwrap(),
                words[at.unwrap() + 1].parse().unwrap(),
            )
        })
        .collect()
}

#[test]
fn the_contracts_print_ok_with_another_import() {
    for program in ["examples/hello", "examples/arrays"] {
        for ranks in [1, 4] {
            ok(mpirun(ranks, program));
        }
    }
}

#[test]
fn every_kind_of_call_with_any_number_of_ranks() {
    for ranks in [1, 2, 4, 16] {
        let text = ok(own(ranks, &["many", "3000"]));
        let done = counted(&text, "done");
        assert_eq!(done.len(), ranks as usize, "{text}");
        assert!(done.values().all(|&done| done > 0), "{text}");
    }
}

#[test]
fn calls_of_a_batch_end_fail_and_are_given_up_one_by_one() {
    for ranks in [1, 2, 4, 16] {
        let text = ok(own(ranks, &["batches", "6000"]));
        let done = counted(&text, "done");
        assert!(done.values().all(|&done| done > 0), "{text}");
    }
}

#[test]
fn without_a_launcher_it_is_a_pool_of_this_machine() {
    let program = crate::run::beside("examples/own");
    let mut command = Command::new(program);
    command.args(["many", "500"]);
    assert!(counted(&ok(command), "done").is_empty());
}

#[test]
fn slow_tasks_are_recalled_from_ranks_that_have_too_many() {
    ok(own(4, &["even", "400"]));
}

#[test]
fn arrays_go_there_and_come_back_to_where_they_were() {
    for ranks in [2, 4, 16] {
        ok(own(ranks, &["arrays"]));
    }
}

#[test]
fn a_large_array_goes_to_each_rank_once() {
    const BYTES: u64 = 50_000_000;
    let text = ok(own(4, &["big", &BYTES.to_string(), "200"]));
    let sent = counted(&text, "arrays");
    assert_eq!(sent.len(), 4);
    for rank in 1..4 {
        assert_eq!(sent[&rank], BYTES, "{text}");
    }
}

#[test]
fn a_file_that_all_machines_have_is_read_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("numbers");
    write_u64(&path, 1_000_000);
    let text = ok(own(3, &["file", path.to_str().unwrap()]));
    assert!(
        counted(&text, "arrays").values().all(|&bytes| bytes == 0),
        "{text}"
    );
}

#[test]
fn four_hosts_share_an_array_and_their_work() {
    const BYTES: u64 = 20_000_000;
    let output = finish(on_hosts(
        "examples/own",
        &["big", &BYTES.to_string(), "200"],
    ));
    if crate::hosts::cannot(&output) {
        return;
    }
    assert!(output.status.success(), "{}", words(&output));
    let text = finish_text(&output);
    for rank in 1..4 {
        assert!(
            text.contains(&format!("rank {rank} on node{rank}:")),
            "{text}"
        );
        assert_eq!(counted(&text, "arrays")[&rank], BYTES, "{text}");
    }
}

#[test]
fn the_code_of_a_program_that_ends_early_is_the_jobs() {
    let code = |mode: &str| finish(own(3, &[mode])).status.code();
    assert_eq!(code("exit"), Some(3));
    assert_eq!(code("panic"), Some(101));
}

/// A map that is kept, of a few seconds.
fn kept(ranks: u32, dir: &str) -> Command {
    own(ranks, &["kept", dir, "1500", "10"])
}

/// How many results are in the files of a directory, at least.
fn results(dir: &str) -> u64 {
    let files = std::fs::read_dir(dir).into_iter().flatten().flatten();
    files
        .map(|file| file.metadata().map_or(0, |file| file.len()))
        .sum()
}

/// Kills a rank once `bytes` of results are kept; what the launcher said.
fn killed(dir: &str, rank: usize, bytes: u64) -> Output {
    let before = results(dir);
    let mut running = Running::start(kept(3, dir));
    until("results are kept", || {
        results(dir) >= before + bytes || running.0.try_wait().unwrap().is_some()
    });
    let ranks = running.programs("own");
    let all: Vec<i32> = ranks
        .iter()
        .copied()
        .chain(running.workers_named("own"))
        .collect();
    assert!(ranks.len() == 3, "{ranks:?}");
    kill(ranks[rank], SIGKILL);
    let output = running.finish();
    until("all processes have ended", || {
        !all.iter().any(|pid| lives(*pid))
    });
    output
}

#[test]
fn a_rank_that_is_killed_is_named_and_a_kept_map_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    for rank in [1, 2, 0] {
        let output = killed(path, rank, 3000);
        assert!(!output.status.success());
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(stderr.contains(&format!("rank {rank} ")), "{stderr}");
    }
    let text = ok(kept(2, path));
    let ran = text
        .lines()
        .find_map(|line| line.strip_prefix("ran "))
        .unwrap();
    let ran: u64 = ran.split_whitespace().next().unwrap().parse().unwrap();
    assert!(0 < ran && ran < 1500, "{text}");
    assert!(ok(kept(1, path)).contains("ran 0 of 1500"));
    // Other inputs are refused.
    let output = finish(own(2, &["kept", path, "1500", "11"]));
    assert_eq!(output.status.code(), Some(1), "{}", words(&output));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(stderr.contains("other inputs"), "{stderr}");
}

#[test]
fn where_the_job_goes_on_without_a_rank_its_calls_run_elsewhere() {
    for args in [["lossy", "600"], ["lossy-batches", "6000"]] {
        goes_on_without_a_rank(args);
    }
}

fn goes_on_without_a_rank(args: [&str; 2]) {
    let mut command = mpirun(3, "examples/own");
    command.args(args);
    // Open MPI's launcher goes on then.
    command.env("OMPI_MCA_orte_enable_recovery", "1");
    let running = Running::start(command);
    until("there are workers", || {
        running.workers_named("own").len() == 3
    });
    std::thread::sleep(std::time::Duration::from_millis(500));
    let ranks = running.programs("own");
    kill(ranks[1], SIGKILL);
    let output = running.finish();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(stderr.contains("error: rank 1 on "), "{}", words(&output));
    let text = finish_text(&output);
    assert!(text.contains("\nlost ") && text.ends_with("ok\n"), "{text}");
    until("all processes have ended", || {
        !ranks.iter().any(|pid| lives(*pid))
    });
}
