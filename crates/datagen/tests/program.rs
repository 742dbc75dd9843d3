//! The program as a user meets it: exit codes, and no half file however it ends.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

#[path = "../../../tests/support/dispositions.rs"]
mod dispositions;

const DATAGEN: &str = env!("CARGO_BIN_EXE_datagen");

fn run(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(DATAGEN)
        .args(arguments)
        .current_dir(directory)
        .output()
        .unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn writes_once_and_again_by_force_only() {
    let dir = tempfile::tempdir().unwrap();
    let output = run(dir.path(), &["--records", "1_000", "--out", "it.npy"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let line = String::from_utf8(output.stdout).unwrap();
    assert!(
        line.starts_with("wrote it.npy: 1_000 records, 0.0 MB, seed 42, in "),
        "{line}"
    );
    assert_eq!(line.lines().count(), 1);
    assert!(
        output.stderr.is_empty(),
        "no bar where there is no terminal"
    );
    let first = fs::read(dir.path().join("it.npy")).unwrap();
    assert_eq!(first.len(), 192 + 24_000);

    let again = [
        "--records",
        "1k",
        "--seed",
        "43",
        "--out",
        "it.npy",
        "--quiet",
    ];
    let output = run(dir.path(), &again);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output).lines().count(), 1);
    assert!(stderr(&output).ends_with("it.npy exists; give --force to replace it\n"));
    assert!(fs::read(dir.path().join("it.npy")).unwrap() == first);

    let output = run(dir.path(), &[&again[..], &["--force"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(output.stdout.is_empty());
    assert!(fs::read(dir.path().join("it.npy")).unwrap() != first);
    assert_eq!(names(dir.path()), ["it.npy"]);
}

#[test]
fn a_link_to_a_dataset_stays_a_link() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("large")).unwrap();
    fs::write(dir.path().join("large/real.npy"), "old").unwrap();
    std::os::unix::fs::symlink("large/real.npy", dir.path().join("link.npy")).unwrap();
    let output = run(
        dir.path(),
        &["--records", "5", "--out", "link.npy", "--force"],
    );
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(dir.path().join("link.npy").is_symlink());
    assert_eq!(
        fs::metadata(dir.path().join("large/real.npy"))
            .unwrap()
            .len(),
        192 + 120
    );
}

#[test]
fn usage_errors_are_2() {
    let dir = tempfile::tempdir().unwrap();
    for arguments in [
        &["--records", "many"][..],
        &["--records", "-1"],
        &["--seed", "x"],
        &["--wrong"],
    ] {
        assert_eq!(
            run(dir.path(), arguments).status.code(),
            Some(2),
            "{arguments:?}"
        );
    }
    assert!(names(dir.path()).is_empty());
}

#[test]
fn what_cannot_be_written_is_told_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for (arguments, reason) in [
        (
            &["--records", "7_000G", "--out", "x.npy"][..],
            "not enough room for x.npy: 168000000000192 bytes needed",
        ),
        (
            &["--records", "18_000_000G", "--out", "x.npy"],
            "18000000000000000 records are too many",
        ),
        (
            &["--out", "/dev/null", "--force"],
            "/dev/null is not a regular file",
        ),
        (&["--out", ".", "--force"], "is not a regular file"),
        (
            &["--records", "1", "--out", "/proc/x/y.npy"],
            "cannot create the directory of /proc/x/y.npy",
        ),
    ] {
        let output = run(dir.path(), arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(stderr(&output).contains(reason), "{}", stderr(&output));
    }
    assert!(names(dir.path()).is_empty());
}

#[test]
fn a_disk_that_fills_up_is_told_and_cleaned_up() {
    // A limit on the size of files stops a write in the middle, as a full disk does.
    let dir = tempfile::tempdir().unwrap();
    let limited = format!("ulimit -f 2000; exec {DATAGEN} --records 1M --out it.npy");
    let output = Command::new("sh")
        .args(["-c", &limited])
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        stderr(&output).contains("no more room for it.npy after "),
        "{}",
        stderr(&output)
    );
    assert!(
        stderr(&output).contains(" of 24000192 bytes"),
        "{}",
        stderr(&output)
    );
    assert!(names(dir.path()).is_empty());
}

/// Starts a run of some gigabytes and waits until it has its file open.
fn started(directory: &Path) -> Child {
    started_by(&mut Command::new(DATAGEN), directory)
}

fn started_by(command: &mut Command, directory: &Path) -> Child {
    let mut child = dispositions::by_default(command)
        .args(["--records", "100M", "--out", "it.npy"])
        .current_dir(directory)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let real = fs::canonicalize(directory).unwrap();
    let open = |entry: fs::DirEntry| {
        fs::read_link(entry.path()).is_ok_and(|file| file.starts_with(&real) && file != real)
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    let descriptors = format!("/proc/{}/fd", child.id());
    while !fs::read_dir(&descriptors).unwrap().flatten().any(open) {
        assert!(
            child.try_wait().unwrap().is_none(),
            "it ended before it could be stopped"
        );
        assert!(Instant::now() < deadline, "it never opened its file");
        thread::sleep(Duration::from_millis(1));
    }
    child
}

#[test]
fn a_signal_leaves_nothing() {
    for signal in [
        Signal::SIGINT,
        Signal::SIGTERM,
        Signal::SIGHUP,
        Signal::SIGKILL,
    ] {
        let dir = tempfile::tempdir().unwrap();
        let mut child = started(dir.path());
        kill(Pid::from_raw(child.id() as i32), signal).unwrap();
        let status = child.wait().unwrap();
        match signal {
            Signal::SIGKILL => assert_eq!(status.signal(), Some(9)),
            _ => assert_eq!(status.code(), Some(128 + signal as i32)),
        }
        assert!(!dir.path().join("it.npy").exists());
        let left = names(dir.path());
        let partial = |name: &String| name.starts_with(".it.npy.") && name.ends_with(".partial");
        // Without nameless files, a kill that nobody can catch leaves one that says what it is.
        assert!(
            left.is_empty() || signal == Signal::SIGKILL && left.iter().all(partial),
            "{left:?}"
        );
    }
}

/// As `nohup` and a shell's `trap '' INT` start it.
#[test]
fn a_signal_that_was_ignored_stays_ignored() {
    let dir = tempfile::tempdir().unwrap();
    let ignoring = "trap '' HUP INT; exec \"$0\" \"$@\"";
    let mut command = Command::new("sh");
    let mut child = started_by(command.args(["-c", ignoring, DATAGEN]), dir.path());
    for signal in [Signal::SIGHUP, Signal::SIGINT] {
        kill(Pid::from_raw(child.id() as i32), signal).unwrap();
    }
    thread::sleep(Duration::from_millis(50));
    assert!(child.try_wait().unwrap().is_none(), "it goes on");
    kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
    // The first of the signals that were caught gives the code.
    assert_eq!(
        child.wait().unwrap().code(),
        Some(128 + Signal::SIGTERM as i32)
    );
}

/// The dataset is written all the same.
#[test]
fn a_summary_or_completions_that_cannot_be_printed_are_a_failure() {
    let dir = tempfile::tempdir().unwrap();
    for (redirection, reason) in [
        (">&-", "Bad file descriptor"),
        (">/dev/full", "No space left on device"),
    ] {
        for arguments in [
            &["--records", "10", "--out", "it.npy", "--force"][..],
            &["--completions", "bash"],
        ] {
            let line = format!("exec \"$0\" \"$@\" {redirection}");
            let mut shell = Command::new("sh");
            shell.args(["-c", &line, DATAGEN]).args(arguments);
            let output = shell.current_dir(dir.path()).output().unwrap();
            let said = stderr(&output);
            assert_eq!(output.status.code(), Some(1), "{arguments:?} {said}");
            assert!(said.starts_with("error: "), "{said}");
            assert!(
                said.contains("be printed: ") || said.contains("cannot print"),
                "{said}"
            );
            assert!(said.contains(reason), "{said}");
        }
        assert_eq!(names(dir.path()), ["it.npy"]);
        let quiet = ["--records", "10", "--out", "it.npy", "--force", "--quiet"];
        let line = format!("exec \"$0\" \"$@\" {redirection}");
        let mut shell = Command::new("sh");
        shell.args(["-c", &line, DATAGEN]).args(quiet);
        let output = shell.current_dir(dir.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "there is nothing to print");
    }
}
