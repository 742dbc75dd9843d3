//! userfaultfd(2) as a way to make pages: `UFFDIO_COPY` takes a new page, copies into it from other
//! memory (here the mapped source, hence the page cache) and puts it into the file. Against a write
//! it spares the inode's lock, against a fault the zeroing. No fault is ever waited for: the
//! descriptor lives just for the copying, and asks for no more than any user may have.

use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use memmap2::{Advice, MmapOptions, MmapRaw, UncheckedAdvice};

use super::mapped::Mapped;
use super::way::{Cause, FillWay, Filled, Way};
use super::written::Written;
use crate::sys;

pub(super) struct Copied<'a> {
    uffd: OwnedFd,
    page: u64,
    to: MmapRaw,
    from: MmapRaw,
    /// For the part of a page at the end, and pages that are there already.
    written: Written<'a>,
}

impl<'a> Copied<'a> {
    /// The target's mapping is taken over, so that nobody else touches it.
    pub(super) fn new(mapped: Mapped<'a>, written: Written<'a>) -> io::Result<Copied<'a>> {
        let (to, source, len) = (mapped.raw, written.source, written.into.len);
        // A file that is too short is detected at the start, rather than by a fault in the middle.
        if sys::size_of(source.file.as_fd())? < source.offset + len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let from = MmapOptions::new()
            .offset(source.offset)
            .len(len as usize)
            .map_raw_read_only(source.file)?;
        from.advise(Advice::DontDump)?;
        let page = sys::page_size();
        let range = UffdRange {
            start: to.as_ptr() as u64,
            len: len.next_multiple_of(page),
        };
        Ok(Copied {
            uffd: uffd_over(range)?,
            page,
            to,
            from,
            written,
        })
    }

    /// Copies whole pages; returns how many bytes of them are done when one was there already.
    fn copy_pages(&self, range: &Range<u64>) -> Result<u64, Cause> {
        let mut at = range.start;
        while at < range.end {
            let mut order = UffdCopy {
                to: self.to.as_ptr() as u64 + at,
                from: self.from.as_ptr() as u64 + at,
                len: range.end - at,
                mode: UFFDIO_COPY_MODE_DONTWAKE,
                copied: 0,
            };
            // SAFETY: the order is laid out as the kernel's `struct uffdio_copy`. It reads and
            // writes inside the two mappings, which live as long as `self` and of which there is no other
            // view; the ranges of different threads do not overlap.
            let result = unsafe { libc::ioctl(self.uffd.as_raw_fd(), UFFDIO_COPY, &raw mut order) };
            let error = io::Error::last_os_error();
            at += u64::try_from(order.copied).unwrap_or(0);
            if result == 0 {
                continue;
            }
            match error.raw_os_error() {
                // A part is done, or the address space changed meanwhile: go on from there.
                Some(libc::EAGAIN | libc::EINTR) => {}
                Some(libc::EEXIST) => break,
                Some(libc::ENOMEM | libc::ENOSPC) => return Err(Cause::Full { at }),
                Some(libc::EFAULT) => return Err(self.unreadable(at, error)),
                _ => return Err(Cause::Failed { at, source: error }),
            }
        }
        Ok(at - range.start)
    }

    /// Why the source's mapping cannot be read: because the file ends earlier now, if it does.
    fn unreadable(&self, at: u64, source: io::Error) -> Cause {
        let input = self.written.source;
        match sys::size_of(input.file.as_fd()) {
            Ok(size) if size < input.offset + self.written.into.len => {
                Cause::Truncated { found: size }
            }
            _ => Cause::Failed { at, source },
        }
    }

    /// Drops what has been copied from the page tables: the resident size stays that of the
    /// chunks at work, instead of growing to twice the data.
    fn forget(&self, range: &Range<u64>) {
        let (start, len) = (range.start as usize, (range.end - range.start) as usize);
        for mapping in [&self.to, &self.from] {
            // SAFETY: both mappings are shared, so their content stays in the page cache, and a
            // thread that works on a neighbouring page at most maps it once more.
            let _ =
                unsafe { mapping.unchecked_advise_range(UncheckedAdvice::DontNeed, start, len) };
        }
    }
}

impl Way for Copied<'_> {
    fn copy(&self, range: Range<u64>) -> Result<(), Cause> {
        let whole_end = range.end / self.page * self.page;
        let mut at = range.start;
        while at < whole_end {
            at += self.copy_pages(&(at..whole_end))?;
            if at < whole_end {
                self.written.copy(at..at + self.page)?;
                at += self.page;
            }
        }
        self.forget(&range);
        self.written.copy(at..range.end)
    }

    fn filled(&self, bytes: u64) -> Filled {
        Filled {
            bytes,
            huge_bytes: 0,
            way: FillWay::Copied,
        }
    }
}

/// A userfaultfd over a range of a mapping of shared memory.
fn uffd_over(range: UffdRange) -> io::Result<OwnedFd> {
    // SAFETY: takes flags and gives a new descriptor, or an error.
    let fd = unsafe { libc::syscall(libc::SYS_userfaultfd, libc::O_CLOEXEC | UFFD_USER_MODE_ONLY) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new, so nobody else owns it.
    let uffd = unsafe { OwnedFd::from_raw_fd(fd as i32) };
    let mut api = UffdApi {
        api: UFFD_API,
        features: UFFD_FEATURE_MISSING_SHMEM,
        ioctls: 0,
    };
    // SAFETY: `api` is laid out as the kernel's `struct uffdio_api`, and writable.
    if unsafe { libc::ioctl(uffd.as_raw_fd(), UFFDIO_API, &raw mut api) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut register = UffdRegister {
        range,
        mode: UFFDIO_REGISTER_MODE_MISSING,
        ioctls: 0,
    };
    // SAFETY: `register` is laid out as the kernel's `struct uffdio_register`, and writable. The
    // range is a mapping of the caller's that nobody faults on: only system calls touch it.
    if unsafe { libc::ioctl(uffd.as_raw_fd(), UFFDIO_REGISTER, &raw mut register) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(uffd)
}

// Layouts and numbers of linux/userfaultfd.h, which libc does not have.

const UFFD_USER_MODE_ONLY: i32 = 1;
const UFFD_API: u64 = 0xaa;
const UFFD_FEATURE_MISSING_SHMEM: u64 = 1 << 5;
const UFFDIO_REGISTER_MODE_MISSING: u64 = 1;
const UFFDIO_COPY_MODE_DONTWAKE: u64 = 1;
const UFFDIO_API: libc::Ioctl = libc::_IOWR::<UffdApi>(0xaa, 0x3f);
const UFFDIO_REGISTER: libc::Ioctl = libc::_IOWR::<UffdRegister>(0xaa, 0x00);
const UFFDIO_COPY: libc::Ioctl = libc::_IOWR::<UffdCopy>(0xaa, 0x03);

#[repr(C)]
struct UffdApi {
    api: u64,
    features: u64,
    ioctls: u64,
}

#[repr(C)]
struct UffdRange {
    start: u64,
    len: u64,
}

#[repr(C)]
struct UffdRegister {
    range: UffdRange,
    mode: u64,
    ioctls: u64,
}

#[repr(C)]
struct UffdCopy {
    to: u64,
    from: u64,
    len: u64,
    mode: u64,
    copied: i64,
}
