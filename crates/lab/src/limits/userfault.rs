//! Filling shared memory by userfaultfd(2): `UFFDIO_COPY` makes a page and fills it in one step.
//!
//! Written anew here, from the kernel's manual pages: the limit of filling a segment must not share
//! code with what is compared to it.

use std::io::{Error, Result};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use memmap2::{Advice, Mmap, MmapMut};

/// What is copied at a time: its source stays in the cache of page tables.
const CHUNK: usize = 1 << 20;

const USER_MODE_ONLY: i32 = 1;
const API: u64 = 0xAA;
const MODE_MISSING: u64 = 1;
const UFFDIO_API: libc::Ioctl = libc::_IOWR::<Api>(0xAA, 0x3F);
const UFFDIO_REGISTER: libc::Ioctl = libc::_IOWR::<Register>(0xAA, 0x00);
const UFFDIO_COPY: libc::Ioctl = libc::_IOWR::<Copy>(0xAA, 0x03);

#[repr(C)]
struct Api {
    api: u64,
    features: u64,
    ioctls: u64,
}

#[repr(C)]
struct Register {
    start: u64,
    len: u64,
    mode: u64,
    ioctls: u64,
}

#[repr(C)]
struct Copy {
    destination: u64,
    source: u64,
    len: u64,
    mode: u64,
    copied: i64,
}

/// Untouched shared memory, registered to be filled. A thread that touches a page that is not
/// filled yet would wait indefinitely, so only [`Fill::copy`] accesses it.
pub(crate) struct Fill {
    userfault: OwnedFd,
    start: u64,
}

impl Fill {
    /// Registers all of a mapping.
    pub(crate) fn register(memory: &MmapMut) -> Result<Fill> {
        let flags = libc::O_CLOEXEC | USER_MODE_ONLY;
        // SAFETY: the call takes flags alone and gives a descriptor or -1.
        let fd = unsafe { libc::syscall(libc::SYS_userfaultfd, flags) };
        let fd = RawFd::try_from(fd).map_err(Error::other)?;
        if fd < 0 {
            return Err(Error::last_os_error());
        }
        // SAFETY: the descriptor is new, and nobody else's.
        let userfault = unsafe { OwnedFd::from_raw_fd(fd) };
        let start = memory.as_ptr() as u64;
        let page = page_size();
        let len = (memory.len() as u64).next_multiple_of(page);
        let mut api = Api {
            api: API,
            features: 0,
            ioctls: 0,
        };
        // SAFETY: UFFDIO_API reads and writes one Api.
        done(unsafe { libc::ioctl(userfault.as_raw_fd(), UFFDIO_API, &raw mut api) })?;
        let mut register = Register {
            start,
            len,
            mode: MODE_MISSING,
            ioctls: 0,
        };
        // SAFETY: UFFDIO_REGISTER reads and writes one Register; its range is a mapping of ours.
        done(unsafe { libc::ioctl(userfault.as_raw_fd(), UFFDIO_REGISTER, &raw mut register) })?;
        Ok(Fill { userfault, start })
    }

    /// Fills whole pages, which begin at the same offset in source and memory.
    pub(crate) fn copy(&self, source: &Mmap, pages: std::ops::Range<usize>) -> Result<()> {
        for start in pages.clone().step_by(CHUNK) {
            let end = pages.end.min(start + CHUNK);
            // UFFDIO_COPY is slow for a source that it has to fault in.
            source.advise_range(Advice::PopulateRead, start, end - start)?;
            let len = ((end - start) as u64).next_multiple_of(page_size());
            let mut copied = 0;
            while copied < len {
                let at = start as u64 + copied;
                let mut order = Copy {
                    destination: self.start + at,
                    source: source.as_ptr() as u64 + at,
                    len: len - copied,
                    mode: 0,
                    copied: 0,
                };
                // SAFETY: UFFDIO_COPY reads and writes one Copy; it reads mapped pages of the source
                // and fills untouched pages of the registered memory, which no reference sees yet.
                let result = done(unsafe {
                    libc::ioctl(self.userfault.as_raw_fd(), UFFDIO_COPY, &raw mut order)
                });
                match result {
                    Err(error) if error.raw_os_error() != Some(libc::EAGAIN) => return Err(error),
                    _ => copied += u64::try_from(order.copied).unwrap_or(0),
                }
            }
        }
        Ok(())
    }
}

fn done(result: libc::c_int) -> Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(Error::last_os_error())
    }
}

fn page_size() -> u64 {
    // SAFETY: sysconf takes any name.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(bytes).expect("every system has a page size")
}
