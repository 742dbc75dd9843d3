//! The architecture as a test: which crate may depend on which, which file imports which, and how files
//! are laid out.

mod cycles;
mod dependencies;
mod files;
mod imports;

use std::path::{Path, PathBuf};

/// The directory of the workspace.
fn root() -> PathBuf {
    let parent = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    parent
        .expect("xtask is a directory of the workspace")
        .to_owned()
}
