//! Read-only memory that someone else owns: a mapped file, or a segment or memfd of another
//! process. A mapping never creates, resizes, writes or unlinks anything.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use memmap2::{Advice, MmapOptions, MmapRaw, UncheckedAdvice};
use thiserror::Error;

use crate::address_space::AddressSpace;
use crate::bounds::{OutOfBounds, check};
use crate::limit::Limit;
use crate::name::SegmentName;
use crate::place::Place;
use crate::sys;

/// A read-only shared mapping, left out of core dumps and unmapped on drop.
///
/// Pages are taken lazily, at the first read. The memory belongs to another owner: the caller that maps a
/// file accepts that a writer's changes show through, and that reading past the new end of a file
/// that was truncated meanwhile ends the process with SIGBUS. Segments and memfds of this crate are
/// never shrunk, so map files that other users can write only in a process that may be lost.
#[derive(Debug)]
pub struct Mapping {
    raw: MmapRaw,
    len: u64,
}

/// Why memory of another owner could not be mapped.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MapError {
    /// The descriptor cannot be asked for its size.
    #[error("cannot read the size of the file to map: {0}")]
    Stat(#[source] io::Error),
    /// The object is smaller than the part of it that was asked for.
    #[error("the object to map holds {found} bytes, {wanted} were announced")]
    Short {
        /// Bytes it holds.
        found: u64,
        /// Bytes asked for.
        wanted: u64,
    },
    /// The limit on the address space leaves less.
    #[error("no room to map {len} bytes: {}", .limit.for_bytes(*.len))]
    NoAddressSpace {
        /// Bytes to be mapped.
        len: u64,
        /// The limit.
        limit: Limit,
    },
    /// mmap(2) refused.
    #[error("cannot map {len} bytes: {source}{}", no_address_space(*.len))]
    Map {
        /// Bytes asked for.
        len: u64,
        /// The kernel's reason.
        source: io::Error,
    },
}

/// Why a named segment could not be attached.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AttachError {
    /// Nothing has that name (any more).
    #[error("segment {name} is gone: its owner, process {pid}, {}", owner_fate(*.alive))]
    Gone {
        /// The name looked for.
        name: SegmentName,
        /// The owner's process, read from the name.
        pid: u32,
        /// Whether that owner still runs.
        alive: bool,
    },
    /// shm_open(3) refused.
    #[error("cannot open segment {name}: {source}")]
    Open {
        /// The name looked for.
        name: SegmentName,
        /// The kernel's reason.
        source: io::Error,
    },
    /// It is there, but cannot be mapped at the length asked for.
    #[error("cannot attach to segment {name}: {source}")]
    Map {
        /// The name looked for.
        name: SegmentName,
        /// What stood in the way.
        source: MapError,
    },
}

impl Mapping {
    /// Maps a whole file, at its present length.
    pub fn map_file(file: &File) -> Result<Mapping, MapError> {
        let len = sys::size_of(file.as_fd()).map_err(MapError::Stat)?;
        map(file.as_fd(), len)
    }

    /// Maps the first `len` bytes of a segment, memfd or file, which must hold that many.
    pub fn map_fd(fd: BorrowedFd<'_>, len: u64) -> Result<Mapping, MapError> {
        let found = sys::size_of(fd).map_err(MapError::Stat)?;
        if found < len {
            return Err(MapError::Short { found, wanted: len });
        }
        map(fd, len)
    }

    /// Maps the first `len` bytes of the segment with that name. Its owner stays its owner.
    pub fn attach(name: &SegmentName, len: u64) -> Result<Mapping, AttachError> {
        let fd = Place::Shm.open(name).map_err(|source| {
            if source.kind() == io::ErrorKind::NotFound {
                AttachError::Gone {
                    name: name.clone(),
                    pid: name.owner().0,
                    alive: name.owner_alive(),
                }
            } else {
                AttachError::Open {
                    name: name.clone(),
                    source,
                }
            }
        })?;
        Mapping::map_fd(fd.as_fd(), len).map_err(|source| AttachError::Map {
            name: name.clone(),
            source,
        })
    }

    /// Whether this process, and those that it starts, can map `len` bytes and go on: what a limit
    /// on the address space leaves is enough.
    ///
    /// # Errors
    /// [`MapError::NoAddressSpace`].
    pub fn check_room(len: u64) -> Result<(), MapError> {
        match AddressSpace::now() {
            Some(space) if space.available < len => Err(MapError::NoAddressSpace {
                len,
                limit: Limit::AddressSpace(space),
            }),
            _ => Ok(()),
        }
    }

    /// Bytes mapped.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing is mapped.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The `len` bytes at `offset`, if all of them are inside.
    pub fn slice(&self, offset: u64, len: u64) -> Result<&[u8], OutOfBounds> {
        check(offset, len, self.len)?;
        // SAFETY: the mapping covers `self.len` readable bytes for as long as `self` lives, and
        // `check` has shown the range to be inside them. That nobody writes meanwhile is the
        // contract of the caller that maps, documented at the type.
        Ok(unsafe {
            std::slice::from_raw_parts(self.raw.as_ptr().add(offset as usize), len as usize)
        })
    }

    /// Advises the kernel that the whole will be read in order (read-ahead doubles, pages age early).
    pub fn advise_sequential(&self) -> io::Result<()> {
        if self.is_empty() {
            Ok(())
        } else {
            self.raw.advise(Advice::Sequential)
        }
    }

    /// Enters a range into this process's page table by one call instead of a fault a page.
    ///
    /// Fails with `EFAULT` where reading would have raised SIGBUS (a truncated file).
    pub fn populate(&self, offset: u64, len: u64) -> io::Result<()> {
        check(offset, len, self.len).map_err(io::Error::other)?;
        if len == 0 {
            return Ok(());
        }
        self.raw
            .advise_range(Advice::PopulateRead, offset as usize, len as usize)
    }

    /// Takes a range out of this process's page table. It stays readable, at the cost of new
    /// faults: a way to keep the resident size bounded over a file larger than memory.
    pub fn release(&self, offset: u64, len: u64) -> io::Result<()> {
        check(offset, len, self.len).map_err(io::Error::other)?;
        if len == 0 {
            return Ok(());
        }
        // SAFETY: the mapping is shared and read-only, so dropping its page-table entries loses no
        // content: the next read finds the same bytes in the page cache.
        unsafe {
            self.raw.unchecked_advise_range(
                UncheckedAdvice::DontNeed,
                offset as usize,
                len as usize,
            )
        }
    }
}

fn map(fd: BorrowedFd<'_>, len: u64) -> Result<Mapping, MapError> {
    let refuse = |source| MapError::Map { len, source };
    let raw = MmapOptions::new()
        .len(len as usize)
        .map_raw_read_only(&fd)
        .map_err(refuse)?;
    if len > 0 {
        raw.advise(Advice::DontDump).map_err(refuse)?;
    }
    Ok(Mapping { raw, len })
}

/// The limit on the address space, where it leaves too little for `len` bytes.
fn no_address_space(len: u64) -> String {
    match AddressSpace::now() {
        Some(space) if space.available < len => {
            format!("; {}", Limit::AddressSpace(space).for_bytes(len))
        }
        _ => String::new(),
    }
}

fn owner_fate(alive: bool) -> &'static str {
    if alive {
        "runs and has removed it"
    } else {
        "has ended"
    }
}
