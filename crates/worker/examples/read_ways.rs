//! Measures how several processes can sum a dataset that lies in a file, so that the
//! choices in `task/src/input.rs` and `runtime/src/regions.rs` can be made again on another machine.
//!
//! `cargo run --release -p worker --example read_ways -- FILE [PROCESSES] [ROUNDS]`
//!
//! The methods of `warm` find the file in the page cache: copy it to `/dev/shm` to see a segment's small
//! pages. Those of `cold` put it out of the page cache first, which a file system in memory ignores.
//! Ways take turns, and each time is that of whole processes, from exec to exit.

use std::error::Error;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use dataset::{Column, Dataset};
use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use shmem::Mapping;
use task::Input;
use worker::sum::Summer;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// How the bytes of a part get to the sum.
#[derive(Clone, Copy)]
enum Way {
    /// From a mapping, page fault by page fault.
    Faults,
    /// From a mapping whose pages are entered by `MADV_POPULATE_READ` before.
    Populated,
    /// From a mapping, as tasks receive it: prefaulted one block ahead.
    Prefaulted,
    /// By calls, in order.
    Reads {
        /// From an open file of its own, not one that all share.
        own: bool,
        /// With 16 MiB asked for before they are read.
        asked: bool,
    },
}

const OWN: Way = Way::Reads {
    own: true,
    asked: false,
};
const SHARED: Way = Way::Reads {
    own: false,
    asked: false,
};
const ASKED: Way = Way::Reads {
    own: false,
    asked: true,
};
const WARM: &[(&str, Way)] = &[
    ("mapped, by faults", Way::Faults),
    ("mapped, populated", Way::Populated),
    ("mapped, prefaulted", Way::Prefaulted),
    ("read", OWN),
];
const COLD: &[(&str, Way)] = &[
    ("read, each its own open file", OWN),
    ("read, one open file for all", SHARED),
    ("read, the same, asked ahead", ASKED),
];

const MIB: usize = 1 << 20;
/// A multiple of any machine's page size.
const PAGE: u64 = 64 << 10;

fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let arg = |index: usize| args.get(index).map(String::as_str);
    if arg(0) == Some("part") {
        return part(&args[1..]);
    }
    let run = Run {
        path: arg(0).ok_or("which FILE?")?,
        processes: arg(1).unwrap_or("2").parse()?,
        rounds: arg(2).unwrap_or("5").parse()?,
    };
    run.table("warm", WARM)?;
    run.table("cold", COLD)
}

/// What is measured.
struct Run<'a> {
    path: &'a str,
    processes: u64,
    rounds: usize,
}

impl Run<'_> {
    /// Every way in turn, a warm-up and some rounds; prints medians.
    fn table(&self, family: &str, ways: &[(&str, Way)]) -> Outcome<()> {
        let bytes = Dataset::open(Path::new(self.path))?.data_len();
        let mut seconds = vec![Vec::new(); ways.len()];
        for round in 0..=self.rounds {
            let forth = 0..ways.len();
            // Back and forth: no way always finds what the same other one left behind.
            let order: Vec<usize> = match round % 2 {
                0 => forth.collect(),
                _ => forth.rev().collect(),
            };
            for way in order {
                if family == "cold" {
                    evict(self.path)?;
                }
                seconds[way].push(self.seconds(family, way)?);
            }
        }
        for ((name, _), mut seconds) in ways.iter().zip(seconds) {
            seconds.remove(0);
            seconds.sort_by(f64::total_cmp);
            let median = seconds[seconds.len() / 2];
            println!(
                "{family}  {name:<30}{:>8.0} ms{:>8.1} GB/s  ({:.0} – {:.0} ms)",
                median * 1e3,
                bytes as f64 / median / 1e9,
                seconds[0] * 1e3,
                seconds[seconds.len() - 1] * 1e3,
            );
        }
        Ok(())
    }

    /// From the first exec to the last exit.
    fn seconds(&self, family: &str, way: usize) -> Outcome<f64> {
        // The standard input of all: one open file.
        let shared = File::open(self.path)?;
        let began = Instant::now();
        let children = (0..self.processes)
            .map(|part| {
                let numbers = [way as u64, part, self.processes].map(|number| number.to_string());
                Command::new(std::env::current_exe()?)
                    .args(["part", family, self.path])
                    .args(numbers)
                    .stdin(Stdio::from(shared.try_clone()?))
                    .spawn()
            })
            .collect::<io::Result<Vec<Child>>>()?;
        for mut child in children {
            if !child.wait()?.success() {
                return Err("a part failed".into());
            }
        }
        Ok(began.elapsed().as_secs_f64())
    }
}

/// Puts a file out of the page cache, as far as nobody has it mapped.
fn evict(path: &str) -> Outcome<()> {
    let file = File::open(path)?;
    file.sync_all()?;
    let advice = PosixFadviseAdvice::POSIX_FADV_DONTNEED;
    Ok(posix_fadvise(&file, 0, 0, advice)?)
}

/// A child's whole work: sums one part in one way.
fn part(args: &[String]) -> Outcome<()> {
    let [family, path, way, part, of] = args else {
        return Err("a part is FAMILY FILE WAY PART OF".into());
    };
    let ways = if family == "warm" { WARM } else { COLD };
    let way = ways[way.parse::<usize>()?].1;
    let (part, of): (u64, u64) = (part.parse()?, of.parse()?);
    let dataset = Dataset::open(Path::new(path))?;
    let column = dataset.column(dataset.layout().structured.then_some("val"))?;
    let first_byte =
        |part| dataset.data_offset() + dataset.records() * part / of * column.stride as u64;
    let (start, end) = (first_byte(part), first_byte(part + 1));
    let mut summer = Summer::new(&column);
    match way {
        Way::Faults => {
            let mapping = Mapping::map_file(dataset.file())?;
            summer.add(mapping.slice(start, end - start)?);
        }
        Way::Populated => {
            let mapping = Mapping::map_file(dataset.file())?;
            for at in (start..end).step_by(block_of(&column)) {
                let len = (end - at).min(block_of(&column) as u64);
                let page = at / PAGE * PAGE;
                mapping.populate(page, at + len - page)?;
                summer.add(mapping.slice(at, len)?);
            }
        }
        Way::Prefaulted => {
            let mapping = Mapping::map_file(dataset.file())?;
            let input = Input::from_bytes(mapping.slice(start, end - start)?);
            input.for_each_block(column.stride, |records| summer.add(records))?;
        }
        Way::Reads { own, asked } => {
            let shared = File::from(io::stdin().as_fd().try_clone_to_owned()?);
            let file = if own { dataset.file() } else { &shared };
            read(file, start, end, asked, &column, |records| {
                summer.add(records);
            })?;
        }
    }
    std::hint::black_box(summer.finish());
    Ok(())
}

/// Bytes of the whole records in a mebibyte.
fn block_of(column: &Column) -> usize {
    MIB / column.stride * column.stride
}

fn read(
    file: &File,
    start: u64,
    end: u64,
    asked: bool,
    column: &Column,
    mut each: impl FnMut(&[u8]),
) -> Outcome<()> {
    const AHEAD: u64 = 16 << 20;
    const STEP: u64 = 4 << 20;
    posix_fadvise(file, 0, 0, PosixFadviseAdvice::POSIX_FADV_SEQUENTIAL)?;
    let mut buffer = vec![0; block_of(column)];
    let (mut at, mut asked_to) = (start, start);
    while at < end {
        while asked && asked_to < end.min(at + AHEAD) {
            let advice = PosixFadviseAdvice::POSIX_FADV_WILLNEED;
            posix_fadvise(file, asked_to as i64, STEP as i64, advice)?;
            asked_to += STEP;
        }
        let count = (end - at).min(buffer.len() as u64);
        let records = &mut buffer[..count as usize];
        file.read_exact_at(records, at)?;
        each(records);
        at += count;
    }
    Ok(())
}
