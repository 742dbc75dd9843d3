//! pread(2) straight into a mapping. Its page faults happen inside the call, so a page that cannot
//! be had is `EFAULT`; they are also what the kernel gives huge pages of shared memory for.

use std::io;
use std::ops::Range;
use std::os::fd::AsFd;

use memmap2::{Advice, MmapOptions, MmapRaw};

use super::way::{Cause, FillWay, Filled, Source, Target, Way};
use crate::{smaps, sys};

pub(super) struct Mapped<'a> {
    into: Target<'a>,
    source: Source<'a>,
    pub(super) raw: MmapRaw,
}

impl<'a> Mapped<'a> {
    pub(super) fn new(into: Target<'a>, source: Source<'a>) -> Result<Mapped<'a>, Cause> {
        let failed = |source| Cause::Failed { at: 0, source };
        let raw = MmapOptions::new()
            .len(into.len as usize)
            .map_raw(&into.fd)
            .map_err(failed)?;
        raw.advise(Advice::DontDump).map_err(failed)?;
        // A copy that a fork of another thread made would keep a memfd from being sealed.
        raw.advise(Advice::DontFork).map_err(failed)?;
        // Refused where the kernel was built without huge pages: then small ones serve.
        let _ = raw.advise(Advice::HugePage);
        Ok(Mapped { into, source, raw })
    }

    /// Touches the first page and looks at what came: more than that page if the kernel gives
    /// larger ones here, or if the target had been filled before.
    pub(super) fn has_more_than_a_page(&self) -> Result<bool, Cause> {
        self.copy(0..1)?;
        let allocated = sys::allocated(self.into.fd);
        Ok(allocated.map_err(|source| Cause::Failed { at: 0, source })? > sys::page_size())
    }
}

impl Way for Mapped<'_> {
    fn copy(&self, range: Range<u64>) -> Result<(), Cause> {
        let mut at = range.start;
        while at < range.end {
            let from = self.source.offset + at;
            // SAFETY: `at..range.end` is inside the writable mapping; there is no other view of it,
            // and the ranges of different threads do not overlap.
            let got = unsafe {
                let to = self.raw.as_mut_ptr().add(at as usize);
                sys::read_at(
                    self.source.file.as_fd(),
                    to,
                    (range.end - at) as usize,
                    from,
                )
            };
            match got {
                Ok(0) => return Err(Cause::Truncated { found: from }),
                Ok(got) => at += got as u64,
                Err(source) => return Err(unwritable(at, source)),
            }
        }
        Ok(())
    }

    fn filled(&self, bytes: u64) -> Filled {
        let start = self.raw.as_ptr() as u64;
        // Walks page tables of huge pages, which are few. If it fails, none is reported.
        let huge_bytes = smaps::huge_bytes(start..start + bytes).unwrap_or(0);
        Filled {
            bytes,
            huge_bytes,
            way: FillWay::Mapped,
        }
    }
}

/// The mapping is there, so what could not be written is a page that could not be had.
fn unwritable(at: u64, source: io::Error) -> Cause {
    match source.raw_os_error() {
        Some(libc::EFAULT) => Cause::Full { at },
        _ => Cause::Failed { at, source },
    }
}
