//! Filling shared memory from a file at the speed of the memory: every page is first touched inside
//! a system call, so that a full file system is an error and never a SIGBUS, and takes its bytes from
//! the page cache without a pass over it before (zeroing) or a copy in between.
//!
//! There is one file a way. `examples/fill_ways` measures them, and those that were left out:
//!
//! - [`copied`] (userfaultfd): new pages straight from the mapped file. The cheapest with small pages
//!   and the only one whose threads do not queue for the inode's lock.
//! - [`mapped`] (pread): what gives huge pages, hence the fastest where the kernel gives them.
//! - [`written`] (pwrite through a small buffer): works everywhere, and best for a file on disk.

mod copied;
mod mapped;
mod way;
mod written;

use std::fs::File;
use std::io;
use std::ops::{ControlFlow, Range};

use thiserror::Error;

use self::copied::Copied;
use self::mapped::Mapped;
pub(crate) use self::way::Target;
use self::way::{Cause, Source, Way};
pub use self::way::{FillWay, Filled};
use self::written::Written;
use crate::chunks::{self, Unfinished};
use crate::residency;

/// What one thread takes at a time, bytes: a whole number of huge pages.
const CHUNK: u64 = 4 << 20;

/// Below this size, bytes, setting a mapping up costs more than it saves.
const SMALL: u64 = 1 << 20;

/// Why a segment or memfd could not be filled.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FillError {
    /// The file system of the segment, or memory, ran full.
    #[error(
        "no room left for {name} at byte {at} of {len}: free some of the memory, or enlarge the \
         file system that holds it (mount -o remount,size=SIZE /dev/shm)"
    )]
    NoRoom {
        /// The segment or memfd.
        name: String,
        /// Where no page could be had, bytes from its start.
        at: u64,
        /// Its length, bytes.
        len: u64,
    },
    /// The file ended early.
    #[error(
        "the file ends at byte {found} of the {wanted} that were to be copied to {name}: it was \
         truncated"
    )]
    Truncated {
        /// The segment or memfd.
        name: String,
        /// Where the file ended, bytes from its start.
        found: u64,
        /// Where the last byte asked for would have ended.
        wanted: u64,
    },
    /// The file could not be read, or the segment not written.
    #[error("cannot copy the file from byte {offset} on to {name}: {source}")]
    Copy {
        /// The segment or memfd.
        name: String,
        /// Where in the file.
        offset: u64,
        /// The kernel's reason.
        source: io::Error,
    },
    /// `progress` asked to stop.
    #[error("filling {name} was stopped after {done} bytes")]
    Stopped {
        /// The segment or memfd.
        name: String,
        /// Bytes filled until then.
        done: u64,
    },
}

/// Fills `into` with the bytes of `file` from `offset` on, in the way that suits best.
pub(crate) fn fill(
    into: Target<'_>,
    file: &File,
    offset: u64,
    threads: usize,
    progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<Filled, FillError> {
    let source = Source { file, offset };
    let name = || into.name.to_owned();
    if offset.checked_add(into.len).is_none() {
        return Err(FillError::Truncated {
            name: name(),
            found: 0,
            wanted: u64::MAX,
        });
    }
    let way = choose(into, source).map_err(|cause| failed(cause, into, source))?;
    let copy = |range: Range<u64>| way.copy(range);
    match chunks::run(into.len, CHUNK, threads, progress, &copy) {
        Ok(()) => Ok(way.filled(into.len)),
        Err(Unfinished::Failed(cause)) => Err(failed(cause, into, source)),
        Err(Unfinished::Stopped { done }) => Err(FillError::Stopped { name: name(), done }),
    }
}

fn choose<'a>(into: Target<'a>, source: Source<'a>) -> Result<Box<dyn Way + 'a>, Cause> {
    let written = Written { into, source };
    if into.len < SMALL {
        return Ok(Box::new(written));
    }
    let mapped = Mapped::new(into, source)?;
    if mapped.has_more_than_a_page()? {
        return Ok(Box::new(mapped));
    }
    let cached = residency::resident(source.file, source.offset, into.len);
    if cached.known && cached.fraction() < 0.5 {
        // What comes from a disk comes best by large reads in order.
        let advice = nix::fcntl::PosixFadviseAdvice::POSIX_FADV_SEQUENTIAL;
        let (offset, len) = (source.offset as i64, into.len as i64);
        // An advice: without it the reads are the same, and slower.
        let _ = nix::fcntl::posix_fadvise(source.file, offset, len, advice);
        return Ok(Box::new(written));
    }
    match Copied::new(mapped, written) {
        Ok(copied) => Ok(Box::new(copied)),
        // Sandboxes refuse userfaultfd, and kernels may be built without it.
        Err(_) => Ok(Box::new(written)),
    }
}

/// The error of a copy that `cause` ended.
fn failed(cause: Cause, into: Target<'_>, source: Source<'_>) -> FillError {
    let name = into.name.to_owned();
    match cause {
        Cause::Full { at } => FillError::NoRoom {
            name,
            at,
            len: into.len,
        },
        Cause::Truncated { found } => FillError::Truncated {
            name,
            found,
            wanted: source.offset + into.len,
        },
        Cause::Failed { at, source: error } => FillError::Copy {
            name,
            offset: source.offset + at,
            source: error,
        },
    }
}

#[cfg(test)]
mod tests;
