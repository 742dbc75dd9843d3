//! The worker's help, and what it says to those who start it by hand.

#[path = "../../../tests/support/helps.rs"]
mod helps;
#[path = "../../../tests/support/snapshots.rs"]
mod snapshots;

use helps::every_help_holds;
use snapshots::{holds, output};
use std::path::Path;
use std::process::Command;

const WORKER: &str = env!("CARGO_BIN_EXE_worker");

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots")
}

#[test]
fn the_help_is_as_it_was() {
    every_help_holds(WORKER, "worker", &folder());
}

#[test]
fn the_version_tells_the_protocol() {
    let output = output(Command::new(WORKER).arg("--version"));
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said, format!("worker {}\n", runtime::VERSION));
}

#[test]
fn the_commonest_errors_say_the_way_out() {
    let cases: [(&str, &[&str], i32); 4] = [
        ("nothing", &[], 2),
        ("both", &["--fd", "3", "--connect", "x"], 2),
        ("nobody-listens", &["--connect", "/nowhere/socket"], 1),
        ("no-descriptor", &["--fd", "99"], 1),
    ];
    for (name, arguments, code) in cases {
        let output = output(Command::new(WORKER).args(arguments));
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{name}: {said}");
        let typed = arguments.join(" ");
        holds(
            &folder(),
            &format!("error-{name}"),
            &format!("$ worker {typed}\n{said}"),
        );
    }
}
