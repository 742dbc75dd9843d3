//! Arenas: sparse memory of fixed size behind a descriptor, in which processes hand arrays to each other.
//!
//! An arena knows no allocations: which of its bytes may be used by whom is for its users to know, who
//! guarantee it where they take a [`Span`](crate::Span) of it. It is left out of core dumps and has no name.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::ptr::NonNull;

use memmap2::{Advice, MmapOptions, MmapRaw};
use nix::fcntl::{FallocateFlags, FcntlArg, OFlag, SealFlag, fallocate, fcntl};
use thiserror::Error;

use crate::address_space::AddressSpace;
use crate::behind::limit_behind;
use crate::bounds::OutOfBounds;
use crate::memfd::create_memfd;
use crate::prefault::Prefaulted;
use crate::sys;

/// Sparse shared memory of fixed size: a memfd, sealed against shrinking and growing, and its mapping.
#[derive(Debug)]
pub struct Arena {
    fd: OwnedFd,
    raw: MmapRaw,
    size: u64,
    writable: bool,
    prefaulted: Prefaulted,
}

/// Why an arena could not be created or opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ArenaError {
    /// A system call failed.
    #[error("cannot {what} an arena of {size} bytes: {source}{}{}", limits(*.size), limit_behind(.source))]
    System {
        /// What was tried.
        what: &'static str,
        /// Its size, bytes.
        size: u64,
        /// The kernel's reason.
        source: io::Error,
    },
    /// The descriptor stands for something else.
    #[error("the descriptor is not an arena of {size} bytes: {why}")]
    NotAnArena {
        /// The size that was announced, bytes.
        size: u64,
        /// What it is instead.
        why: String,
    },
}

/// The limits that may be behind a refusal, with their values.
fn limits(size: u64) -> String {
    match AddressSpace::now() {
        Some(space) if space.available < size => format!(
            " (RLIMIT_AS leaves {} of {} bytes of address space)",
            space.available, space.limit
        ),
        _ => String::new(),
    }
}

impl Arena {
    /// A new arena of `size` bytes, rounded up to whole pages. It takes address space and a descriptor;
    /// memory is taken where it is written.
    pub fn create(size: u64) -> Result<Arena, ArenaError> {
        let page = sys::page_size();
        let size = size.max(1).checked_next_multiple_of(page).unwrap_or(0);
        let failed = |what| move |source| ArenaError::System { what, size, source };
        if sys::file_size_limit().is_some_and(|limit| limit < size) {
            // Setting that size would raise SIGXFSZ.
            let source = io::Error::from_raw_os_error(libc::EFBIG);
            return Err(failed("size (RLIMIT_FSIZE)")(source));
        }
        let file = File::from(create_memfd(c"handoff-arena").map_err(failed("create"))?);
        file.set_len(size).map_err(failed("size"))?;
        let seals = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL;
        fcntl(&file, FcntlArg::F_ADD_SEALS(seals)).map_err(|errno| failed("seal")(errno.into()))?;
        map(file.into(), size, true)
    }

    /// The arena of `size` bytes behind a descriptor that another process created. The descriptor's own
    /// mode decides whether it can be written to.
    pub fn open(fd: OwnedFd, size: u64) -> Result<Arena, ArenaError> {
        let refuse = |why: String| ArenaError::NotAnArena { size, why };
        let failed = |what| move |source| ArenaError::System { what, size, source };
        let found = sys::size_of(fd.as_fd()).map_err(failed("size"))?;
        if found != size || size == 0 {
            return Err(refuse(format!("it holds {found} bytes")));
        }
        let seals = fcntl(&fd, FcntlArg::F_GET_SEALS)
            .map(SealFlag::from_bits_truncate)
            .map_err(|_| refuse("it is not a memfd".to_owned()))?;
        if !seals.contains(SealFlag::F_SEAL_SHRINK) {
            return Err(refuse("its size is not sealed".to_owned()));
        }
        let flags = fcntl(&fd, FcntlArg::F_GETFL)
            .map(OFlag::from_bits_truncate)
            .map_err(|errno| failed("look at")(errno.into()))?;
        let writable = flags & OFlag::O_ACCMODE == OFlag::O_RDWR;
        map(fd, size, writable)
    }

    /// Bytes of it.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether this process can write to it.
    pub fn is_writable(&self) -> bool {
        self.writable
    }

    /// The descriptor for processes that may write.
    pub fn writer(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// A descriptor for processes that may only read: it cannot be mapped for writing.
    ///
    /// # Errors
    /// Where descriptors have run out, or /proc is not mounted.
    pub fn reader(&self) -> io::Result<OwnedFd> {
        let path = format!("/proc/self/fd/{}", self.fd.as_raw_fd());
        let mut options = File::options();
        options.read(true).custom_flags(libc::O_CLOEXEC);
        Ok(options.open(path)?.into())
    }

    /// Gives whole pages back to the system; they read as zero afterwards. The caller knows that nobody
    /// uses them.
    pub fn punch(&self, offset: u64, len: u64) -> io::Result<()> {
        self.check(offset, len).map_err(io::Error::other)?;
        let flags = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
        Ok(fallocate(&self.fd, flags, offset as i64, len as i64)?)
    }

    /// Overwrites a range that nobody uses with zeros: where it cannot be [punched](Self::punch).
    pub fn clear(&self, offset: u64, len: u64) {
        if let Ok(start) = self.at(offset, len)
            && self.writable
        {
            // SAFETY: inside our own writable mapping; nobody uses the range.
            unsafe { start.write_bytes(0, len as usize) }
        }
    }

    /// Takes a private copy of every page that a range touches: after [`make_private`](Self::make_private),
    /// while every process that may write there waits.
    pub fn copy_pages(&self, offset: u64, len: u64) {
        let Ok(start) = self.at(offset, len) else {
            return;
        };
        let page = sys::page_size() as usize;
        let mut at = 0;
        while at < len as usize {
            // SAFETY: a byte of our own writable mapping, written back unchanged.
            unsafe {
                let byte = start.as_ptr().add(at);
                byte.write_volatile(byte.read_volatile());
            }
            at += page - (start.addr().get() + at) % page;
        }
    }

    /// Enters what a range has in memory into this process's page table, for writing: a fifth of what a
    /// page fault for each page costs. Once for each part of the arena, which it takes no memory for.
    pub fn prefault(&self, offset: u64, len: u64) {
        if !self.writable || self.check(offset, len).is_err() {
            return;
        }
        self.prefaulted
            .add(self.fd.as_fd(), offset..offset + len, |part| {
                let (start, len) = (part.start as usize, (part.end - part.start) as usize);
                self.raw.advise_range(Advice::PopulateWrite, start, len)
            });
    }

    /// Bytes of memory that it has taken, in whole pages.
    pub fn allocated(&self) -> io::Result<u64> {
        sys::allocated(self.fd.as_fd())
    }

    /// Cuts this process's view of the arena off from all others: for a child just forked. What lies
    /// below `used` bytes stays readable and becomes private when it is written; the rest is out of
    /// reach. Whatever another process writes later shows through in pages that were not written here.
    ///
    /// # Errors
    /// What the kernel refuses. The view may be shared still: the child must not go on.
    pub fn make_private(&self, used: u64) -> io::Result<()> {
        let page = sys::page_size();
        let used = used.min(self.size).next_multiple_of(page).min(self.size) as usize;
        let base = self.raw.as_mut_ptr().cast::<libc::c_void>();
        if used > 0 {
            let flags = libc::MAP_PRIVATE | libc::MAP_FIXED | libc::MAP_NORESERVE;
            let rights = libc::PROT_READ | libc::PROT_WRITE;
            // SAFETY: replaces a part of our own mapping by one of the same file at the same place, so
            // every address in it stays valid and shows the same bytes.
            let mapped = unsafe { libc::mmap(base, used, rights, flags, self.fd.as_raw_fd(), 0) };
            if mapped == libc::MAP_FAILED {
                return Err(io::Error::last_os_error());
            }
            // SAFETY: the same range; advice about core dumps changes no memory.
            let advised = unsafe { libc::madvise(base, used, libc::MADV_DONTDUMP) };
            if advised != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        let rest = self.size as usize - used;
        if rest > 0 {
            // SAFETY: still within our own mapping; no live span lies there, as the caller knows.
            let result = unsafe { libc::mprotect(base.byte_add(used), rest, libc::PROT_NONE) };
            if result != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(())
    }

    /// The address of `len` bytes at `offset`.
    pub(crate) fn at(&self, offset: u64, len: u64) -> Result<NonNull<u8>, OutOfBounds> {
        self.check(offset, len)?;
        // SAFETY: the mapping covers `size` bytes, and the range lies inside.
        let address = unsafe { self.raw.as_mut_ptr().add(offset as usize) };
        NonNull::new(address).ok_or(OutOfBounds {
            offset,
            len,
            region: self.size,
        })
    }

    fn check(&self, offset: u64, len: u64) -> Result<(), OutOfBounds> {
        crate::bounds::check(offset, len, self.size)
    }
}

fn map(fd: OwnedFd, size: u64, writable: bool) -> Result<Arena, ArenaError> {
    let failed = |source| ArenaError::System {
        what: "map",
        size,
        source,
    };
    let mut options = MmapOptions::new();
    options.len(size as usize).no_reserve_swap();
    let raw = match writable {
        true => options.map_raw(&fd),
        false => options.map_raw_read_only(&fd),
    };
    let raw = raw.map_err(failed)?;
    raw.advise(Advice::DontDump).map_err(failed)?;
    Ok(Arena {
        fd,
        raw,
        size,
        writable,
        prefaulted: Prefaulted::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Span;
    use std::sync::Arc;

    const MIB: u64 = 1 << 20;

    fn span(arena: &Arc<Arena>, offset: u64, len: u64) -> Span {
        // SAFETY: the tests take ranges that do not overlap, or read what nobody writes meanwhile.
        unsafe { Span::of_arena(arena, offset, len) }.unwrap()
    }

    #[test]
    fn what_is_written_here_is_read_there_and_memory_is_taken_as_it_is_written() {
        let arena = Arc::new(Arena::create(64 << 30).unwrap());
        assert_eq!(arena.allocated().unwrap(), 0);
        span(&arena, 32 << 30, MIB).as_mut_slice().fill(7);
        let taken = arena.allocated().unwrap();
        assert!((MIB..4 * MIB).contains(&taken), "{taken}");
        let there = Arc::new(Arena::open(arena.reader().unwrap(), arena.size()).unwrap());
        assert!(!there.is_writable());
        let seen = span(&there, (32 << 30) + 5, 10);
        assert_eq!(seen.as_slice(), [7; 10]);
        arena.punch(32 << 30, MIB).unwrap();
        assert_eq!(seen.as_slice(), [0; 10]);
    }

    #[test]
    fn what_was_prefaulted_is_written_without_faults() {
        let arena = Arc::new(Arena::create(64 * MIB).unwrap());
        span(&arena, 0, 8 * MIB).as_mut_slice().fill(1);
        let faults = || {
            let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_THREAD);
            usage.unwrap().minor_page_faults()
        };
        let writer = arena.writer().try_clone_to_owned().unwrap();
        let there = Arc::new(Arena::open(writer, arena.size()).unwrap());
        there.prefault(0, 16 * MIB);
        let before = faults();
        span(&there, 0, 8 * MIB).as_mut_slice().fill(2);
        let taken = faults() - before;
        assert!(taken < 64, "{taken} faults for {} pages", 8 * MIB / 4096);
        // What was never written is no memory still.
        assert!(arena.allocated().unwrap() < 12 * MIB);
        let reader = Arena::open(arena.reader().unwrap(), arena.size()).unwrap();
        reader.prefault(0, MIB);
    }

    #[test]
    fn readers_cannot_write() {
        let arena = Arena::create(MIB).unwrap();
        let reader = arena.reader().unwrap();
        let mapped = MmapOptions::new().len(4096).map_raw(&reader);
        assert!(mapped.is_err());
        let writer = arena.writer().try_clone_to_owned().unwrap();
        assert!(Arena::open(writer, arena.size()).unwrap().is_writable());
    }

    #[test]
    fn nobody_can_change_its_size() {
        let arena = Arena::create(MIB).unwrap();
        let file = File::from(arena.writer().try_clone_to_owned().unwrap());
        assert!(file.set_len(0).is_err());
        assert!(file.set_len(2 * MIB).is_err());
    }

    #[test]
    fn what_is_no_arena_of_that_size_is_refused() {
        let arena = Arena::create(MIB).unwrap();
        for size in [0, 4096, 2 * MIB] {
            let error = Arena::open(arena.reader().unwrap(), size).unwrap_err();
            assert!(matches!(error, ArenaError::NotAnArena { .. }), "{error}");
        }
        let growing = create_memfd(c"test").unwrap();
        File::from(growing.try_clone().unwrap())
            .set_len(MIB)
            .unwrap();
        let error = Arena::open(growing, MIB).unwrap_err().to_string();
        assert!(error.contains("not sealed"), "{error}");
        let file = tempfile::tempfile().unwrap();
        file.set_len(MIB).unwrap();
        assert!(Arena::open(file.into(), MIB).is_err());
    }

    #[test]
    fn ranges_outside_are_refused() {
        let arena = Arc::new(Arena::create(8192).unwrap());
        for (offset, len) in [(0, 8193), (8192, 1), (u64::MAX, 2), (1, u64::MAX)] {
            // SAFETY: no span is made.
            let span = unsafe { Span::of_arena(&arena, offset, len) };
            assert!(span.is_err(), "{len} at {offset}");
            assert!(arena.punch(offset, len).is_err(), "{len} at {offset}");
        }
    }
}
