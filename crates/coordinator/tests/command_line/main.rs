//! The command line as people meet it: every help, the commonest errors, what the doctor says, and
//! progress on a terminal.

#[path = "../../../../tests/support/helps.rs"]
mod helps;
#[path = "../../../../tests/support/snapshots.rs"]
mod snapshots;
#[path = "../../../../tests/support/terminal.rs"]
mod terminal;

mod doctor;
mod errors;
mod help;
mod progress;
mod stdout;

use std::path::{Path, PathBuf};

const COORDINATOR: &str = env!("CARGO_BIN_EXE_coordinator");

/// The folder of the snapshots.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/command_line/snapshots")
}

/// A dataset that NumPy wrote: 10,007 of datagen's records.
fn dataset() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../dataset/tests/fixtures/study_layout.npy")
}
