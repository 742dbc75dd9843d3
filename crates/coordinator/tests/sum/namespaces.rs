//! Containers that lack something: no /proc, or a /dev/shm that cannot be written. What needs it says so
//! in one line, and the rest works. Each needs a mount namespace of its own, which only root gets.

use crate::fixtures::{assert_answer, facts};
use crate::programs::{Ended, Running, coordinator, fixture};
use std::path::Path;
use std::process::Command;

const NO_PROC: &str = "umount -l /proc";
const READ_ONLY_SHM: &str = "mount --bind /dev/shm /dev/shm && mount -o remount,ro,bind /dev/shm";

/// Whether `test` may have its own mounts; says that it is skipped where it may not.
fn may_mount(test: &str) -> bool {
    let script = [READ_ONLY_SHM, NO_PROC].join(" && ");
    let tried = Command::new("unshare")
        .args(["--mount", "sh", "-c", &script])
        .output();
    let may = tried.is_ok_and(|output| output.status.success());
    if !may {
        eprintln!("skipped: {test} needs a mount namespace");
    }
    may
}

/// The coordinator with other mounts, which `script` makes.
fn within(script: &str, arguments: &[&str]) -> Ended {
    let coordinator = coordinator();
    let program = coordinator.get_program();
    let worker = Path::new(program).with_file_name("worker");
    let script = format!("{script} && exec \"$0\" \"$@\"");
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c", &script])
        .arg(program)
        .args(arguments);
    // The coordinator finds the worker program by /proc.
    Running::start(command.env("HANDOFF_WORKER", worker)).end()
}

fn sum_within(script: &str, method: &str, transport: &str) -> Ended {
    let data = fixture("study_layout.npy");
    let data = data.to_str().unwrap();
    let how = ["--start-method", method, "--transport", transport];
    let arguments = ["sum", data, "--quiet", "--workers", "2", "--format", "json"];
    within(script, &[&arguments[..], &how].concat())
}

fn assert_right(ended: &Ended, context: &str) {
    assert_eq!(ended.code(), Some(0), "{context}: {}", ended.stderr);
    let report = serde_json::from_str(&ended.stdout).unwrap();
    assert_answer(&report, &facts()["study_layout.npy"]);
}

/// Asserts that it failed with one line that has all of `words`, each once.
fn assert_one_line(ended: &Ended, words: &[&str], context: &str) {
    assert_eq!(ended.code(), Some(1), "{context}: {}", ended.stderr);
    assert_eq!(ended.stdout, "", "{context}");
    assert_eq!(
        ended.stderr.lines().count(),
        1,
        "{context}: {}",
        ended.stderr
    );
    for word in words {
        let said = ended.stderr.matches(word).count();
        assert_eq!(said, 1, "{context}: {word:?} in {}", ended.stderr);
    }
}

#[test]
fn without_proc_what_needs_it_says_so_and_the_rest_works() {
    if !may_mount("without_proc_what_needs_it_says_so_and_the_rest_works") {
        return;
    }
    for transport in ["bytes", "serde", "mmap"] {
        let ended = sum_within(NO_PROC, "spawn", transport);
        assert_right(&ended, &format!("spawn {transport}"));
    }
    let ended = sum_within(NO_PROC, "spawn", "shm");
    assert_one_line(
        &ended,
        &["/proc/self/stat", "No such file", "--transport mmap"],
        "shm",
    );
    for (method, transport) in [
        ("fork", "mmap"),
        ("fork", "bytes"),
        ("fork", "inherit"),
        ("forkserver", "mmap"),
        ("forkserver", "serde"),
    ] {
        let ended = sum_within(NO_PROC, method, transport);
        let words = [
            "/proc/self/task",
            "No such file",
            "single-threaded",
            "mount /proc",
            "spawn",
        ];
        assert_one_line(&ended, &words[..], &format!("{method} {transport}"));
    }
    // The experiments print what they see before.
    for (method, word) in [("fork", "/proc/self/task"), ("spawn", "/proc/self/exe")] {
        let ended = within(NO_PROC, &["module-scope", "--start-method", method]);
        assert_eq!(ended.code(), Some(1), "{method}");
        assert_eq!(ended.stderr.matches(word).count(), 1, "{}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    }
    for arguments in [&["doctor"][..], &["completions", "bash"], &["--version"]] {
        assert_eq!(within(NO_PROC, arguments).code(), Some(0), "{arguments:?}");
    }
}

#[test]
fn where_dev_shm_is_read_only_another_transport_is_named_and_works() {
    if !may_mount("where_dev_shm_is_read_only_another_transport_is_named_and_works") {
        return;
    }
    for method in ["fork", "spawn", "forkserver"] {
        let ended = sum_within(READ_ONLY_SHM, method, "shm");
        let words = ["/dev/shm", "Read-only file system", "--transport mmap"];
        assert_one_line(&ended, &words, method);
        assert_right(&sum_within(READ_ONLY_SHM, method, "mmap"), method);
    }
    let ended = within(READ_ONLY_SHM, &["doctor"]);
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    assert_eq!(
        ended.stdout.matches("read-only").count(),
        1,
        "{}",
        ended.stdout
    );
}
