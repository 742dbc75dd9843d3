//! README and docs quote the record that `results/current` names, and nothing else.

use std::process::Command;

#[test]
fn every_figure_of_the_pages_is_that_of_the_record() {
    let output = Command::new(env!("CARGO_BIN_EXE_lab"))
        .args(["figures", "--check"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
}
