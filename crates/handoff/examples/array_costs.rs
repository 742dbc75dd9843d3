//! What arrays cost a task beyond their contents: five arguments and three results, and none, in turns.
//!
//! `cargo run --release -p handoff --example array_costs [CALLS]`: microseconds a call, medians of batches.
//! Then a hundred thousand arrays that live at once.

use handoff::{Array, ArrayMut, Pool, task};
use std::time::Instant;

/// Elements: 32 KiB, the shortest that is shared.
const LEN: usize = 4096;
const BATCHES: usize = 21;
const ALIVE: usize = 100_000;

type Five = (Array<f64>, Array<f64>, Array<f64>, Array<f64>, Array<f64>);
type Three = (Array<f64>, Array<f64>, Array<f64>);

#[task]
fn without(n: u64) -> u64 {
    n
}

/// Writes as much as it returns, so that both tasks do the same work.
#[task]
fn writes(n: u64) -> u64 {
    for _ in 0..3 {
        std::hint::black_box(vec![n as f64; LEN]);
    }
    n
}

#[task]
fn with(five: Five, n: u64) -> Result<Three, handoff::Error> {
    let made = || ArrayMut::filled(LEN, n as f64 + five.0[0]);
    Ok((made()?.freeze(), made()?.freeze(), made()?.freeze()))
}

#[task]
fn length(array: Array<f64>) -> usize {
    array.len()
}

fn main() -> Result<(), handoff::Error> {
    handoff::init();
    let calls = std::env::args().nth(1).and_then(|arg| arg.parse().ok());
    let calls: usize = calls.unwrap_or(500);
    let mut pool = Pool::builder().workers(1).start()?;
    let array = |n: usize| Array::from_vec(vec![n as f64; LEN]);
    let five = (array(1)?, array(2)?, array(3)?, array(4)?, array(5)?);
    let mut times = [vec![], vec![], vec![]];
    for _ in 0..BATCHES {
        for (kind, times) in times.iter_mut().enumerate() {
            let began = Instant::now();
            for n in 0..calls as u64 {
                match kind {
                    0 => drop(pool.run(without(n))?),
                    1 => drop(pool.run(writes(n))?),
                    _ => drop(pool.run(with(five.clone(), n))?),
                }
            }
            times.push(began.elapsed().as_secs_f64() * 1e6 / calls as f64);
        }
    }
    let median = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let [none, written, arrays] = times.each_mut().map(median);
    println!("without arrays             {none:8.2} us");
    println!("without, and writing       {written:8.2} us");
    println!("five arrays, three results {arrays:8.2} us");

    let began = Instant::now();
    let alive = (0..ALIVE).map(array).collect::<Result<Vec<_>, _>>()?;
    let bytes = pool.counters().arrays;
    let calls = alive.iter().cloned().map(length);
    let lengths = pool.map(calls).sum::<Result<usize, _>>()?;
    assert_eq!(lengths, ALIVE * LEN);
    let mappings =
        std::fs::read_to_string("/proc/self/maps").map_or(0, |maps| maps.lines().count());
    let descriptors = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    println!(
        "{ALIVE} arrays of {bytes} bytes in all, {mappings} mappings, {descriptors} descriptors, {:.2} s",
        began.elapsed().as_secs_f64()
    );
    drop(alive);
    drop(five);
    assert_eq!(pool.counters().arrays, 0);
    Ok(())
}
