//! Help, versions, completions and manual pages.

use crate::helps::every_help_holds;
use crate::snapshots::output;
use crate::{COORDINATOR, folder};
use std::fs;
use std::process::Command;

#[test]
fn every_help_is_as_it_was() {
    every_help_holds(COORDINATOR, "coordinator", &folder());
}

#[test]
fn the_version_tells_the_protocol() {
    let output = output(Command::new(COORDINATOR).arg("--version"));
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said, format!("coordinator {}\n", pool::VERSION));
    assert!(said.contains("protocol"));
}

#[test]
fn shells_complete_commands_flags_and_words() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = output(Command::new(COORDINATOR).args(["completions", shell]));
        assert_eq!(output.status.code(), Some(0), "{shell}");
        let script = String::from_utf8(output.stdout).unwrap();
        for word in ["sum", "doctor", "start-method", "forkserver"] {
            assert!(script.contains(word), "{shell}: no {word}");
        }
        assert!(
            !script.contains("trait-probe\" \"") || shell != "fish",
            "hidden commands stay hidden"
        );
    }
    let unknown = output(Command::new(COORDINATOR).args(["completions", "basj"]));
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("'bash'"));
}

#[test]
fn manual_pages_of_every_command_and_of_the_worker() {
    let directory = tempfile::tempdir().unwrap();
    let pages = directory.path().join("man/man1");
    let output = output(Command::new(COORDINATOR).arg("man").arg(&pages));
    assert_eq!(output.status.code(), Some(0), "{:?}", output.stderr);
    for name in [
        "coordinator",
        "coordinator-sum",
        "coordinator-doctor",
        "worker",
    ] {
        let page = fs::read_to_string(pages.join(format!("{name}.1"))).unwrap();
        assert!(page.contains(".TH"), "{name}");
    }
    assert!(!pages.join("coordinator-trait-probe.1").exists());
}
