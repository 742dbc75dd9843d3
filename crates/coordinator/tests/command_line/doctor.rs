//! `coordinator doctor` on this machine, whatever its settings are.

use crate::snapshots::output;
use crate::{COORDINATOR, dataset};
use report::{Doctor, Finding, Grade};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

fn doctor(arguments: &[&str]) -> Doctor {
    let mut command = Command::new(COORDINATOR);
    command.arg("doctor").arg(dataset()).args(arguments);
    let output = output(command.args(["--format", "json"]));
    assert_eq!(
        output.status.code(),
        Some(0),
        "{:?}",
        String::from_utf8(output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn about<'a>(doctor: &'a Doctor, topic: &str) -> &'a Finding {
    let mut findings = doctor.findings.iter();
    findings
        .find(|finding| finding.topic == topic)
        .unwrap_or_else(|| panic!("nothing about {topic}"))
}

#[test]
fn it_names_the_settings_that_are_off_and_the_commands() {
    let doctor = doctor(&[]);
    assert!(doctor.findings.is_sorted_by_key(|finding| finding.grade));
    assert_eq!(doctor.trial, None);
    let huge = about(&doctor, "huge pages for segments");
    match doctor.machine.huge_pages.shmem_enabled.as_deref() {
        Some("never" | "deny") if huge.grade == Grade::CouldBeBetter => {
            assert!(huge.fix.as_deref().unwrap().contains("shmem_enabled"));
            assert!(huge.means.contains("--try"));
        }
        Some(_) => assert_eq!(huge.grade, Grade::Good),
        None => assert_eq!(huge.fix, None),
    }
    let cached = about(&doctor, "the dataset in the page cache");
    assert!(cached.found.contains("MiB"), "{cached:?}");
    for topic in [
        "room in /dev/shm",
        "open files (ulimit -n)",
        "processors",
        "kernel",
        "worker program",
    ] {
        about(&doctor, topic);
    }
}

#[test]
fn huge_pages_are_tried_where_that_is_asked_for() {
    let doctor = doctor(&["--try"]);
    let trial = doctor.trial.as_ref().unwrap();
    assert!(
        trial.fill.small > 0.0
            && trial.fill.huge > 0.0
            && trial.read.small > 0.0
            && trial.read.huge > 0.0
    );
    assert!(trial.huge_bytes <= trial.bytes);
    let huge = about(&doctor, "huge pages for segments");
    assert!(huge.means.contains("private memory"), "{}", huge.means);
}

#[test]
fn workers_of_another_version_are_reported() {
    let directory = tempfile::tempdir().unwrap();
    let worker = |text: &str| {
        let path = directory.path().join("worker");
        let written = directory.path().join("new");
        fs::write(&written, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&written, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(written, &path).unwrap();
        let doctor = doctor(&["--worker-bin", path.to_str().unwrap()]);
        about(&doctor, "worker program").clone()
    };
    let newer = worker(&format!(
        "echo 'worker 99.0.0 (protocol {})'",
        pool::PROTOCOL
    ));
    assert_eq!(newer.grade, Grade::CouldBeBetter);
    assert_eq!(
        newer.found,
        format!("worker 99.0.0 (protocol {})", pool::PROTOCOL)
    );
    let unknown = worker("echo 'worker 99.0.0 (protocol 99)'");
    assert_eq!(unknown.grade, Grade::Bad);
    assert!(unknown.fix.is_some());
    assert_eq!(worker("exit 3").grade, Grade::Bad);
    let absent = doctor(&["--worker-bin", "/nowhere/worker"]);
    assert!(
        about(&absent, "worker program")
            .means
            .contains("/nowhere/worker")
    );
}

#[test]
fn limits_of_this_process_are_seen() {
    let mut command = Command::new("sh");
    let script = "ulimit -n 40; exec \"$0\" doctor --format json";
    let output = output(command.args(["-c", script, COORDINATOR]));
    assert_eq!(output.status.code(), Some(0));
    let doctor: Doctor = serde_json::from_slice(&output.stdout).unwrap();
    let files = about(&doctor, "open files (ulimit -n)");
    assert_ne!(files.grade, Grade::Good);
    assert_eq!(files.found, "40");
}

#[test]
fn people_read_problems_first() {
    let mut command = Command::new(COORDINATOR);
    command.args(["doctor", "--worker-bin", "/nowhere/worker"]);
    let short = output(&mut command);
    assert_eq!(short.status.code(), Some(0));
    let text = String::from_utf8(short.stdout).unwrap();
    let bad = text.find("\nBad\n").unwrap();
    assert!(bad < text.find(" checks passed, 1 failed").unwrap());
    assert!(!text.contains("  kernel: "), "{text}");
    assert!(
        text.contains("    $ cargo build --release -p worker\n"),
        "{text}"
    );
    let all = output(command.arg("--all"));
    let text = String::from_utf8(all.stdout).unwrap();
    assert!(bad < text.find("\n  kernel: ").unwrap(), "{text}");
}

#[test]
fn a_script_learns_by_the_exit_code_that_something_will_fail() {
    let strict = |worker: &[&str]| {
        let mut command = Command::new(COORDINATOR);
        output(command.args(["doctor", "--strict"]).args(worker))
    };
    let failed = strict(&["--worker-bin", "/nowhere/worker"]);
    assert_eq!(failed.status.code(), Some(1));
    let text = String::from_utf8(failed.stdout).unwrap();
    assert!(text.contains("/nowhere/worker"), "{text}");
    let error = String::from_utf8(failed.stderr).unwrap();
    assert!(error.contains("of the checks failed"), "{error}");
}
