//! What the methods of filling have in common.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::BorrowedFd;

/// What is to be filled: all `len` bytes of a segment or memfd.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) fd: BorrowedFd<'a>,
    pub(crate) name: &'a str,
    pub(crate) len: u64,
}

/// Which pages a filled region got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filled {
    /// Bytes filled.
    pub bytes: u64,
    /// How many of them lie in huge pages.
    pub huge_bytes: u64,
    /// How they got there.
    pub way: FillWay,
}

/// How bytes get from a file into shared memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FillWay {
    /// Read into a mapping: where the kernel gives huge pages, or the pages are there already.
    Mapped,
    /// Copied from page to new page by userfaultfd(2).
    Copied,
    /// Written from a buffer: small or uncached content, or no userfaultfd to be had.
    #[default]
    Written,
}

/// The bytes of a file from `offset` on.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) file: &'a File,
    pub(super) offset: u64,
}

/// Copies bytes by one method: called from several threads, with ranges (of the target) that do not overlap.
pub(super) trait Way: Sync {
    fn copy(&self, range: Range<u64>) -> Result<(), Cause>;
    fn filled(&self, bytes: u64) -> Filled;
}

/// What ended a copy, before names are added.
#[derive(Debug)]
pub(super) enum Cause {
    Full { at: u64 },
    Truncated { found: u64 },
    Failed { at: u64, source: io::Error },
}
