//! What tiny tasks cost: rates of `map` and of single handles, of one and of two types of task, with the
//! processor time that each task takes, and how fast many tasks are cancelled.
//!
//! `cargo run --release -p handoff --example rates [TASKS] [WORKERS] [PART]`

use handoff::{ErrorKind, Pool, task};
use std::time::{Duration, Instant};

/// Runs of each measurement; the median is printed.
const RUNS: usize = 5;

#[task]
fn add_one(n: u64) -> u64 {
    n + 1
}

#[task]
fn twice(n: u64) -> u64 {
    2 * n
}

#[task]
fn compute(micros: u64) -> u64 {
    let began = Instant::now();
    while began.elapsed() < Duration::from_micros(micros) {
        std::hint::spin_loop();
    }
    micros
}

#[task]
fn sleep(millis: u64) -> u64 {
    std::thread::sleep(Duration::from_millis(millis));
    millis
}

#[task]
fn pid() -> u32 {
    std::process::id()
}

fn main() -> Result<(), handoff::Error> {
    handoff::init();
    let mut args = std::env::args().skip(1);
    let mut number = |default: u64| {
        args.next()
            .map_or(default, |arg| arg.parse().expect("a number"))
    };
    let (tasks, workers) = (number(1_000_000), number(2) as usize);
    let part = args.next();
    let wanted = |name: &str| part.as_deref().is_none_or(|part| name.contains(part));
    let mut pool = Pool::builder().workers(workers).start()?;
    // So that every type has a measured time.
    pool.run(add_one(0))?;
    pool.run(twice(0))?;
    println!(
        "{workers} workers; millions of tasks a second, median of {RUNS}; processor time of a task, ns"
    );
    if wanted("map") {
        rate("map", &mut pool, tasks, map)?;
    }
    if wanted("alternating") {
        rate("map, alternating types", &mut pool, tasks, alternating)?;
    }
    if wanted("handles") {
        rate("single handles", &mut pool, tasks, handles)?;
    }
    if wanted("compute") {
        let began = Instant::now();
        let count = 100_000;
        let sum: u64 = pool
            .map((0..count).map(|_| compute(10)))
            .sum::<Result<u64, _>>()?;
        let took = began.elapsed().as_secs_f64();
        let processors = std::thread::available_parallelism()
            .map_or(1, usize::from)
            .min(workers);
        let ideal = sum as f64 / 1e6 / processors as f64;
        println!("tasks of 10 µs: {:.2} of the ideal", ideal / took);
    }
    if wanted("beside") {
        let long = pool.submit(sleep(3000))?;
        let began = Instant::now();
        pool.map((0..1000).map(add_one)).sum::<Result<u64, _>>()?;
        println!(
            "1000 tiny tasks beside one of 3 s: {:.1} ms",
            began.elapsed().as_secs_f64() * 1e3
        );
        pool.wait(long)?;
    }
    if wanted("cancel") {
        cancel(&mut pool, tasks)?;
    }
    if wanted("latency") {
        latency("asleep between tasks", &mut pool)?;
        let spin = Duration::from_micros(200);
        let mut pool = Pool::builder().workers(1).spin(spin).start()?;
        latency("both sides spin", &mut pool)?;
    }
    Ok(())
}

fn latency(name: &str, pool: &mut Pool) -> Result<(), handoff::Error> {
    let mut times: Vec<f64> = Vec::new();
    for n in 0..20_000 {
        let began = Instant::now();
        assert_eq!(pool.run(add_one(n))?, n + 1);
        times.push(began.elapsed().as_secs_f64() * 1e6);
    }
    println!(
        "one task there and back, {name}: {:.1} µs",
        median(&mut times)
    );
    Ok(())
}

fn rate(
    name: &str,
    pool: &mut Pool,
    tasks: u64,
    run: fn(&mut Pool, u64) -> Result<(), handoff::Error>,
) -> Result<(), handoff::Error> {
    run(pool, tasks / 10)?;
    let mut rates = Vec::new();
    let before = (processor_ns(std::process::id()), workers_ns());
    for _ in 0..RUNS {
        let began = Instant::now();
        run(pool, tasks)?;
        rates.push(tasks as f64 / began.elapsed().as_secs_f64() / 1e6);
    }
    let after = (processor_ns(std::process::id()), workers_ns());
    let each = |ns: u64| ns as f64 / (RUNS as u64 * tasks) as f64;
    println!(
        "{name}: {:.2}; coordinator {:.0}, workers {:.0}",
        median(&mut rates),
        each(after.0 - before.0),
        each(after.1.saturating_sub(before.1)),
    );
    Ok(())
}

fn map(pool: &mut Pool, tasks: u64) -> Result<(), handoff::Error> {
    let sum = pool.map((0..tasks).map(add_one)).sum::<Result<u64, _>>()?;
    assert_eq!(sum, (1..=tasks).sum::<u64>());
    Ok(())
}

fn alternating(pool: &mut Pool, tasks: u64) -> Result<(), handoff::Error> {
    let calls = (0..tasks).map(|n| if n % 2 == 0 { add_one(n) } else { twice(n) });
    for (n, result) in (0..).zip(pool.map(calls)) {
        let expected = if n % 2 == 0 { n + 1 } else { 2 * n };
        assert_eq!(result?, expected);
    }
    Ok(())
}

fn handles(pool: &mut Pool, tasks: u64) -> Result<(), handoff::Error> {
    let submitted = (0..tasks).map(|n| pool.submit(add_one(n)));
    let handles = submitted.collect::<Result<Vec<_>, _>>()?;
    let mut sum = 0;
    for handle in handles {
        sum += pool.wait(handle)?;
    }
    assert_eq!(sum, (1..=tasks).sum::<u64>());
    Ok(())
}

fn cancel(pool: &mut Pool, tasks: u64) -> Result<(), handoff::Error> {
    for newest_first in [false, true] {
        let busy: Vec<_> = (0..pool.workers())
            .map(|_| pool.submit(sleep(500)))
            .collect();
        let mut handles = (0..tasks)
            .map(|n| pool.submit(add_one(n)))
            .collect::<Result<Vec<_>, _>>()?;
        if newest_first {
            handles.reverse();
        }
        let began = Instant::now();
        for handle in &handles {
            pool.cancel(handle);
        }
        let order = if newest_first { "newest" } else { "oldest" };
        println!(
            "{tasks} queued tasks cancelled, {order} first: {:.3} s",
            began.elapsed().as_secs_f64()
        );
        for handle in handles {
            // Some had begun before they were cancelled.
            if let Err(error) = pool.wait(handle) {
                assert_eq!(error.kind(), ErrorKind::Cancelled);
            }
        }
        for handle in busy {
            pool.wait(handle?)?;
        }
    }
    Ok(())
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The processor time of this process's children.
fn workers_ns() -> u64 {
    let parent = std::process::id();
    let path = format!("/proc/{parent}/task/{parent}/children");
    let children = std::fs::read_to_string(path).unwrap_or_default();
    children
        .split(' ')
        .filter_map(|pid| pid.parse().ok())
        .map(processor_ns)
        .sum()
}

fn processor_ns(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|ns| ns.parse().ok())
        .unwrap_or(0)
}
