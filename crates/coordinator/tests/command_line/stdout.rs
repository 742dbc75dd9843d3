//! A stdout that is closed or full: whatever prints a result says that it could not, and fails.

use crate::{COORDINATOR, dataset};
use std::process::{Command, Output, Stdio};

/// Runs the coordinator by a shell, with its stdout redirected so.
fn redirected(redirection: &str, arguments: &[&str]) -> Output {
    let line = format!("exec \"$0\" \"$@\" {redirection}");
    let mut shell = Command::new("sh");
    shell.args(["-c", &line, COORDINATOR]).args(arguments);
    shell.stdin(Stdio::null()).env_remove("HANDOFF_WORKER");
    shell.output().unwrap()
}

#[test]
fn a_result_that_cannot_be_printed_is_a_failure() {
    let data = dataset();
    let data = data.to_str().unwrap();
    let commands: [&[&str]; 9] = [
        &["sum", data, "--quiet"],
        &["sum", data, "--quiet", "--format", "json"],
        &["sum", data, "--quiet", "--transport", "shm"],
        &["doctor"],
        &["doctor", "--format", "json"],
        &["completions", "bash"],
        &["module-scope", "--start-method", "fork"],
        &["logger", "--start-method", "spawn"],
        &["traits", "--quiet", "--only", "file-offsets"],
    ];
    for (redirection, reason) in [
        (">&-", "Bad file descriptor"),
        (">/dev/full", "No space left on device"),
    ] {
        for arguments in commands {
            let output = redirected(redirection, arguments);
            let said = String::from_utf8_lossy(&output.stderr);
            let context = format!("{arguments:?} {redirection}: {said}");
            assert_eq!(output.status.code(), Some(1), "{context}");
            let last = said.lines().last().unwrap_or_default();
            assert!(last.starts_with("error: cannot print "), "{context}");
            assert!(last.contains(reason), "{context}");
        }
    }
}

/// What a service manager gives its programs, opened for reading too.
#[test]
fn a_stdout_that_nobody_reads_is_no_failure() {
    let data = dataset();
    let output = redirected("1<>/dev/null", &["sum", data.to_str().unwrap(), "--quiet"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
}
