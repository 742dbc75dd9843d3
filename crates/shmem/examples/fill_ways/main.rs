//! Measures methods to fill shared memory from a file that is in the page cache, so that the choice
//! in `src/fill.rs` can be made again on another machine or kernel.
//!
//! `cargo run --release -p shmem --example fill_ways -- [DIRECTORY] [MIB] [ROUNDS] [CHUNK_KIB] [ONLY]`
//!
//! DIRECTORY is a tmpfs (default `/dev/shm`): mount one with `-o huge=advise` or `huge=always` to
//! see huge pages. The source is a temporary file with the data at byte 128, as in an `.npy` file.
//! ONLY is a part of the names of the methods to measure. The rounds of a method follow each other:
//! `first` may get memory that the machine has to fetch from its host, `best` and `median` are of the
//! rounds after it, which reuse what the one before released. Every result is compared to the source.

mod ways;

use std::error::Error;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use memmap2::{Advice, MmapOptions};
use shmem::{PrivateMemory, Segment};

use crate::ways::{DATA_AT, Job, WAYS, Way, pread_mapping};

type Outcome<T> = Result<T, Box<dyn Error>>;

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

/// What one filling took. The processor time distinguishes methods even where other programs keep the
/// machine busy.
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
