//! From which length on an array costs less as shared memory than as bytes.
//!
//! `cargo run --release -p handoff --example array_threshold -- [CALLS]`: microseconds a call, medians of batches
//! that take turns. `argument`: a part of an array that lives on; `made`: an array made for the call; `result`: an
//! array made by the worker. Each by a pool that shares memory and by one that does not. Shorter arrays than the
//! threshold are never shared, but parts of longer ones are, from 4 KiB on.

use handoff::{Array, ArrayMut, Error, Pool, task};
use std::time::Instant;

const BATCHES: usize = 11;
const LENGTHS: [usize; 10] = [4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096];
const KIB: usize = 1 << 10;

/// Reads a word of each page.
#[task]
fn touch(array: Array<u64>) -> u64 {
    array.iter().step_by(512).sum()
}

#[task]
fn make(len: usize) -> Result<Array<u64>, Error> {
    Ok(ArrayMut::filled(len, 1)?.freeze())
}

#[derive(Clone, Copy)]
enum Kind {
    Argument,
    Made,
    Result,
}

fn call(pool: &mut Pool, kind: Kind, whole: &Array<u64>, len: usize) -> Result<(), Error> {
    match kind {
        Kind::Argument => drop(pool.run(touch(whole.slice(..len)))?),
        Kind::Made => drop(pool.run(touch(Array::from_slice(&whole[..len])?))?),
        Kind::Result => drop(pool.run(make(len))?),
    }
    Ok(())
}

fn main() -> Result<(), Error> {
    handoff::init();
    let calls = std::env::args().nth(1).and_then(|arg| arg.parse().ok());
    let calls: usize = calls.unwrap_or(200);
    let mut shared = Pool::builder().workers(1).start()?;
    let mut copied = Pool::builder().workers(1).arena_bytes(0).start()?;
    let longest = LENGTHS[LENGTHS.len() - 1] * KIB / 8;
    let whole = Array::from_vec(vec![1; longest])?;
    println!(
        "{:>8}  {:>20}  {:>20}  {:>20}",
        "KiB", "argument", "made", "result"
    );
    println!(
        "{:>8}{}",
        "",
        format!("  {:>9}  {:>9}", "shared", "bytes").repeat(3)
    );
    for kib in LENGTHS {
        let len = kib * KIB / 8;
        let mut line = format!("{kib:>8}");
        for kind in [Kind::Argument, Kind::Made, Kind::Result] {
            let mut times = [vec![], vec![]];
            for _ in 0..BATCHES {
                for (pool, times) in [&mut shared, &mut copied].into_iter().zip(&mut times) {
                    let began = Instant::now();
                    for _ in 0..calls {
                        call(pool, kind, &whole, len)?;
                    }
                    times.push(began.elapsed().as_secs_f64() * 1e6 / calls as f64);
                }
            }
            for times in &mut times {
                times.sort_by(f64::total_cmp);
                line.push_str(&format!("  {:>9.1}", times[BATCHES / 2]));
            }
        }
        println!("{line}");
    }
    Ok(())
}
