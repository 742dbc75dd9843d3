//! Opens the dataset that the user named; where it cannot, the error says what to do.

use crate::exit::Failure;
use dataset::{Dataset, OpenError};
use std::io;
use std::path::Path;

/// Opens it.
///
/// # Errors
/// As [`Dataset::open`], with what to do where that is known.
pub(crate) fn open(path: &Path) -> Result<Dataset, Failure> {
    Dataset::open(path).map_err(|error| match way_out(&error) {
        Some(way_out) => anyhow::anyhow!("{error}; {way_out}").into(),
        None => error.into(),
    })
}

fn way_out(error: &OpenError) -> Option<String> {
    match error {
        OpenError::Io { path, error } if error.kind() == io::ErrorKind::NotFound => Some(format!(
            "write one there with `datagen --out {}`, or name another",
            path.display()
        )),
        OpenError::NotAFile { .. } => Some("name the file itself".to_owned()),
        OpenError::Truncated { .. } => {
            Some("wait until it is written whole, or write it again".to_owned())
        }
        _ => None,
    }
}
