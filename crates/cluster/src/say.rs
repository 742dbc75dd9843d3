//! Lines on stderr, each written at once: those of several ranks come through one pipe, and must not be torn.

use std::io::{self, Write as _};

/// Prints a line. A reader that has gone away is no reason to stop.
pub(crate) fn line(text: &str) {
    let _ = io::stderr().write_all(format!("{text}\n").as_bytes());
}
