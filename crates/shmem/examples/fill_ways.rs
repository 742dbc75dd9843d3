//! Measures the ways to fill shared memory from a file that is in the page cache, so that the choice
//! in `src/fill.rs` can be made again on another machine or kernel.
//!
//! `cargo run --release -p shmem --example fill_ways -- [DIRECTORY] [MIB] [ROUNDS] [CHUNK_KIB] [ONLY]`
//!
//! DIRECTORY is a tmpfs (default `/dev/shm`): mount one with `-o huge=advise` or `huge=always` to
//! see huge pages. The source is a temporary file with the data at byte 128, as in an `.npy` file.
//! ONLY is a part of the names of the ways wanted. The rounds of a way follow each other: `first` may meet memory that the machine has to fetch from
//! its host, `best` and `median` are of the rounds after it, which reuse what the one before gave
//! back. Every result is compared to the source.

use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use memmap2::{Advice, MmapOptions, MmapRaw};
use nix::fcntl::{
    FallocateFlags, FcntlArg, SpliceFFlags, copy_file_range, fallocate, fcntl, splice,
};
use shmem::{PrivateMemory, Segment};

const DATA_AT: u64 = 128;

type Outcome<T> = Result<T, Box<dyn Error>>;
type Way = fn(&Job) -> io::Result<()>;

const WAYS: &[(&str, Way)] = &[
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

fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let directory = PathBuf::from(args.first().map_or("/dev/shm", String::as_str));
    let number =
        |index: usize, default: u64| args.get(index).map_or(Ok(default), |arg| arg.parse());
    let (len, rounds, chunk) = (
        number(1, 1024)? << 20,
        number(2, 4)?,
        number(3, 2048)? << 10,
    );

    let source = source(len)?;
    println!(
        "{} MiB into {}, chunks of {} KiB",
        len >> 20,
        directory.display(),
        chunk >> 10
    );
    println!(
        "{:<28}{:>8}{:>9}{:>9}{:>9}  GB/s",
        "way", "threads", "first", "best", "median"
    );
    let wanted = |name: &str| args.get(4).is_none_or(|only| name.contains(only.as_str()));
    for threads in [1, 2] {
        for (name, way) in WAYS.iter().filter(|(name, _)| wanted(name)) {
            measure(name, threads, rounds, len, || {
                by_way(&directory, &source, len, chunk, threads, *way)
            });
        }
        if wanted("Segment") {
            measure("Segment::fill_from_file", threads, rounds, len, || {
                by_library(&directory, &source, len, threads)
            });
        }
        if wanted("private") {
            measure("private, small pages", threads, rounds, len, || {
                private_small(&source, len, chunk, threads)
            });
            measure("private, PrivateMemory", threads, rounds, len, || {
                private(&source, len, threads)
            });
        }
    }
    Ok(())
}

fn measure(name: &str, threads: usize, rounds: u64, len: u64, run: impl Fn() -> Outcome<Cost>) {
    print!("{name:<28}{threads:>8}");
    match (0..=rounds).map(|_| run()).collect::<Outcome<Vec<_>>>() {
        Ok(mut costs) => {
            let gigabytes = len as f64 / 1e9;
            let rate = |cost: &Cost| gigabytes / cost.wall.as_secs_f64();
            let first = costs.remove(0);
            costs.sort_by_key(|cost| cost.wall);
            let (best, median) = (rate(&costs[0]), rate(&costs[costs.len() / 2]));
            costs.sort_by_key(|cost| cost.cpu);
            let cpu = costs[costs.len() / 2].cpu.as_secs_f64() * 1e3 / gigabytes;
            println!("{:>9.2}{best:>9.2}{median:>9.2}{cpu:>12.0}", rate(&first));
        }
        Err(error) => println!("  {error}"),
    }
}

/// What one filling took. The processor time tells ways apart where other programs keep the machine
/// busy, too.
struct Cost {
    wall: Duration,
    cpu: Duration,
}

struct Clock(Instant, Duration);

impl Clock {
    fn start() -> Clock {
        Clock(Instant::now(), cpu())
    }

    fn stop(self) -> Cost {
        Cost {
            wall: self.0.elapsed(),
            cpu: cpu() - self.1,
        }
    }
}

/// Processor time of all threads of this process.
fn cpu() -> Duration {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_PROCESS_CPUTIME_ID)
        .expect("a clock")
        .into()
}

/// One filling: descriptors of both ends and a queue of chunks.
struct Job<'a> {
    source: &'a File,
    target: &'a File,
    path: &'a Path,
    len: u64,
    chunk: u64,
    next: AtomicU64,
    from: MmapRaw,
    to: MmapRaw,
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

fn by_way(
    directory: &Path,
    source: &File,
    len: u64,
    chunk: u64,
    threads: usize,
    way: Way,
) -> Outcome<Cost> {
    let target = tempfile::NamedTempFile::new_in(directory)?;
    target.as_file().set_len(len)?;
    let clock = Clock::start();
    let job = Job {
        source,
        target: target.as_file(),
        path: target.path(),
        len,
        chunk,
        next: AtomicU64::new(0),
        from: MmapOptions::new()
            .len((DATA_AT + len) as usize)
            .map_raw_read_only(source)?,
        to: MmapOptions::new()
            .len(len as usize)
            .map_raw(target.as_file())?,
    };
    // Refused where the kernel has no huge pages: then the small ones are measured.
    let _ = job.to.advise(Advice::HugePage);
    run(&job, threads, way)?;
    drop(job);
    let cost = clock.stop();
    verify(
        source,
        |buffer, at| target.as_file().read_exact_at(buffer, at),
        len,
    )?;
    Ok(cost)
}

fn by_library(directory: &Path, source: &File, len: u64, threads: usize) -> Outcome<Cost> {
    let mut segment = Segment::create_in(directory, len)?;
    let clock = Clock::start();
    segment.fill_from_file(source, DATA_AT, threads, &mut |_| {
        std::ops::ControlFlow::Continue(())
    })?;
    let cost = clock.stop();
    let target = File::from(segment.fd().try_clone_to_owned()?);
    verify(source, |buffer, at| target.read_exact_at(buffer, at), len)?;
    Ok(cost)
}

fn private(source: &File, len: u64, threads: usize) -> Outcome<Cost> {
    let clock = Clock::start();
    let memory = PrivateMemory::read_file(source, DATA_AT, len, threads, &mut |_| {
        std::ops::ControlFlow::Continue(())
    })?;
    let cost = clock.stop();
    let read = |buffer: &mut [u8], at| {
        buffer.copy_from_slice(
            memory
                .slice(at, buffer.len() as u64)
                .map_err(io::Error::other)?,
        );
        Ok(())
    };
    verify(source, read, len)?;
    Ok(cost)
}

/// What `PrivateMemory` would be without huge pages.
fn private_small(source: &File, len: u64, chunk: u64, threads: usize) -> Outcome<Cost> {
    let clock = Clock::start();
    let job = Job {
        source,
        target: source,
        path: Path::new(""),
        len,
        chunk,
        next: AtomicU64::new(0),
        from: MmapOptions::new().len(1).map_anon()?.into(),
        to: MmapOptions::new().len(len as usize).map_anon()?.into(),
    };
    job.to.advise(Advice::NoHugePage)?;
    run(&job, threads, pread_mapping)?;
    Ok(clock.stop())
}

fn run(job: &Job, threads: usize, way: Way) -> io::Result<()> {
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(|| way(job))).collect();
        handles
            .into_iter()
            .try_for_each(|handle| handle.join().expect("a way panicked"))
    })
}

fn pread_mapping(job: &Job) -> io::Result<()> {
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

/// A file of `DATA_AT + len` bytes in the page cache, no two pages of it alike.
fn source(len: u64) -> Outcome<File> {
    let mut file = tempfile::tempfile()?;
    let mut block = vec![0u8; 1 << 20];
    let mut written = 0;
    while written < DATA_AT + len {
        for (index, word) in block.chunks_exact_mut(8).enumerate() {
            let value = (written + index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            word.copy_from_slice(&value.to_le_bytes());
        }
        let part = (DATA_AT + len - written).min(block.len() as u64);
        file.write_all(&block[..part as usize])?;
        written += part;
    }
    // Clean pages, as a dataset that was not just written has them.
    file.sync_all()?;
    Ok(file)
}

fn verify(source: &File, read: impl Fn(&mut [u8], u64) -> io::Result<()>, len: u64) -> Outcome<()> {
    let (mut ours, mut theirs) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    let mut at = 0;
    while at < len {
        let part = (len - at).min(1 << 20) as usize;
        read(&mut ours[..part], at)?;
        source.read_exact_at(&mut theirs[..part], DATA_AT + at)?;
        if ours[..part] != theirs[..part] {
            return Err(format!("wrong bytes near {at}").into());
        }
        at += part as u64;
    }
    Ok(())
}
