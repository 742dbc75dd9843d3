//! Whether a part of a region is inside it.

use thiserror::Error;

/// A part of a region was asked for that is not inside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{len} bytes at offset {offset} are outside a region of {region} bytes")]
pub struct OutOfBounds {
    /// Where the part would start, bytes.
    pub offset: u64,
    /// How long it would be, bytes.
    pub len: u64,
    /// How long the region is, bytes.
    pub region: u64,
}

/// Whether the `len` bytes at `offset` are inside a region of `region` bytes.
pub(crate) fn check(offset: u64, len: u64, region: u64) -> Result<(), OutOfBounds> {
    match offset.checked_add(len) {
        Some(end) if end <= region => Ok(()),
        _ => Err(OutOfBounds {
            offset,
            len,
            region,
        }),
    }
}
