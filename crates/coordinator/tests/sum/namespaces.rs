//! Containers that lack something: no /proc, or a /dev/shm that cannot be written. What needs it says so
//! in one line, and the rest works. Containers also have process numbers of their own, with the
//! coordinator as process 1. Each needs namespaces of its own, which only root gets.

use crate::fixtures::{assert_answer, facts};
use crate::programs::{Ended, Running, coordinator, fixture};
use std::path::Path;
use std::process::Command;

const NO_PROC: &str = "umount -l /proc";
const READ_ONLY_SHM: &str = "mount --bind /dev/shm /dev/shm && mount -o remount,ro,bind /dev/shm";

/// Options of `unshare`: mounts of its own.
const MOUNTS: &[&str] = &["--mount"];
/// Process numbers of its own, with the /proc that belongs to them.
const PIDS: &[&str] = &["--mount", "--pid", "--fork", "--mount-proc"];
/// Process numbers of its own, with the /proc of the machine.
const PIDS_WITH_OTHER_PROC: &[&str] = &["--mount", "--pid", "--fork"];

/// Whether `test` may have these namespaces and do this; says that it is skipped where it may not.
fn may(test: &str, namespaces: &[&str], script: &str) -> bool {
    let tried = Command::new("unshare")
        .args(namespaces)
        .args(["sh", "-c", script])
        .output();
    let may = tried.is_ok_and(|output| output.status.success());
    if !may {
        eprintln!("skipped: {test} needs unshare {}", namespaces.join(" "));
    }
    may
}

fn may_mount(test: &str) -> bool {
    may(test, MOUNTS, &[READ_ONLY_SHM, NO_PROC].join(" && "))
}

/// The coordinator with other mounts, which `script` makes.
fn within(script: &str, arguments: &[&str]) -> Ended {
    let script = format!("{script} && exec \"$0\" \"$@\"");
    unshared(MOUNTS, &script, arguments)
}

/// The coordinator in these namespaces; `script` starts it.
fn unshared(namespaces: &[&str], script: &str, arguments: &[&str]) -> Ended {
    let coordinator = coordinator();
    let program = coordinator.get_program();
    let worker = Path::new(program).with_file_name("worker");
    let mut command = Command::new("unshare");
    command
        .args(namespaces)
        .args(["sh", "-c", script])
        .arg(program)
        .args(arguments);
    // The coordinator finds the worker program by /proc.
    Running::start(command.env("HANDOFF_WORKER", worker)).end()
}

fn sum_within(script: &str, method: &str, transport: &str) -> Ended {
    let arguments = sum_arguments(method, transport);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    within(script, &arguments)
}

fn sum_arguments(method: &str, transport: &str) -> Vec<String> {
    let data = fixture("study_layout.npy");
    let how = ["--start-method", method, "--transport", transport];
    let arguments = ["--quiet", "--workers", "2", "--format", "json"];
    let words = ["sum", data.to_str().unwrap()].into_iter();
    let words = words.chain(arguments).chain(how);
    words.map(str::to_owned).collect()
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

/// As process 1, which adopts orphans and ignores signals by default, and as a child of a shell.
#[test]
fn in_a_pid_namespace_every_start_method_works() {
    let test = "in_a_pid_namespace_every_start_method_works";
    for namespaces in [PIDS, PIDS_WITH_OTHER_PROC] {
        if !may(test, namespaces, "true") {
            continue;
        }
        for script in ["exec \"$0\" \"$@\"", "\"$0\" \"$@\"; exit $?"] {
            for (method, transport) in [
                ("fork", "mmap"),
                ("fork", "inherit"),
                ("spawn", "shm"),
                ("spawn", "bytes"),
                ("forkserver", "shm"),
                ("forkserver", "mmap"),
            ] {
                let arguments = sum_arguments(method, transport);
                let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
                let ended = unshared(namespaces, script, &arguments);
                assert_right(
                    &ended,
                    &format!("{namespaces:?} {script} {method} {transport}"),
                );
            }
        }
    }
}
