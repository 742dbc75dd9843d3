//! Every help that a program prints, compared with its snapshot.

use crate::snapshots::{holds, output};
use std::path::Path;
use std::process::Command;

/// Asserts that the program's `--help`, and that of each of its commands, is what snapshots hold.
pub(crate) fn every_help_holds(program: &str, name: &str, folder: &Path) {
    let help = |arguments: &[&str]| {
        let output = output(Command::new(program).args(arguments).arg("--help"));
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(output.stderr.is_empty(), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let whole = help(&[]);
    holds(folder, name, &whole);
    assert!(whole.contains("Examples:"), "{name}: no examples");
    for command in commands(&whole) {
        let part = help(&[command]);
        holds(folder, &format!("{name}-{command}"), &part);
        if command != "ci" {
            assert!(part.contains("Examples:"), "{name} {command}: no examples");
        }
    }
}

/// The names under `Commands:`.
fn commands(help: &str) -> impl Iterator<Item = &str> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    listed
        .take_while(|line| !line.is_empty())
        // Longer explanations go on in the next line.
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
}
