//! What cannot be asked for: exit code 2, nothing on stdout, and a message that says what can.

use crate::programs::{Running, coordinator, fixture, sum};
use std::fs;
use std::path::Path;

/// Asserts that a command line is refused with a message that says all of `words`.
fn refused(data: &Path, arguments: &[&str], words: &[&str]) {
    let ended = sum(data, arguments);
    assert_eq!(ended.code(), Some(2), "{arguments:?}: {}", ended.stderr);
    assert_eq!(ended.stdout, "", "{arguments:?}");
    for word in words {
        assert!(
            ended.stderr.contains(word),
            "no {word:?} in {}",
            ended.stderr
        );
    }
}

#[test]
fn inherit_needs_fork_and_the_message_names_what_does_not() {
    for method in ["spawn", "forkserver"] {
        let arguments = ["--field", "val", "--transport", "inherit", "--start-method"];
        refused(
            &fixture("study_layout.npy"),
            &[&arguments[..], &[method]].concat(),
            &["inherit", "fork", method, "mmap", "shm"],
        );
    }
}

#[test]
fn counts_that_cannot_be() {
    let data = fixture("study_layout.npy");
    let with = |flag, value, words: &[&str]| {
        refused(&data, &["--field", "val", flag, value], words);
    };
    with("--workers", "0", &["--workers", "at least 1"]);
    with("--workers", "1_000_000", &["1000000", "4096", "--batches"]);
    with("--workers", "1M", &["at most"]);
    with("--workers", "many", &["many"]);
    with("--workers", "-1", &["-1"]);
    with("--batches", "0", &["at least 1"]);
    with("--repeat", "0", &["at least 1"]);
    with("--timeout", "0", &["500ms", "seconds"]);
    with("--timeout", "3 days", &["3 days", "500ms"]);
    with("--retries", "some", &["some"]);
}

#[test]
fn short_options_and_durations_with_units() {
    let data = fixture("study_layout.npy");
    let line = "-m spawn -t bytes -w 2 -b 4 -r 2 -f val --timeout 2m -q --format json";
    let ended = sum(&data, &line.split(' ').collect::<Vec<_>>());
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    let report: report::Sum = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((report.plan.workers, report.plan.batches), (2, 4));
    assert_eq!(report.plan.transport, report::Transport::Bytes);
    assert_eq!(report.plan.start_method, Some(report::StartMethod::Spawn));
    assert_eq!(report.seconds.repeats.len(), 2);
}

#[test]
fn unknown_words_list_the_known_ones() {
    let data = fixture("study_layout.npy");
    let with = |flag, value, words: &[&str]| {
        refused(&data, &["--field", "val", flag, value], words);
    };
    with(
        "--start-method",
        "thread",
        &["thread", "fork", "spawn", "forkserver"],
    );
    with(
        "--transport",
        "pipe",
        &["pipe", "bytes", "serde", "shm", "mmap", "inherit"],
    );
    with("--format", "xml", &["xml", "text", "json"]);
    refused(&data, &["--colour"], &["--colour"]);
}

#[test]
fn fields_that_cannot_be_summed() {
    let study = fixture("study_layout.npy");
    refused(
        &study,
        &["--field", "vale"],
        &["study_layout.npy: ", "'vale'", "val", "index", "timestamp"],
    );
    // The field that is summed where none is named is not in every dataset.
    let directory = tempfile::tempdir().unwrap();
    let renamed = directory.path().join("renamed.npy");
    let mut bytes = fs::read(&study).unwrap();
    let name = bytes.windows(5).position(|name| name == b"'val'").unwrap();
    bytes[name + 3] = b'r';
    fs::write(&renamed, bytes).unwrap();
    refused(&renamed, &[], &["'var'", "'index'", "--field"]);
    assert_eq!(sum(&renamed, &["--field", "var"]).code(), Some(0));
    refused(
        &study,
        &["--field", "timestamp"],
        &["timestamp", "cannot be summed"],
    );
    refused(
        &fixture("plain_f8.npy"),
        &["--field", "val"],
        &["leave out --field"],
    );
    let serde = ["--field", "val", "--transport", "serde"];
    refused(&fixture("packed_13_bytes.npy"), &serde, &["serde", "bytes"]);
}

#[test]
fn a_worker_program_that_is_not_there() {
    let data = fixture("study_layout.npy");
    let arguments = ["--field", "val", "--start-method", "spawn"];
    refused(
        &data,
        &[&arguments[..], &["--worker-bin", "/nowhere/worker"]].concat(),
        &["/nowhere/worker", "--worker-bin", "HANDOFF_WORKER"],
    );

    let mut command = coordinator();
    command.arg("sum").arg(&data).args(arguments);
    let ended = Running::start(command.env("HANDOFF_WORKER", "/elsewhere/worker")).end();
    assert_eq!(ended.code(), Some(2), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("/elsewhere/worker"),
        "{}",
        ended.stderr
    );

    // Alone in a directory, the program says where it looked.
    let alone = tempfile::tempdir().unwrap();
    let program = alone.path().join("coordinator");
    fs::copy(coordinator().get_program(), &program).unwrap();
    for method in ["spawn", "forkserver"] {
        let mut command = std::process::Command::new(&program);
        command.env_remove("HANDOFF_WORKER").arg("sum").arg(&data);
        command.args(["--field", "val", "--start-method", method]);
        let ended = Running::start(&mut command).end();
        assert_eq!(ended.code(), Some(2), "{}", ended.stderr);
        assert_eq!(ended.stdout, "");
        let looked = alone.path().join("worker");
        for word in [looked.to_str().unwrap(), "--worker-bin", "HANDOFF_WORKER"] {
            assert!(
                ended.stderr.contains(word),
                "no {word:?} in {}",
                ended.stderr
            );
        }
    }
    // Fork needs no other program.
    let mut command = std::process::Command::new(&program);
    command.arg("sum").arg(&data).args(["--field", "val"]);
    assert_eq!(Running::start(&mut command).end().code(), Some(0));
}

#[test]
fn help_and_version_are_no_errors() {
    for arguments in [&["--version"][..], &["--help"], &["sum", "--help"]] {
        let ended = Running::start(coordinator().args(arguments)).end();
        assert_eq!(ended.code(), Some(0), "{arguments:?}");
        assert!(!ended.stdout.is_empty() && ended.stderr.is_empty());
    }
    let nothing = Running::start(&mut coordinator()).end();
    assert_eq!(nothing.code(), Some(2));
}
