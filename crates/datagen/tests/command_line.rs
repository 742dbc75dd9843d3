//! Help, completions, the manual page, and progress on a terminal.

#[path = "../../../tests/support/helps.rs"]
mod helps;
#[path = "../../../tests/support/snapshots.rs"]
mod snapshots;
#[path = "../../../tests/support/terminal.rs"]
mod terminal;

use helps::every_help_holds;
use snapshots::{holds, output};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;
use terminal::{Stderr, Watched};

const DATAGEN: &str = env!("CARGO_BIN_EXE_datagen");

/// More than the header, less than the first block of records.
const BLOCK: u64 = 100_000;

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots")
}

#[test]
fn the_help_is_as_it_was() {
    every_help_holds(DATAGEN, "datagen", &folder());
}

#[test]
fn the_commonest_errors_say_the_way_out() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("there.npy"), "").unwrap();
    let cases: [(&str, &[&str], i32); 5] = [
        ("exists", &["--out", "there.npy"], 1),
        ("directory", &["--out", "/tmp"], 1),
        ("fraction", &["--records", "1.5M"], 2),
        ("too-many", &["--records", "10000000G"], 1),
        ("misspelt-flag", &["--record", "1M"], 2),
    ];
    for (name, arguments, code) in cases {
        let mut command = Command::new(DATAGEN);
        let output = output(command.args(arguments).current_dir(directory.path()));
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{name}: {said}");
        let said = said.replace(directory.path().to_str().unwrap(), "[HERE]");
        let typed = arguments.join(" ");
        holds(
            &folder(),
            &format!("error-{name}"),
            &format!("$ datagen {typed}\n{said}"),
        );
    }
}

#[test]
fn completions_and_manual_page() {
    let script = output(Command::new(DATAGEN).args(["--completions", "bash"]));
    assert!(
        String::from_utf8(script.stdout)
            .unwrap()
            .contains("--records")
    );
    let directory = tempfile::tempdir().unwrap();
    let man = output(Command::new(DATAGEN).arg("--man").arg(directory.path()));
    assert_eq!(man.status.code(), Some(0));
    let page = fs::read_to_string(directory.path().join("datagen.1")).unwrap();
    assert!(page.contains("records"));
}

/// A dataset that would take long, held up after its first block until progress is due, and stopped
/// before it fills a disk: what it draws until then.
fn drawn(stderr: Stderr, arguments: &[&str]) -> (Option<i32>, String) {
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new(DATAGEN);
    command
        .args(["--records", "40M", "--out", "it.npy"])
        .args(arguments);
    let run = Watched::start(command.current_dir(directory.path()), stderr);
    while written(&run) < BLOCK {
        thread::sleep(Duration::from_millis(1));
    }
    run.signal(libc::SIGSTOP);
    thread::sleep(Duration::from_millis(700));
    run.signal(libc::SIGCONT);
    if stderr == Stderr::Terminal("xterm") && arguments.is_empty() {
        run.wait_for(" left");
    } else {
        thread::sleep(Duration::from_millis(100));
    }
    run.signal(libc::SIGINT);
    let (code, _, seen) = run.end();
    (code, seen)
}

/// Bytes that a program has written so far, to whatever.
fn written(run: &Watched) -> u64 {
    let io = fs::read_to_string(format!("/proc/{}/io", run.pid())).unwrap();
    let bytes = io.lines().find_map(|line| line.strip_prefix("wchar: "));
    bytes.unwrap().parse().unwrap()
}

#[test]
fn a_terminal_shows_rate_and_time_left() {
    let (code, seen) = drawn(Stderr::Terminal("xterm"), &[]);
    assert_eq!(code, Some(130));
    assert!(seen.contains("writing") && seen.contains("B/s"), "{seen:?}");
    // What was drawn is gone in the end, and the reason stands alone.
    let last = seen.trim_end().rsplit(['\r', 'K', 'J']).next().unwrap();
    assert!(last.starts_with("error: stopped"), "{seen:?}");
}

#[test]
fn a_pipe_a_dumb_terminal_and_quiet_show_none() {
    let cases = [
        (Stderr::Pipe, &[][..]),
        (Stderr::Terminal("dumb"), &[]),
        (Stderr::Terminal("xterm"), &["--quiet"]),
    ];
    for (stderr, arguments) in cases {
        let (code, seen) = drawn(stderr, arguments);
        assert_eq!(code, Some(130), "{stderr:?}");
        assert_eq!(
            seen.trim(),
            "error: stopped; nothing was left behind",
            "{stderr:?}"
        );
    }
}
