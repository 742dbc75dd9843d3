//! One array, filled in pieces and read again: by worker processes that it is handed over to, and by threads
//! of rayon on shared memory, in turns.
//!
//! `cargo run --release -p handoff --example fill_and_read -- [BYTES] [WORKERS] [PAIRS]`: speeds of both, and the
//! median of the pairs' ratios. Fresh memory was never written, so each has a mapping of its own. Reused memory is
//! the array for both, written by both before the first round: of two mappings of the same kind, the one that is
//! written first can be a fifth slower for as long as it lives, to workers and threads alike, since it has
//! other pages. Rows of ordinary memory, which processes do not share, are threads alone.

use handoff::{ArrayMut, Pool, task};
use memmap2::MmapMut;
use rayon::prelude::*;
use std::fs::File;
use std::os::fd::FromRawFd;
use std::time::{Duration, Instant};

/// Elements of a piece: 32 MiB.
const PIECE: usize = 4 << 20;
/// Sums side by side, so that the additions do not wait for each other.
const SUMS: usize = 16;

type Failure = Box<dyn std::error::Error>;

fn write(piece: &mut [f64], first: f64) {
    for (n, value) in piece.iter_mut().enumerate() {
        *value = first + n as f64;
    }
}

fn sum(piece: &[f64]) -> f64 {
    let mut sums = [0.0; SUMS];
    let chunks = piece.chunks_exact(SUMS);
    let rest: f64 = chunks.remainder().iter().sum();
    for chunk in chunks {
        for (sum, value) in sums.iter_mut().zip(chunk) {
            *sum += value;
        }
    }
    sums.iter().sum::<f64>() + rest
}

#[task]
fn fill(mut piece: ArrayMut<f64>, first: f64) -> ArrayMut<f64> {
    write(&mut piece, first);
    piece
}

#[task]
fn read(piece: ArrayMut<f64>) -> (f64, ArrayMut<f64>) {
    (sum(&piece), piece)
}

/// Fills and reads the array in the pool's workers; gives it back.
fn by_workers(pool: &mut Pool, array: ArrayMut<f64>) -> Result<(f64, ArrayMut<f64>), Failure> {
    let pieces = array.split(PIECE).into_iter().enumerate();
    let calls = pieces.map(|(n, piece)| fill(piece, (n * PIECE) as f64));
    let filled = pool.map(calls).collect::<Result<Vec<_>, _>>()?;
    let read = pool.map(filled.into_iter().map(read));
    let mut total = 0.0;
    let mut pieces = Vec::new();
    for result in read {
        let (sum, piece) = result?;
        total += sum;
        pieces.push(piece);
    }
    Ok((total, ArrayMut::join(pieces)?))
}

/// The same on threads.
fn by_threads(threads: &rayon::ThreadPool, memory: &mut [f64]) -> f64 {
    threads.install(|| {
        let pieces = memory.par_chunks_mut(PIECE).enumerate();
        pieces.for_each(|(n, piece)| write(piece, (n * PIECE) as f64));
        // Added in order, as the caller of the pool does.
        let sums: Vec<f64> = memory.par_chunks(PIECE).map(sum).collect();
        sums.iter().sum()
    })
}

/// Seconds that the workers take, the sum, and the array.
fn timed_workers(
    pool: &mut Pool,
    array: ArrayMut<f64>,
) -> Result<(f64, f64, ArrayMut<f64>), Failure> {
    let began = Instant::now();
    let (total, array) = by_workers(pool, array)?;
    Ok((began.elapsed().as_secs_f64(), total, array))
}

/// Seconds that the threads take for the same sum.
fn timed_threads(threads: &rayon::ThreadPool, memory: &mut [f64], expected: f64) -> f64 {
    let began = Instant::now();
    let total = by_threads(threads, memory);
    assert!(total == expected, "{total} instead of {expected}");
    began.elapsed().as_secs_f64()
}

/// Memory of the kind that arenas are: a memfd.
fn shared_memory(bytes: usize) -> Result<MmapMut, Failure> {
    // SAFETY: takes a constant name; the descriptor is new.
    let file = unsafe {
        match libc::memfd_create(c"fill-and-read".as_ptr(), libc::MFD_CLOEXEC) {
            -1 => return Err(std::io::Error::last_os_error().into()),
            descriptor => File::from_raw_fd(descriptor),
        }
    };
    file.set_len(bytes as u64)?;
    // SAFETY: nobody else has the file.
    Ok(unsafe { MmapMut::map_mut(&file)? })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn print(row: &str, bytes: usize, workers: &[f64], threads: &[f64]) {
    let speed = |seconds: &[f64]| match seconds.is_empty() {
        true => "       -".to_owned(),
        false => format!(
            "{:8.2}",
            2.0 * bytes as f64 / 1e9 / median(seconds.to_vec())
        ),
    };
    let ratios = threads
        .iter()
        .zip(workers)
        .map(|(threads, ours)| threads / ours);
    let ratios: Vec<f64> = ratios.collect();
    let ratio = match ratios.is_empty() {
        true => String::new(),
        false => format!("{:8.3} of {ratios:.3?}", median(ratios.clone())),
    };
    println!("{row:<18} {} {} {ratio}", speed(workers), speed(threads));
}

fn main() -> Result<(), Failure> {
    handoff::init();
    let mut args = std::env::args().skip(1).map(|arg| arg.parse::<usize>());
    let mut number = |default| args.next().transpose().map(|it| it.unwrap_or(default));
    let (bytes, workers, pairs) = (number(4_800_000_000)?, number(2)?, number(5)?);
    let len = bytes / 8;
    let mut pool = Pool::builder().workers(workers).start()?;
    let threads = rayon::ThreadPoolBuilder::new()
        .num_threads(workers)
        .build()?;
    println!("{bytes} bytes, {workers} workers or threads, {pairs} pairs; GB/s written and read");
    println!(
        "{:<18} {:>8} {:>8} {:>8}",
        "memory", "workers", "threads", "workers/threads"
    );

    let array = ArrayMut::<f64>::zeroed(len)?;
    let mut mapping = shared_memory(bytes)?;
    let memory: &mut [f64] = bytemuck::cast_slice_mut(&mut mapping[..len * 8]);
    let (first, expected, mut array) = timed_workers(&mut pool, array)?;
    print(
        "shared, fresh",
        bytes,
        &[first],
        &[timed_threads(&threads, memory, expected)],
    );
    drop(mapping);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    // Enters it into this process's page table.
    timed_threads(&threads, &mut array, expected);
    for pair in 0..pairs {
        for turn in 0..2 {
            if (pair + turn) % 2 == 0 {
                let (seconds, total, back) = timed_workers(&mut pool, array)?;
                assert!(total == expected, "{total} instead of {expected}");
                array = back;
                ours.push(seconds);
            } else {
                theirs.push(timed_threads(&threads, &mut array, expected));
            }
        }
    }
    print("shared, reused", bytes, &ours, &theirs);
    drop(array);
    // Gives the memory back.
    pool.drive(Some(Duration::from_millis(1500)))?;

    let mut ordinary = vec![0.0_f64; len];
    let mut once = || timed_threads(&threads, &mut ordinary, expected);
    print("ordinary, fresh", bytes, &[], &[once()]);
    let again: Vec<f64> = (0..pairs).map(|_| once()).collect();
    print("ordinary, reused", bytes, &[], &again);
    Ok(())
}
