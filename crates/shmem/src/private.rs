//! Memory of this process alone, in huge pages where the kernel gives them: what `inherit` reads a
//! dataset into, and what a forked child then reads copy-on-write.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::AsFd;

use memmap2::{Advice, MmapOptions, MmapRaw};
use thiserror::Error;

use crate::bounds::{OutOfBounds, check};
use crate::chunks::{self, Unfinished};
use crate::limit::Limit;
use crate::room::Room;
use crate::{heap, smaps, sys};

/// What one thread reads at a time, bytes: whole huge pages, so that no two threads meet in one.
const CHUNK: u64 = 8 << 20;

/// Anonymous memory, counted in [`crate::heap()`] and left out of core dumps.
#[derive(Debug)]
pub struct PrivateMemory {
    raw: MmapRaw,
    /// Where the memory starts in the mapping: at a huge page's boundary.
    start: usize,
    len: u64,
}

/// Why private memory could not be taken or filled.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PrivateError {
    /// It would not fit.
    #[error("no room for {wanted} bytes of private memory: {}", .limit.for_bytes(*.wanted))]
    NoRoom {
        /// Bytes asked for.
        wanted: u64,
        /// Bytes that the tightest limit leaves.
        available: u64,
        /// Which limit that is, and what moves it.
        limit: Limit,
    },
    /// mmap(2) or madvise(2) refused.
    #[error("cannot take {len} bytes of private memory: {source}")]
    Map {
        /// Bytes asked for.
        len: u64,
        /// The kernel's reason.
        source: io::Error,
    },
    /// The file ended early.
    #[error("the file ends at byte {found} of the {wanted} that were to be read: it was truncated")]
    Truncated {
        /// Where it ended, bytes from its start.
        found: u64,
        /// Where the last byte asked for would have ended.
        wanted: u64,
    },
    /// The file could not be read.
    #[error("cannot read the file at byte {offset}: {source}")]
    Read {
        /// Where, bytes from its start.
        offset: u64,
        /// The kernel's reason.
        source: io::Error,
    },
    /// `progress` asked to stop.
    #[error("stopped after {done} bytes")]
    Stopped {
        /// Bytes read until then.
        done: u64,
    },
}

impl PrivateMemory {
    /// Whether there is room for `len` bytes, as [`zeroed`](Self::zeroed) will find: to be known
    /// before there is other work done.
    pub fn check_room(len: u64) -> Result<(), PrivateError> {
        let (available, limit) = Room::of_private_memory().least();
        if len > available {
            return Err(PrivateError::NoRoom {
                wanted: len,
                available,
                limit,
            });
        }
        Ok(())
    }

    /// Takes `len` bytes, all 0. The pages come at first touch.
    pub fn zeroed(len: u64) -> Result<PrivateMemory, PrivateError> {
        PrivateMemory::check_room(len)?;
        let refuse = |source| PrivateError::Map { len, source };
        // A range that starts in the middle of a huge page gets small ones there: take enough
        // address space to start at a boundary. What is never touched costs nothing.
        let huge = sys::huge_page_size()
            .filter(|huge| len >= *huge)
            .unwrap_or(0);
        let reserved = len
            .checked_add(huge)
            .ok_or_else(|| refuse(io::ErrorKind::OutOfMemory.into()))?;
        let raw: MmapRaw = MmapOptions::new()
            .len(reserved as usize)
            .map_anon()
            .map_err(refuse)?
            .into();
        let start = match huge {
            0 => 0,
            _ => (raw.as_ptr() as usize).next_multiple_of(huge as usize) - raw.as_ptr() as usize,
        };
        if len > 0 {
            raw.advise(Advice::DontDump).map_err(refuse)?;
        }
        if huge > 0 {
            // Refused where the kernel was built without huge pages: then small ones serve.
            let _ = raw.advise_range(Advice::HugePage, start, len as usize);
        }
        heap::add(len);
        Ok(PrivateMemory { raw, start, len })
    }

    /// Takes memory for `len` bytes of `file` from `offset` on and reads them, with up to `threads`
    /// threads (this one among them), straight to their place.
    ///
    /// `progress` is called in this thread with the bytes read so far, and stops the work by
    /// [`ControlFlow::Break`]. Helper threads have ended when this returns.
    pub fn read_file(
        file: &File,
        offset: u64,
        len: u64,
        threads: usize,
        progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<PrivateMemory, PrivateError> {
        let memory = PrivateMemory::zeroed(len)?;
        let base = memory.base() as usize;
        let read = |range: std::ops::Range<u64>| {
            let mut at = range.start;
            while at < range.end {
                let from = offset + at;
                // SAFETY: `at..range.end` is inside the `len` writable bytes at `base`; nobody else
                // has the memory yet, and the chunks of different threads do not overlap.
                let got = unsafe {
                    let to = (base as *mut u8).add(at as usize);
                    sys::read_at(file.as_fd(), to, (range.end - at) as usize, from)
                };
                match got {
                    Ok(0) => {
                        return Err(PrivateError::Truncated {
                            found: from,
                            wanted: offset + len,
                        });
                    }
                    Ok(got) => at += got as u64,
                    Err(source) => {
                        return Err(PrivateError::Read {
                            offset: from,
                            source,
                        });
                    }
                }
            }
            Ok(())
        };
        if offset.checked_add(len).is_none() {
            return Err(PrivateError::Truncated {
                found: 0,
                wanted: u64::MAX,
            });
        }
        match chunks::run(len, CHUNK, threads, progress, &read) {
            Ok(()) => Ok(memory),
            Err(Unfinished::Failed(error)) => Err(error),
            Err(Unfinished::Stopped { done }) => Err(PrivateError::Stopped { done }),
        }
    }

    /// Bytes of it.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The `len` bytes at `offset`, if all of them are inside.
    pub fn slice(&self, offset: u64, len: u64) -> Result<&[u8], OutOfBounds> {
        check(offset, len, self.len)?;
        // SAFETY: the range is inside the readable, initialised (anonymous memory starts as zeros)
        // bytes at `base`, which live as long as `self`; writers need `&mut self`.
        Ok(unsafe { std::slice::from_raw_parts(self.base().add(offset as usize), len as usize) })
    }

    /// All of it, to write.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: as for `slice`, and `&mut self` keeps every other view away.
        unsafe { std::slice::from_raw_parts_mut(self.base(), self.len as usize) }
    }

    /// Leaves the memory in small pages, whatever the kernel would give: for what compares the two.
    /// Counts only before the first touch.
    pub fn in_small_pages(&self) -> io::Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        self.raw.advise(Advice::NoHugePage)
    }

    /// Whether children that are forked from now on go without this memory (they then cost no page
    /// tables for it; touching it would be SIGSEGV there, so hand them no slice of it).
    pub fn dont_fork(&self, without: bool) -> io::Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        let advice = if without {
            Advice::DontFork
        } else {
            Advice::DoFork
        };
        self.raw.advise(advice)
    }

    /// How much of it the kernel has put into huge pages, bytes. Reads `/proc/self/smaps`, which
    /// walks every mapping of the process.
    pub fn huge_bytes(&self) -> io::Result<u64> {
        let start = self.base() as u64;
        smaps::huge_bytes(start..start + self.len)
    }

    fn base(&self) -> *mut u8 {
        // SAFETY: `start` is inside the mapping, or its end if it is empty.
        unsafe { self.raw.as_mut_ptr().add(self.start) }
    }
}

impl Drop for PrivateMemory {
    fn drop(&mut self) {
        heap::sub(self.len);
    }
}
