//! The jobs by the real program, at small sizes: every hand-over gives the results of the plain loop.

use std::fs;
use std::path::Path;
use std::process::Command;

use report::{Bench, HandOver, Runner};
use serde_json::Value;

fn run(arguments: &[&str], out: &Path) -> Bench {
    let output = Command::new(env!("CARGO_BIN_EXE_lab"))
        .args([
            "matrix",
            "--quiet",
            "--runs",
            "1",
            "--workers",
            "2",
            "--timeout",
            "120s",
            "--out",
        ])
        .arg(out)
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
    let file = out.join(format!("job-{}.json", arguments[1]));
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

#[test]
fn every_hand_over_gives_what_the_plain_loop_gives() {
    let out = tempfile::tempdir().unwrap();
    for (arguments, ways) in [
        (
            &["--job", "memory", "--sizes", "1MiB"][..],
            HandOver::ALL.len(),
        ),
        (
            &["--job", "results", "--sizes", "1MiB"],
            HandOver::ALL.len(),
        ),
        (&["--job", "cpu", "--start-methods", "spawn,fork"], 2),
        (&["--job", "tiny", "--start-methods", "forkserver,fork"], 2),
    ] {
        let bench = run(arguments, out.path());
        assert!(
            bench
                .rows
                .iter()
                .all(|row| row.summary.is_some() && row.void.is_none())
        );
        let digests = bench
            .rows
            .iter()
            .flat_map(|row| &row.runs)
            .map(|run| &run.digest);
        let mut digests: Vec<&String> = digests.collect();
        digests.dedup();
        assert_eq!(digests.len(), 1, "{arguments:?}");
        assert_eq!(bench.rows[0].key.runner, Runner::InProcess);
        assert_eq!(bench.rows[1].key.runner, Runner::Threads);
        let mut found: Vec<HandOver> = bench
            .rows
            .iter()
            .filter_map(|row| row.key.hand_over)
            .collect();
        found.sort_unstable();
        found.dedup();
        assert_eq!(found.len(), ways, "{arguments:?}");
        every_task_is_in_the_timelines(out.path(), &bench);
    }
    for file in [
        "report.html",
        "job-memory.csv",
        "job-memory.md",
        "machine.json",
    ] {
        assert!(out.path().join(file).is_file(), "{file}");
    }
}

/// Of each hand-over with a pool one run is kept as a timeline: two uses, with all tasks of each.
fn every_task_is_in_the_timelines(out: &Path, bench: &Bench) {
    let job = &bench.job;
    let file = out.join(format!("timelines-job-{}.json", job.name));
    let timelines: Vec<Value> = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let mut pooled: Vec<Option<HandOver>> =
        bench.rows.iter().map(|row| row.key.hand_over).collect();
    pooled.retain(|hand_over| ![None, Some(HandOver::Inherit)].contains(hand_over));
    pooled.dedup();
    assert_eq!(timelines.len(), pooled.len(), "{}", job.name);
    for timeline in timelines {
        let steps: Vec<&str> = timeline["caller"]
            .as_array()
            .unwrap()
            .iter()
            .map(|phase| phase["what"].as_str().unwrap())
            .collect();
        assert_eq!(steps, ["start", "fill", "run", "fill", "run", "stop"]);
        let lanes = timeline["lanes"].as_array().unwrap();
        assert_eq!(lanes.len(), 2);
        let busy = lanes
            .iter()
            .flat_map(|lane| lane["busy"].as_array().unwrap());
        let tasks: u64 = busy.map(|busy| busy["tasks"].as_u64().unwrap()).sum();
        assert_eq!(tasks, 2 * job.tasks, "{}", job.name);
    }
    let hand_over = pooled[0].unwrap();
    let figure = format!("figures/timeline-job-{}-{hand_over}.svg", job.name);
    assert!(out.join(&figure).is_file(), "{figure}");
}

/// What a user writes: ten lines at most, in a crate outside of the repository.
const OWN: &str = "\
use handoff::task;

#[task]
fn word_count(text: String) -> usize {
    text.split_whitespace().count()
}

fn main() -> std::process::ExitCode {
    lab::bench!(word_count, (0..100).map(|n| \"word \".repeat(n)))
}
";

/// The same data once as bytes and once as a file, of which a task gets the path alone.
const BY_FILE: &str = r#"use handoff::task;
use std::{fs, path::PathBuf};

#[task]
fn words(text: String) -> usize {
    text.split_whitespace().count()
}

#[task]
fn words_of_file(path: PathBuf) -> Result<usize, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    Ok(text.split_whitespace().count())
}

fn text(number: usize) -> String {
    "word ".repeat(number)
}

fn file(number: usize) -> PathBuf {
    let path = PathBuf::from(format!("text-{number}"));
    fs::write(&path, text(number)).unwrap();
    path.canonicalize().unwrap()
}

fn main() -> std::process::ExitCode {
    lab::bench!(words((0..4).map(text)), words_of_file((0..4).map(file)))
}
"#;

#[test]
fn a_task_of_ones_own_is_measured_from_outside_the_repository_in_ten_lines() {
    assert!(OWN.lines().count() <= 10);
    let (said, bench, page) = from_outside(OWN, "word_count");
    // The loop, threads, three start methods, and inherit.
    assert_eq!(bench.rows.len(), 6);
    assert!(
        page.contains("The task word_count"),
        "the report is the same"
    );
    assert!(said.contains("threads"));
}

#[test]
fn a_task_that_is_given_a_path_is_handed_its_data_by_file() {
    let (_, bench, _) = from_outside(BY_FILE, "words");
    // The loop, threads, two hand-overs by three start methods, and inherit.
    assert_eq!(bench.rows.len(), 9);
    for hand_over in [HandOver::Bytes, HandOver::File] {
        let rows = bench.rows.iter();
        let of_it = rows.filter(|row| row.key.hand_over == Some(hand_over));
        assert_eq!(of_it.count(), 3, "{hand_over}");
    }
}

/// Runs a program in a crate of its own, outside of the repository: what it printed, what it saved, its page.
fn from_outside(program: &str, task: &str) -> (String, Bench, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let manifest = format!(
        "[package]\nname = \"own-{task}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\n\
         handoff = {{ path = \"{0}/crates/handoff\" }}\nlab = {{ path = \"{0}/crates/lab\" }}\n\n\
         [profile.dev]\nopt-level = 1\ndebug = \"line-tables-only\"\n",
        root.display()
    );
    fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
    fs::create_dir(folder.path().join("src")).unwrap();
    fs::write(folder.path().join("src/main.rs"), program).unwrap();
    // The versions that are there already: a test needs no network.
    fs::copy(root.join("Cargo.lock"), folder.path().join("Cargo.lock")).unwrap();
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["run", "--offline", "--quiet", "--"])
        .args([
            "--runs",
            "1",
            "--workers",
            "2",
            "--quiet",
            "--out",
            "results",
        ])
        // What is built already need not be built again.
        .env("CARGO_TARGET_DIR", root.join("target"))
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let results = folder.path().join("results");
    let text = fs::read_to_string(results.join(format!("job-{task}.json"))).unwrap();
    let bench: Bench = serde_json::from_str(&text).unwrap();
    assert!(
        bench
            .rows
            .iter()
            .all(|row| row.summary.is_some() && row.void.is_none())
    );
    let page = fs::read_to_string(results.join("report.html")).unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (said, bench, page)
}
