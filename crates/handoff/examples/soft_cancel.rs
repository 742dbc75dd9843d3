//! How long it takes to cancel a running task that looks at `cancelled()`, until its worker has run the next one,
//! and what a spare saves the task after a death.
//!
//! `cargo run --release -p handoff --example soft_cancel -- [ROUNDS]`: milliseconds.

use handoff::{Error, ErrorKind, Pool, task};
use std::time::{Duration, Instant};

/// Computes until it is asked to end; says when it has begun.
#[task]
fn compute() -> Result<u64, Error> {
    handoff::note(b"begun")?;
    let mut steps = 0_u64;
    while !handoff::cancelled() {
        steps = std::hint::black_box(steps + 1);
    }
    Ok(steps)
}

#[task]
fn pid() -> u32 {
    std::process::id()
}

#[task]
fn slow_start(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

fn cancels(rounds: usize) -> Result<(), Error> {
    let mut pool = Pool::builder().workers(1).start()?;
    let worker = pool.run(pid())?;
    let mut times = Vec::new();
    let mut same = 0;
    for _ in 0..rounds {
        let mut handle = pool.submit(compute())?;
        pool.wait_note(&mut handle)?;
        let began = Instant::now();
        pool.cancel(&handle);
        same += usize::from(pool.run(pid())? == worker);
        times.push(began.elapsed().as_secs_f64() * 1e3);
        let cancelled = pool.wait(handle).map_err(|error| error.kind());
        assert_eq!(cancelled, Err(ErrorKind::Cancelled));
    }
    times.sort_by(f64::total_cmp);
    let within = times.iter().filter(|&&time| time <= 5.0).count();
    println!(
        "cancel, then the next task: median {:.3}, longest {:.3}; {within} of {rounds} within 5 ms, {same} on \
         the same worker",
        times[rounds / 2],
        times[rounds - 1]
    );
    Ok(())
}

/// Kills the worker, and runs a task.
fn after_a_death(spare: usize) -> Result<f64, Error> {
    let mut pool = Pool::builder()
        .workers(1)
        .spare(spare)
        .initializer(slow_start(2000))
        .start()?;
    // The spare gets ready too.
    while pool.counters().workers < 1 + spare as u64 {
        pool.drive(Some(Duration::from_millis(10)))?;
    }
    pool.drive(Some(Duration::from_millis(2500)))?;
    let died = pool.run(handoff::testing::crash().retries(0));
    assert_eq!(died.map_err(|error| error.kind()), Err(ErrorKind::Died));
    let began = Instant::now();
    pool.run(pid())?;
    Ok(began.elapsed().as_secs_f64() * 1e3)
}

fn main() -> Result<(), Error> {
    handoff::init();
    let rounds = std::env::args().nth(1).and_then(|arg| arg.parse().ok());
    cancels(rounds.unwrap_or(200))?;
    let (none, one) = (after_a_death(0)?, after_a_death(1)?);
    println!(
        "the task after a death, initializer of 2 s: {none:.1} without a spare, {one:.3} with one"
    );
    Ok(())
}
