//! Every help of the fault injectors.

#[path = "../../support/helps.rs"]
mod helps;
#[path = "../../support/snapshots.rs"]
mod snapshots;

use helps::every_help_holds;
use std::path::Path;

#[test]
fn every_help_is_as_it_was() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots");
    every_help_holds(env!("CARGO_BIN_EXE_chaos"), "chaos", &folder);
}
