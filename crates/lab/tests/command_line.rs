//! Every help of the laboratory, and its commonest errors.

#[path = "../../../tests/support/helps.rs"]
mod helps;
#[path = "../../../tests/support/snapshots.rs"]
mod snapshots;

use helps::every_help_holds;
use snapshots::{holds, output};
use std::path::Path;
use std::process::Command;

const LAB: &str = env!("CARGO_BIN_EXE_lab");

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots")
}

#[test]
fn every_help_is_as_it_was() {
    every_help_holds(LAB, "lab", &folder());
}

#[test]
fn the_commonest_errors_name_the_fix() {
    let cases: [(&str, &[&str], i32); 4] = [
        ("unknown-transport", &["matrix", "--transports", "nmap"], 2),
        (
            "no-such-dataset",
            &[
                "matrix",
                "--data",
                "/nowhere/x.npy",
                "--bin-dir",
                "/nowhere",
            ],
            1,
        ),
        ("no-such-probe", &["limits", "--probes", "nonsense"], 2),
        ("no-matrix", &["page", "/nowhere"], 1),
    ];
    for (name, arguments, code) in cases {
        let output = output(Command::new(LAB).args(arguments));
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{name}: {said}");
        let typed = arguments.join(" ");
        holds(
            &folder(),
            &format!("error-{name}"),
            &format!("$ cargo xtask {typed}\n{said}"),
        );
    }
}
