//! Filling shared memory from a file at the speed of the memory: no copy in between, and every page
//! first touched inside a system call, so that a full file system is an error and never a SIGBUS.

use std::fs::File;
use std::io;
use std::ops::{ControlFlow, Range};
use std::os::fd::{AsFd, BorrowedFd};

use memmap2::{Advice, MmapOptions, MmapRaw};
use thiserror::Error;

use crate::chunks::{self, Unfinished};
use crate::{smaps, sys};

/// What one thread takes at a time, bytes: whole huge pages.
const CHUNK: u64 = 8 << 20;

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
    /// Threads that worked, this one included.
    pub threads: usize,
}

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

/// Fills `into` with the bytes of `file` from `offset` on.
pub(crate) fn fill(
    into: Target<'_>,
    file: &File,
    offset: u64,
    threads: usize,
    progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<Filled, FillError> {
    let name = || into.name.to_owned();
    if offset.checked_add(into.len).is_none() {
        return Err(FillError::Truncated {
            name: name(),
            found: 0,
            wanted: u64::MAX,
        });
    }
    if into.len == 0 {
        return Ok(Filled::default());
    }
    let mapped = MappedTarget::new(into).map_err(|source| FillError::Copy {
        name: name(),
        offset,
        source,
    })?;
    let copy = |range: Range<u64>| mapped.read(into, file, offset, range);
    match chunks::run(into.len, CHUNK, threads, progress, &copy) {
        Ok(()) => Ok(Filled {
            bytes: into.len,
            huge_bytes: mapped.huge_bytes(),
            threads,
        }),
        Err(Unfinished::Failed(error)) => Err(error),
        Err(Unfinished::Stopped { done }) => Err(FillError::Stopped { name: name(), done }),
    }
}

struct MappedTarget {
    raw: MmapRaw,
}

impl MappedTarget {
    fn new(into: Target<'_>) -> io::Result<MappedTarget> {
        let raw = MmapOptions::new()
            .len(into.len as usize)
            .map_raw(&into.fd)?;
        raw.advise(Advice::DontDump)?;
        // Refused where the kernel was built without huge pages: then small ones serve.
        let _ = raw.advise(Advice::HugePage);
        Ok(MappedTarget { raw })
    }

    fn read(
        &self,
        into: Target<'_>,
        file: &File,
        offset: u64,
        range: Range<u64>,
    ) -> Result<(), FillError> {
        let mut at = range.start;
        while at < range.end {
            let from = offset + at;
            // SAFETY: `at..range.end` is inside the writable mapping; no view of it is handed out,
            // and the chunks of different threads do not overlap.
            let got = unsafe {
                let to = self.raw.as_mut_ptr().add(at as usize);
                sys::read_at(file.as_fd(), to, (range.end - at) as usize, from)
            };
            match got {
                Ok(0) => {
                    return Err(FillError::Truncated {
                        name: into.name.to_owned(),
                        found: from,
                        wanted: offset + into.len,
                    });
                }
                Ok(got) => at += got as u64,
                // The mapping is there, so the page that could not be written could not be had.
                Err(error) if error.raw_os_error() == Some(libc::EFAULT) => {
                    return Err(FillError::NoRoom {
                        name: into.name.to_owned(),
                        at,
                        len: into.len,
                    });
                }
                Err(source) => {
                    return Err(FillError::Copy {
                        name: into.name.to_owned(),
                        offset: from,
                        source,
                    });
                }
            }
        }
        Ok(())
    }

    fn huge_bytes(&self) -> u64 {
        let start = self.raw.as_ptr() as u64;
        smaps::huge_bytes(start..start + self.raw.len() as u64).unwrap_or(0)
    }
}
