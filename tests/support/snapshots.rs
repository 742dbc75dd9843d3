//! What programs print, held against files: `SNAPSHOTS=overwrite cargo test` writes them anew, and
//! `git diff` shows what changed.

use snapbox::Data;
use std::path::Path;
use std::process::{Command, Output};

/// The program's output, in a terminal-less world that is the same everywhere.
pub(crate) fn output(command: &mut Command) -> Output {
    command
        .env("COLUMNS", "100")
        .env("TERM", "dumb")
        .env_remove("HANDOFF_WORKER")
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap()
}

/// Asserts that `text` is what the snapshot `folder/name.txt` holds.
pub(crate) fn holds(folder: &Path, name: &str, text: &str) {
    let snapshot = Data::read_from(&folder.join(name).with_extension("txt"), None).raw();
    snapbox::Assert::new()
        .action_env("SNAPSHOTS")
        .eq(text.to_owned(), snapshot);
}
