//! pread(2) into a buffer that stays in the processor's cache, pwrite(2) from there: a page that is
//! written whole is never zeroed. Writers of one file take turns (the kernel locks its inode), so
//! more threads overlap their reading alone.

use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use super::way::{Cause, FillWay, Filled, Source, Target, Way};
use crate::sys;

/// Measured: 128 to 512 KiB are alike; less costs calls, more falls out of the cache. On the stack,
/// so that it does not count as heap.
const BUFFER: usize = 128 << 10;

#[derive(Clone, Copy)]
pub(super) struct Written<'a> {
    pub(super) into: Target<'a>,
    pub(super) source: Source<'a>,
}

impl Way for Written<'_> {
    fn copy(&self, range: Range<u64>) -> Result<(), Cause> {
        let mut buffer = [0u8; BUFFER];
        let mut at = range.start;
        while at < range.end {
            let part = &mut buffer[..(range.end - at).min(BUFFER as u64) as usize];
            let from = self.source.offset + at;
            // SAFETY: the memory is `part`, which this thread alone has.
            let got = unsafe {
                sys::read_at(
                    self.source.file.as_fd(),
                    part.as_mut_ptr(),
                    part.len(),
                    from,
                )
            };
            match got {
                Ok(0) => return Err(Cause::Truncated { found: from }),
                Ok(got) => write_all(self.into.fd, &part[..got], &mut at)?,
                Err(source) => return Err(Cause::Failed { at, source }),
            }
        }
        Ok(())
    }

    fn filled(&self, bytes: u64) -> Filled {
        Filled {
            bytes,
            huge_bytes: 0,
            way: FillWay::Written,
        }
    }
}

/// Writes at `at`, and moves it on by what was written.
fn write_all(fd: BorrowedFd<'_>, mut bytes: &[u8], at: &mut u64) -> Result<(), Cause> {
    while !bytes.is_empty() {
        // SAFETY: the memory is `bytes`, readable for the call.
        let put = unsafe {
            libc::pwrite64(
                fd.as_raw_fd(),
                bytes.as_ptr().cast(),
                bytes.len(),
                *at as libc::off64_t,
            )
        };
        if put > 0 {
            bytes = &bytes[put as usize..];
            *at += put as u64;
            continue;
        }
        let source = match put {
            0 => io::ErrorKind::WriteZero.into(),
            _ => io::Error::last_os_error(),
        };
        match source.raw_os_error() {
            Some(libc::EINTR) => {}
            Some(libc::ENOSPC | libc::ENOMEM) => return Err(Cause::Full { at: *at }),
            _ => return Err(Cause::Failed { at: *at, source }),
        }
    }
    Ok(())
}
