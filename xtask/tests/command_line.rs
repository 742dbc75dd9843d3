//! The help of `cargo xtask`, its own commands' helps, and the commonest error.

#[path = "../../tests/support/snapshots.rs"]
mod snapshots;

use snapshots::{holds, output};
use std::path::Path;
use std::process::Command;

const XTASK: &str = env!("CARGO_BIN_EXE_xtask");

/// Compares what a command prints with its snapshot.
fn prints(name: &str, arguments: &[&str], code: i32) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots");
    let output = output(Command::new(XTASK).args(arguments));
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    let (out, err) = (output.stdout, output.stderr);
    let text = String::from_utf8(if code == 0 { out } else { err }).unwrap();
    let typed = arguments.join(" ");
    let text = match code {
        0 => text,
        _ => format!("$ cargo xtask {typed}\n{text}"),
    };
    holds(&folder, name, &text);
}

#[test]
fn every_help_of_its_own_is_as_it_was() {
    prints("xtask", &["--help"], 0);
    for command in ["ci", "dist", "test"] {
        prints(&format!("xtask-{command}"), &[command, "--help"], 0);
    }
}

#[test]
fn a_misspelt_command_is_answered_with_the_nearest_one() {
    prints("error-misspelt-command", &["matirx"], 2);
}
