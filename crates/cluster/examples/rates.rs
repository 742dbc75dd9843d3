//! What calls over ranks cost: tiny tasks, tasks of 1 ms, one call there and back, bytes of arrays.
//!
//! `mpirun -n 2 target/release/examples/rates [WORKERS] [TASKS]`; without mpirun it measures a pool of this machine.

use handoff::{Array, task};
use handoff_cluster::Pool;
use std::time::{Duration, Instant};

/// Runs of each measurement; the median is printed.
const RUNS: usize = 5;

#[task]
fn add_one(n: u64) -> u64 {
    n + 1
}

/// Takes so long, without using a processor: ranks of one machine share those.
#[task]
fn sleep(micros: u64) -> u64 {
    std::thread::sleep(Duration::from_micros(micros));
    micros
}

#[task]
fn first(array: Array<u64>) -> u64 {
    array[0]
}

fn median(mut run: impl FnMut() -> Result<f64, handoff::Error>) -> Result<f64, handoff::Error> {
    let mut all = (0..RUNS).map(|_| run()).collect::<Result<Vec<_>, _>>()?;
    all.sort_by(f64::total_cmp);
    Ok(all[RUNS / 2])
}

fn main() -> Result<(), handoff::Error> {
    handoff_cluster::init();
    let mut args = std::env::args().skip(1);
    let mut number = |default: u64| {
        args.next()
            .map_or(default, |arg| arg.parse().expect("a number"))
    };
    let (workers, tasks) = (number(1) as usize, number(400_000));
    let mut pool = Pool::builder().workers(workers).start()?;
    let ranks = pool.ranks().len().max(1);
    println!("{ranks} ranks of {workers} workers");
    pool.run(add_one(0))?;
    let rate = median(|| {
        let began = Instant::now();
        let sum = pool.map((0..tasks).map(add_one)).sum::<Result<u64, _>>()?;
        assert_eq!(sum, tasks * (tasks + 1) / 2);
        Ok(tasks as f64 / began.elapsed().as_secs_f64())
    })?;
    println!("tiny tasks: {rate:.0} a second");
    for micros in [1_000u64, 20_000] {
        let count = (ranks * workers) as u64 * (1_000_000 / micros).min(1_000);
        let share = median(|| {
            let began = Instant::now();
            let slept = pool
                .map((0..count).map(|_| sleep(micros)))
                .sum::<Result<u64, _>>()?;
            // A sleep takes longer than asked for: what one takes alone is the measure.
            Ok(slept as f64 / 1e6 / (ranks * workers) as f64 / began.elapsed().as_secs_f64())
        })?;
        let alone = median(|| {
            let began = Instant::now();
            for _ in 0..100 {
                std::thread::sleep(Duration::from_micros(micros));
            }
            Ok(began.elapsed().as_secs_f64() / 100.0 / (micros as f64 / 1e6))
        })?;
        println!("tasks of {micros} µs: {:.3} of the ideal", share * alone);
    }
    let one = median(|| {
        let began = Instant::now();
        for n in 0..200 {
            pool.run(add_one(n))?;
        }
        Ok(began.elapsed().as_secs_f64() / 200.0 * 1e6)
    })?;
    println!("one call there and back: {one:.0} µs");
    let len = 16 << 20;
    let rate = median(|| {
        let array = Array::from_vec(vec![1u64; len])?;
        let began = Instant::now();
        let calls = (0..4 * ranks * workers).map(|_| first(array.clone()));
        assert!(
            pool.map(calls)
                .all(|first| first.is_ok_and(|first| first == 1))
        );
        Ok((len * 8 * (ranks - 1)) as f64 / began.elapsed().as_secs_f64() / 1e9)
    })?;
    println!(
        "an array of {} MB to each rank: {rate:.2} GB/s in all",
        len * 8 / 1_000_000
    );
    for rank in pool.ranks() {
        println!("{rank:?}");
    }
    Ok(())
}
