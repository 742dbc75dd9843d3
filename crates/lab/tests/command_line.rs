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
        ("no-such-probe", &["limits", "--probes", "unknown"], 2),
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

#[test]
fn a_result_that_cannot_be_printed_is_a_failure() {
    for (redirection, reason) in [
        (">&-", "Bad file descriptor"),
        (">/dev/full", "No space left on device"),
    ] {
        let line = format!("exec \"$0\" limits --list {redirection}");
        let mut shell = Command::new("sh");
        let output = shell.args(["-c", &line, LAB]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{redirection}: {said}");
        assert!(
            said.starts_with("error: cannot print the result: "),
            "{said}"
        );
        assert!(said.contains(reason), "{said}");
    }
}

/// Every probe has a line of its own, and what is listed is what `--probes` chooses by.
#[test]
fn probes_are_listed_by_the_names_that_choose_them() {
    let list = |more: &[&str]| -> Vec<String> {
        let mut command = Command::new(LAB);
        let output = command
            .args(["limits", "--list"])
            .args(more)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{more:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(str::to_owned).collect()
    };
    let all = list(&[]);
    for line in &all {
        assert_eq!(
            all.iter().filter(|other| *other == line).count(),
            1,
            "{line}"
        );
        let name = line.split(' ').next().unwrap();
        let chosen = list(&["--probes", name]);
        assert!(chosen.contains(line), "{line}");
        assert!(chosen.iter().all(|other| other.contains(name)), "{line}");
    }
    let sendfile = list(&["--probes", "sendfile"]);
    assert!(!sendfile.is_empty() && sendfile.iter().all(|line| line.contains("sendfile")));
}
