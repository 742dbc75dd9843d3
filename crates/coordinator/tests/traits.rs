//! The table of claims as its readers see it, with changed settings of the probes: a
//! cell that was not measured would not follow.

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, SysconfVar, sysconf};
use report::{TraitRow, Traits, Verdict};
use serde_json::Value;
use std::fs;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

#[path = "../../../tests/support/dispositions.rs"]
mod dispositions;

/// The variable that only processes of these tests have: not those of another job on this machine.
const MARK: &str = "HANDOFF_TEST_OF";

/// Parents small enough for a test.
const SMALL: [&str; 6] = [
    "--set",
    "overhead-mib=64",
    "--set",
    "latency-mib=64",
    "--set",
    "cow-mib=16",
];

const CLAIMS: [&str; 12] = [
    "memory-overhead",
    "copy-on-write",
    "start-latency",
    "platform",
    "descriptors",
    "signals",
    "security",
    "locks",
    "buffered-output",
    "threads",
    "file-offsets",
    "random-state",
];

#[test]
fn every_claim_is_measured_under_every_start_method() {
    let traits = measure(&SMALL);
    let names: Vec<&str> = traits.rows.iter().map(|row| row.claim.as_str()).collect();
    assert_eq!(names, CLAIMS);
    assert_eq!(traits.command[..2], ["coordinator", "traits"]);
    assert!(traits.command.ends_with(&["json".to_owned()]));
    assert!(traits.date.ends_with('Z'), "{}", traits.date);
    for row in &traits.rows {
        assert_ne!(row.verdict, Verdict::NotMeasured, "{row:?}");
        assert!(
            !row.statements.is_empty() && !row.measured.is_empty(),
            "{row:?}"
        );
        for cell in [&row.cells.fork, &row.cells.spawn, &row.cells.forkserver] {
            assert!(cell.seen.is_some() && !cell.text.is_empty(), "{row:?}");
        }
    }
    let verdict = |claim: &str| named(&traits, claim).verdict;
    assert_eq!(verdict("copy-on-write"), Verdict::Holds);
    assert_eq!(verdict("platform"), Verdict::Holds);
    assert_eq!(verdict("descriptors"), Verdict::InPart);
    assert_eq!(verdict("signals"), Verdict::InPart);
    assert_eq!(verdict("security"), Verdict::Holds);
    for claim in &CLAIMS[7..] {
        assert_eq!(verdict(claim), Verdict::Holds, "{claim}");
    }
}

#[test]
fn a_child_of_a_larger_parent_has_larger_page_tables_and_no_copies() {
    let row = one("memory-overhead", &["overhead-mib=256"]);
    let figure = |cell: &Value, index: usize, key: &str| cell[index][key].as_u64().unwrap();
    let fork = row.cells.fork.seen.unwrap();
    let parent = 256 << 20;
    assert!(figure(&fork, 2, "parent") >= parent);
    assert!(figure(&fork, 2, "private") < parent / 8, "{fork}");
    assert!(figure(&fork, 2, "rss") > parent);
    // Half of what their entries take, which are of 8 bytes for each page.
    let page_size = sysconf(SysconfVar::PAGE_SIZE).unwrap().unwrap() as u64;
    let entries = parent / page_size * 4;
    assert!(figure(&fork, 2, "page_tables") > figure(&fork, 0, "page_tables") + entries);
    let spawn = row.cells.spawn.seen.unwrap();
    assert!(figure(&spawn, 2, "rss") < parent / 8, "{spawn}");
}

#[test]
fn copies_follow_what_is_written() {
    for (percent, share) in [("written-percent=0", 0), ("written-percent=50", 16 << 20)] {
        let row = one("copy-on-write", &["cow-mib=32", percent]);
        let fork = row.cells.fork.seen.unwrap();
        let grown = fork["by_writing"].as_u64().unwrap();
        assert!(grown.abs_diff(share) < 1 << 20, "{fork}");
        assert_eq!(row.cells.spawn.seen.unwrap()["inherited"], 0);
        assert_eq!(row.verdict, Verdict::Holds);
    }
}

#[test]
fn a_descriptor_without_close_on_exec_changes_the_verdict() {
    let without = one("descriptors", &["unmarked=0"]);
    assert_eq!(without.verdict, Verdict::Holds);
    assert_eq!(without.cells.spawn.seen.unwrap()["child"]["unmarked"], 0);
    let with = one("descriptors", &["unmarked=1"]);
    assert_eq!(with.verdict, Verdict::InPart);
    let spawn = with.cells.spawn.seen.unwrap();
    assert_eq!(spawn["child"]["unmarked"], 1);
    assert_eq!(spawn["child"]["marked"], 0);
    assert_eq!(
        spawn["worker"]["unmarked"], 0,
        "a worker holds its socket alone"
    );
    assert_eq!(with.cells.fork.seen.unwrap()["child"]["marked"], 4);
}

#[test]
fn a_blocked_signal_changes_the_verdict() {
    let without = one("signals", &["blocked=0"]);
    assert_eq!(without.verdict, Verdict::Holds);
    assert_eq!(without.cells.spawn.seen.unwrap()["child"]["blocked"], false);
    let with = one("signals", &["blocked=1"]);
    assert_eq!(with.verdict, Verdict::InPart);
    let spawn = with.cells.spawn.seen.unwrap();
    assert_eq!(spawn["child"]["blocked"], true);
    assert_eq!(spawn["child"]["handled"], false);
    assert_eq!(spawn["worker"]["blocked"], false);
    assert_eq!(
        with.cells.forkserver.seen.unwrap()["child"]["blocked"],
        false
    );
}

#[test]
fn cells_of_what_the_study_leaves_out_follow_their_probes() {
    let flushed = one("buffered-output", &["flushed=1"]);
    assert_eq!(flushed.verdict, Verdict::InPart);
    assert_eq!(flushed.cells.fork.seen.unwrap()["times"], 1);
    let alone = one("threads", &["threads=0"]);
    assert_eq!(alone.verdict, Verdict::InPart);
    assert_eq!(alone.cells.fork.seen.unwrap()["parent"], 1);
    let more = one("random-state", &["children=5"]);
    assert_eq!(more.cells.fork.seen.unwrap()["held"], 1);
    assert_eq!(more.cells.spawn.seen.unwrap()["held"], 5);
}

#[test]
fn a_child_that_hangs_on_a_lock_is_ended() {
    let row = one("locks", &["lock-ms=3001"]);
    assert_eq!(row.cells.fork.seen.unwrap()["opened"], false);
    assert_eq!(row.cells.spawn.seen.unwrap()["opened"], true);
    assert!(!is_running("lock-ms=3001"));
}

#[test]
fn an_interrupted_run_leaves_nothing_behind() {
    let mut command = coordinator();
    let mut child = dispositions::by_default(&mut command)
        .args(["traits", "--only", "locks", "--set", "lock-ms=19999"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let probe = "trait-probe\0locks\0fork\0--set\0lock-ms=19999";
    wait_until(|| is_running(probe));
    kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    // A child that was killed with its probe is reaped by somebody else, soon.
    wait_until(|| !is_running("lock-ms=19999"));
}

#[test]
fn a_parent_that_memory_is_too_short_for_is_skipped_by_name() {
    let row = one("memory-overhead", &["overhead-mib=16777216"]);
    assert!(row.skipped.len() >= 3, "{:?}", row.skipped);
    assert!(row.skipped[0].contains("16777216 MiB") || row.skipped[0].contains("2097152 MiB"));
    assert_eq!(row.cells.fork.seen.unwrap().as_array().unwrap().len(), 1);
}

#[test]
fn text_and_markdown_have_a_row_a_claim() {
    let quick = ["--only", "threads", "--only", "file-offsets"];
    let text = text(&quick);
    assert!(
        text.contains("Threads: holds") && text.contains("File offsets: holds"),
        "{text}"
    );
    assert!(text.contains("4 in the parent"), "{text}");
    let markdown = self::text(&[&quick[..], &["--format", "markdown"]].concat());
    let head: Vec<&str> = markdown
        .lines()
        .next()
        .unwrap()
        .split('|')
        .map(str::trim)
        .collect();
    assert_eq!(
        head,
        ["", "claim", "fork", "spawn", "forkserver", "verdict", ""]
    );
    for title in ["Threads", "File offsets"] {
        let mut rows = markdown.lines().map(|line| line.split('|').map(str::trim));
        let row = rows.find(|row| row.clone().nth(1) == Some(title));
        let verdict = row.and_then(|mut row| row.nth(5));
        assert_eq!(verdict, Some("holds"), "{markdown}");
    }
    assert_eq!(markdown.matches("- measured: ").count(), 2, "{markdown}");
}

#[test]
fn the_json_has_its_keys() {
    let json = text(&["--only", "threads", "--format", "json"]);
    assert_eq!(json.lines().count(), 1);
    let traits: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(traits["schema"], report::SCHEMA);
    assert!(traits["machine"]["cores"].as_u64().unwrap() > 0);
    let row = &traits["rows"][0];
    assert_eq!(row["claim"], "threads");
    assert_eq!(row["verdict"], "holds");
    for method in ["fork", "spawn", "forkserver"] {
        let cell = &row["cells"][method];
        assert_eq!(cell["seen"]["child"], 1, "{cell}");
        assert!(cell["text"].as_str().unwrap().contains("in the child"));
    }
    let statement = &row["statements"][0];
    assert_eq!(
        (&statement["study"], &statement["holds"]),
        (&false.into(), &true.into())
    );
    assert!(statement["says"].is_string() && row["measured"].is_string());
}

#[test]
fn what_is_not_known_is_a_usage_error() {
    for (args, said) in [
        (&["--only", "speed"][..], "copy-on-write"),
        (&["--only", "locks", "--set", "marked=1"], "marked"),
        (&["--format", "xml"], "markdown"),
    ] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains(said), "{stderr}");
    }
}

/// What the environment of every process has that these tests start, directly or not.
fn mark() -> String {
    format!("{MARK}={}", std::process::id())
}

fn coordinator() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coordinator"));
    command.env(MARK, std::process::id().to_string());
    command
}

fn run(args: &[&str]) -> Output {
    coordinator().arg("traits").args(args).output().unwrap()
}

fn text(args: &[&str]) -> String {
    let output = run(args);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn measure(args: &[&str]) -> Traits<Value> {
    serde_json::from_str(&text(&[args, &["--format", "json"]].concat())).unwrap()
}

fn one(claim: &str, settings: &[&str]) -> TraitRow<Value> {
    let settings = settings.iter().flat_map(|setting| ["--set", setting]);
    let args: Vec<&str> = ["--only", claim].into_iter().chain(settings).collect();
    measure(&args).rows.remove(0)
}

fn named<'a>(traits: &'a Traits<Value>, claim: &str) -> &'a TraitRow<Value> {
    let mut rows = traits.rows.iter();
    rows.find(|row| row.claim == claim).expect(claim)
}

/// Waits for what must come; how long depends on the machine, but not indefinitely.
fn wait_until(mut is_so: impl FnMut() -> bool) {
    for _ in 0..3000 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("it did not come");
}

/// Whether the command line of a process of these tests, its words parted by NUL, has `words` in it.
fn is_running(words: &str) -> bool {
    let mark = mark();
    let mut processes = fs::read_dir("/proc").unwrap().flatten();
    processes.any(|process| {
        let has = |file: &str, is: &dyn Fn(&str) -> bool| {
            let text = fs::read(process.path().join(file)).unwrap_or_default();
            is(&String::from_utf8_lossy(&text))
        };
        has("cmdline", &|line| line.contains(words))
            && has("environ", &|all| all.split('\0').any(|one| one == mark))
    })
}
