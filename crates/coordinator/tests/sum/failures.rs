//! What fails although it could be asked for: exit code 1, nothing on stdout, the cause on stderr.

use crate::processes::segments;
use crate::programs::{Running, coordinator, fixture, sum};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Asserts that a run fails with a message that says all of `words`.
fn fails(data: &Path, arguments: &[&str], words: &[&str]) {
    let ended = sum(data, arguments);
    assert_eq!(ended.code(), Some(1), "{arguments:?}: {}", ended.stderr);
    assert_eq!(ended.stdout, "", "{arguments:?}");
    let last = ended.stderr.lines().last().unwrap_or_default();
    for word in words {
        assert!(last.contains(word), "no {word:?} in {}", ended.stderr);
    }
    assert_eq!(segments(ended.pid), Vec::<String>::new());
}

#[test]
fn datasets_that_cannot_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let arguments = ["--field", "val", "--format", "json"];

    let absent = path("absent.npy");
    fails(&absent, &arguments, &["absent.npy", "No such file"]);
    fails(directory.path(), &arguments, &["directory"]);

    let text = path("text.npy");
    fs::write(&text, "a,b\n1,2\n").unwrap();
    fails(&text, &arguments, &["text.npy", "not an .npy file"]);

    let whole = fs::read(fixture("study_layout.npy")).unwrap();
    let cut = path("cut.npy");
    fs::write(&cut, &whole[..whole.len() - 1]).unwrap();
    fails(&cut, &arguments, &["cut.npy", "cut off", "10007"]);
    let header = path("header.npy");
    fs::write(&header, &whole[..20]).unwrap();
    fails(&header, &arguments, &["header.npy"]);
    let nothing = path("nothing.npy");
    fs::write(&nothing, "").unwrap();
    fails(&nothing, &arguments, &["nothing.npy"]);
}

/// One clear error, and soon: not a storm of starts, not a wait for the start timeout.
#[test]
fn worker_programs_that_are_none() {
    let directory = tempfile::tempdir().unwrap();
    let program = |name: &str, text: &str, mode: u32| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path.into_os_string().into_string().unwrap()
    };
    let script = |name: &str, text: &str| {
        let text = format!("#!/bin/sh\necho >> $0.starts\n{text}\n");
        program(name, &text, 0o755)
    };
    let babble = "echo Welcome to this program! >&3; sleep 60";
    let programs = [
        (script("quits", "echo was here >&2; exit 7"), "code 7"),
        (script("silent", "exit 0"), "code 0"),
        (script("killed", "kill -KILL $$"), "signal 9"),
        (script("babbles", babble), "frame"),
        (program("plain", "no program", 0o644), "ermission denied"),
    ];
    for method in ["spawn", "forkserver"] {
        for (program, word) in &programs {
            let arguments = ["--field", "val", "--workers", "4", "--start-method", method];
            let arguments = [&arguments[..], &["--worker-bin", program]].concat();
            fails(&fixture("study_layout.npy"), &arguments, &[word]);
            let counted = format!("{program}.starts");
            let starts = fs::read_to_string(&counted).unwrap_or_default().len();
            assert!(starts <= 4, "{program} was started {starts} times");
            let _ = fs::remove_file(counted);
        }
    }
}

#[test]
fn a_result_that_nobody_can_be_told() {
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = coordinator();
    command.arg("sum").arg(fixture("study_layout.npy"));
    command.args(["--field", "val", "--format", "json"]);
    let status = command
        .stdout(full)
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(1));
}

/// A reader that has gone away ends neither the run nor its result.
#[test]
fn a_timeline_that_nobody_reads() {
    let mut command = coordinator();
    command.arg("sum").arg(fixture("study_layout.npy"));
    command.args(["--field", "val", "--format", "json"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command.stderr(writer).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(serde_json::from_slice::<report::Sum>(&output.stdout).is_ok());
}

#[test]
fn quiet_is_quiet() {
    let mut command = coordinator();
    command.arg("sum").arg(fixture("study_layout.npy"));
    command.args(["--field", "val", "--quiet"]);
    let ended = Running::start(&mut command).end();
    assert_eq!((ended.code(), &ended.stderr[..]), (Some(0), ""));
}
