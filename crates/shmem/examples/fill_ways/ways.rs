//! The methods themselves: each takes chunks off the job's queue until there are none, in as many
//! threads as call it.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use memmap2::{Advice, MmapRaw};
use nix::fcntl::{
    FallocateFlags, FcntlArg, SpliceFFlags, copy_file_range, fallocate, fcntl, splice,
};

/// Where the data starts in the source, as in an `.npy` file.
pub(crate) const DATA_AT: u64 = 128;

pub(crate) type Way = fn(&Job) -> io::Result<()>;

pub(crate) const WAYS: &[(&str, Way)] = &[
    ("pread into the mapping", pread_mapping),
    ("populate, then pread", populate_then_pread),
    ("fallocate, then pread", fallocate_then_pread),
    ("pwrite from a mapping", pwrite_mapping),
    ("pwrite through 32 KiB", pwrite_buffer::<32>),
    ("pwrite through 128 KiB", pwrite_buffer::<128>),
    ("pwrite through 512 KiB", pwrite_buffer::<512>),
    ("pwrite through 2 MiB", pwrite_buffer::<2048>),
    ("splice through a pipe", splice_pipe),
    ("sendfile", send_file),
    ("copy_file_range", copy_range),
];

/// One filling: descriptors of both ends and a queue of chunks.
pub(crate) struct Job<'a> {
    pub(crate) source: &'a File,
    pub(crate) target: &'a File,
    pub(crate) path: &'a Path,
    pub(crate) len: u64,
    pub(crate) chunk: u64,
    pub(crate) next: AtomicU64,
    pub(crate) from: MmapRaw,
    pub(crate) to: MmapRaw,
}

impl Job<'_> {
    fn take(&self) -> Option<Range<u64>> {
        let start = self.next.fetch_add(self.chunk, Relaxed);
        (start < self.len).then(|| start..self.len.min(start + self.chunk))
    }

    fn each(&self, mut work: impl FnMut(u64, u64) -> io::Result<usize>) -> io::Result<()> {
        while let Some(range) = self.take() {
            let mut at = range.start;
            while at < range.end {
                match work(at, range.end - at)? {
                    0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    got => at += got as u64,
                }
            }
        }
        Ok(())
    }
}

pub(crate) fn pread_mapping(job: &Job) -> io::Result<()> {
    job.each(|at, len| pread(job, at, len))
}

fn populate_then_pread(job: &Job) -> io::Result<()> {
    while let Some(range) = job.take() {
        job.to.advise_range(
            Advice::PopulateWrite,
            range.start as usize,
            (range.end - range.start) as usize,
        )?;
        let mut at = range.start;
        while at < range.end {
            at += pread(job, at, range.end - at)? as u64;
        }
    }
    Ok(())
}

fn fallocate_then_pread(job: &Job) -> io::Result<()> {
    while let Some(range) = job.take() {
        let len = range.end - range.start;
        fallocate(
            job.target,
            FallocateFlags::empty(),
            range.start as i64,
            len as i64,
        )?;
        let mut at = range.start;
        while at < range.end {
            at += pread(job, at, range.end - at)? as u64;
        }
    }
    Ok(())
}

fn pread(job: &Job, at: u64, len: u64) -> io::Result<usize> {
    // SAFETY: the range is inside the writable mapping, and no other thread has this chunk.
    let got = unsafe {
        let to = job.to.as_mut_ptr().add(at as usize);
        libc::pread(
            job.source.as_raw_fd(),
            to.cast(),
            len as usize,
            (DATA_AT + at) as i64,
        )
    };
    usize::try_from(got).map_err(|_| io::Error::last_os_error())
}

fn pwrite_mapping(job: &Job) -> io::Result<()> {
    job.each(|at, len| {
        // SAFETY: the range is inside the readable mapping of the source, and only read.
        let put = unsafe {
            let from = job.from.as_ptr().add((DATA_AT + at) as usize);
            libc::pwrite(job.target.as_raw_fd(), from.cast(), len as usize, at as i64)
        };
        usize::try_from(put).map_err(|_| io::Error::last_os_error())
    })
}

fn pwrite_buffer<const KIB: usize>(job: &Job) -> io::Result<()> {
    let mut buffer = vec![0; KIB << 10];
    job.each(|at, len| {
        let part = buffer.len().min(len as usize);
        let got = job.source.read_at(&mut buffer[..part], DATA_AT + at)?;
        job.target.write_all_at(&buffer[..got], at)?;
        Ok(got)
    })
}

fn splice_pipe(job: &Job) -> io::Result<()> {
    let (read, write): (OwnedFd, OwnedFd) = nix::unistd::pipe()?;
    fcntl(&write, FcntlArg::F_SETPIPE_SZ(1 << 20))?;
    job.each(|at, len| {
        let mut from = (DATA_AT + at) as i64;
        let part = len.min(1 << 20) as usize;
        let got = splice(
            job.source,
            Some(&mut from),
            &write,
            None,
            part,
            SpliceFFlags::SPLICE_F_MOVE,
        )?;
        let mut to = at as i64;
        while to < at as i64 + got as i64 {
            let left = (at as i64 + got as i64 - to) as usize;
            splice(
                &read,
                None,
                job.target,
                Some(&mut to),
                left,
                SpliceFFlags::SPLICE_F_MOVE,
            )?;
        }
        Ok(got)
    })
}

fn send_file(job: &Job) -> io::Result<()> {
    // sendfile writes at the descriptor's own position, so every thread opens the target anew.
    let target = OpenOptions::new().write(true).open(job.path)?;
    job.each(|at, len| {
        nix::unistd::lseek(&target, at as i64, nix::unistd::Whence::SeekSet)?;
        let mut from = (DATA_AT + at) as i64;
        let sent = nix::sys::sendfile::sendfile(
            target.as_fd(),
            job.source.as_fd(),
            Some(&mut from),
            len as usize,
        )?;
        Ok(sent)
    })
}

fn copy_range(job: &Job) -> io::Result<()> {
    job.each(|at, len| {
        let (mut from, mut to) = ((DATA_AT + at) as i64, at as i64);
        Ok(copy_file_range(
            job.source,
            Some(&mut from),
            job.target,
            Some(&mut to),
            len as usize,
        )?)
    })
}
