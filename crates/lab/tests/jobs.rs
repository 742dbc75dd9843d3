//! The jobs by the real program, at small sizes: every hand-over gives the results of the plain loop.

use std::fs;
use std::path::Path;
use std::process::Command;

use report::{Bench, HandOver, Runner};

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

#[test]
fn a_task_of_ones_own_is_measured_from_outside_the_repository_in_ten_lines() {
    assert!(OWN.lines().count() <= 10);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let manifest = format!(
        "[package]\nname = \"own\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\n\
         handoff = {{ path = \"{0}/crates/handoff\" }}\nlab = {{ path = \"{0}/crates/lab\" }}\n\n\
         [profile.dev]\nopt-level = 1\ndebug = \"line-tables-only\"\n",
        root.display()
    );
    fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
    fs::create_dir(folder.path().join("src")).unwrap();
    fs::write(folder.path().join("src/main.rs"), OWN).unwrap();
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
    let text = fs::read_to_string(results.join("job-word_count.json")).unwrap();
    let bench: Bench = serde_json::from_str(&text).unwrap();
    // The loop, threads, three start methods, and inherit.
    assert_eq!(bench.rows.len(), 6);
    assert!(
        bench
            .rows
            .iter()
            .all(|row| row.summary.is_some() && row.void.is_none())
    );
    let page = fs::read_to_string(results.join("report.html")).unwrap();
    assert!(
        page.contains("The task word_count"),
        "the report is the same"
    );
    assert!(String::from_utf8_lossy(&output.stdout).contains("threads"));
}
