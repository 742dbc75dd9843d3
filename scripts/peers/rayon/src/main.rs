//! Peer: the same sum by threads, rayon over a mapped file.
//!
//! With `--kernel plain` it is what a Rust programmer would write who knows the layout of the data
//! and wants it fast: map, cast, sum in parallel without a branch; nothing of Handoff's own crates
//! is in it. `--kernel exact` does the arithmetic of our workers on the same threads and the same
//! mapping, so that what is left between the two programs is threads against processes.

use std::fs::File;
use std::io::{BufReader, Seek};
use std::mem::offset_of;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use clap::{Parser, ValueEnum};
use dataset::{Column, Kind, Order, Scalar};
use memmap2::Mmap;
use npyz::{DType, NpyFile};
use rayon::prelude::*;
use worker::sum::{Partial, Summer};

/// One record of the original study's layout.
#[repr(C)]
struct Record {
    index: i64,
    timestamp: i64,
    val: f64,
}

/// Records that one thread sums at a time: 1.5 MiB, which keeps all threads busy to the end.
const CHUNK: usize = 1 << 16;

#[derive(Parser)]
#[command(about = "Sum the column val of a .npy file with threads")]
struct Cli {
    data: PathBuf,
    /// Threads [default: as many as there are processors]
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// How a thread sums
    #[arg(long, value_enum, default_value_t = Kernel::Plain)]
    kernel: Kernel,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kernel {
    /// Eight sums side by side, each addition rounded
    Plain,
    /// As Handoff's workers do it: exactly, rounded once
    Exact,
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();

    let began = Instant::now();
    let (map, offset, count) =
        open(&cli.data).with_context(|| format!("cannot sum {}", cli.data.display()))?;
    let bytes = map
        .get(offset..)
        .and_then(|data| data.get(..count.checked_mul(size_of::<Record>())?))
        .context("the file is shorter than its header says")?;
    // SAFETY: every bit pattern is a valid Record, which has no padding.
    let (before, records, after) = unsafe { bytes.align_to::<Record>() };
    ensure!(
        before.is_empty() && after.is_empty(),
        "the data is not aligned to 8 bytes"
    );
    let load = began.elapsed().as_secs_f64();

    let began = Instant::now();
    rayon::ThreadPoolBuilder::new()
        .num_threads(cli.threads)
        .build_global()?;
    let start = began.elapsed().as_secs_f64();

    let began = Instant::now();
    let (name, (sum, count)) = match cli.kernel {
        Kernel::Plain => ("rayon", plain(records)),
        Kernel::Exact => ("rayon-exact", exact(bytes)),
    };
    let run = began.elapsed().as_secs_f64();

    let total = start + run;
    let (sum_json, sum_hex) = (json(sum), hex(sum));
    println!(
        r#"{{"name":"{name}","sum":{sum_json},"sum_hex":"{sum_hex}","count":{count},"seconds":{{"load":{load},"share":0,"start":{start},"run":{run},"total":{total}}}}}"#
    );
    Ok(())
}

/// The mapped file, where its records begin, and how many there are.
fn open(path: &PathBuf) -> anyhow::Result<(Mmap, usize, usize)> {
    let mut reader = BufReader::new(File::open(path)?);
    let file = NpyFile::new(&mut reader)?;
    let (dtype, count) = (
        file.dtype(),
        usize::try_from(file.shape().iter().product::<u64>())?,
    );
    let DType::Record(fields) = &dtype else {
        bail!("not an array of records: {}", dtype.descr())
    };
    let layout: Vec<(&str, String)> = fields
        .iter()
        .map(|field| (field.name.as_str(), field.dtype.descr()))
        .collect();
    let [("index", index), ("timestamp", timestamp), ("val", val)] = &layout[..] else {
        bail!("other fields than index, timestamp, val: {}", dtype.descr());
    };
    ensure!(
        index == "'<i8'" && timestamp.starts_with("'<M8") && val == "'<f8'",
        "another layout than the original study's: {}",
        dtype.descr(),
    );
    let offset = usize::try_from(reader.stream_position()?)?;
    // SAFETY: nobody changes the file while a benchmark runs on it.
    let map = unsafe { Mmap::map(reader.get_ref())? };
    Ok((map, offset, count))
}

/// The sum of the values that are not NaN, and their number.
fn plain(records: &[Record]) -> (f64, u64) {
    records
        .par_chunks(CHUNK)
        .map(nansum)
        .reduce(|| (0.0, 0), |one, other| (one.0 + other.0, one.1 + other.1))
}

/// The same of the records' bytes, rounded once.
fn exact(records: &[u8]) -> (f64, u64) {
    let column = Column {
        offset: offset_of!(Record, val),
        stride: size_of::<Record>(),
        scalar: Scalar::new(Kind::F8, Order::Little),
    };
    let partial = records
        .par_chunks(CHUNK * size_of::<Record>())
        .fold(
            || Summer::new(&column),
            |mut summer, chunk| {
                summer.add(chunk);
                summer
            },
        )
        .map(Summer::finish)
        .reduce(Partial::default, |mut one, other| {
            one.merge(&other);
            one
        });
    (partial.value(), partial.count())
}

/// What one thread does with its chunk: eight sums side by side, so that no addition waits for the one before.
fn nansum(records: &[Record]) -> (f64, u64) {
    let (mut sums, mut counts) = ([0.0; 8], [0_u64; 8]);
    let (blocks, rest) = records.as_chunks::<8>();
    let mut add = |lane: usize, Record { val, .. }: &Record| {
        let there = !val.is_nan();
        sums[lane] += if there { *val } else { 0.0 };
        counts[lane] += u64::from(there);
    };
    for block in blocks {
        for (lane, record) in block.iter().enumerate() {
            add(lane, record);
        }
    }
    for record in rest {
        add(0, record);
    }
    (sums.iter().sum(), counts.iter().sum())
}

fn json(value: f64) -> String {
    if value.is_finite() {
        format!("{value:?}")
    } else {
        "null".to_owned()
    }
}

/// A number's bits as Python's `float.hex` writes them.
fn hex(value: f64) -> String {
    if !value.is_finite() {
        return value.to_string().to_lowercase();
    }
    let bits = value.to_bits();
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let (exponent, fraction) = ((bits >> 52) & 0x7ff, bits & ((1 << 52) - 1));
    match (exponent, fraction) {
        (0, 0) => format!("{sign}0x0.0p+0"),
        (0, _) => format!("{sign}0x0.{fraction:013x}p-1022"),
        _ => format!(
            "{sign}0x1.{fraction:013x}p{:+}",
            exponent.cast_signed() - 1023
        ),
    }
}
