//! `cargo xtask simulate`: runs seeds on all processors until one breaks a rule.

use clap::{Parser, Subcommand};
use std::ops::Range;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Steps of one seed of the holds.
const STEPS: u32 = 200;

#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "The simulations of the engine and of the holds on arrays"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Simulate the engine and the holds on arrays, and check their rules after every step
    #[command(after_help = "\
Examples:
  cargo xtask simulate --seeds 100000
  cargo xtask simulate --seed 17         # this one alone, with its trace if it fails")]
    Simulate(Args),
}

#[derive(Debug, clap::Args)]
struct Args {
    /// How many seeds, from 0 on
    #[arg(
        long,
        value_name = "N",
        default_value_t = 10_000,
        conflicts_with = "seed"
    )]
    seeds: u64,
    /// Run this seed alone
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    let Command::Simulate(args) = Cli::parse().command;
    let seeds = match args.seed {
        Some(seed) => seed..seed + 1,
        None => 0..args.seeds,
    };
    let engine = |seed| match simulate::run_traced(seed, simulate::Options::default()) {
        Ok(stats) => Ok(stats.events),
        Err(failure) => Err(failure.to_string()),
    };
    // A seed of it takes about ten times as long.
    let holds = match args.seed {
        Some(_) => seeds.clone(),
        None => 0..args.seeds.div_ceil(10),
    };
    let arrays = |seed| match holds::sim::run(seed, STEPS) {
        Ok(counts) => Ok(counts.results),
        Err(failure) => Err(failure.to_string()),
    };
    let all = each("engine", "events", seeds, &engine)
        .and_then(|()| each("holds on arrays", "results", holds, &arrays));
    match all {
        Ok(()) => ExitCode::SUCCESS,
        Err((seed, failure)) => {
            println!("{failure}");
            println!("again: cargo xtask simulate --seed {seed}");
            ExitCode::FAILURE
        }
    }
}

/// Runs every seed, on all processors, until one fails.
fn each(
    what: &str,
    unit: &str,
    seeds: Range<u64>,
    run: &(impl Fn(u64) -> Result<u64, String> + Sync),
) -> Result<(), (u64, String)> {
    let start = Instant::now();
    let (next, sum) = (AtomicU64::new(seeds.start), AtomicU64::new(0));
    let failed = Mutex::new(None);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    match run(seed) {
                        Ok(count) => {
                            sum.fetch_add(count, Ordering::Relaxed);
                        }
                        Err(failure) => {
                            next.store(seeds.end, Ordering::Relaxed);
                            if let Ok(mut failed) = failed.lock() {
                                *failed = Some((seed, failure));
                            }
                        }
                    }
                }
            });
        }
    });
    if let Some(failure) = failed.into_inner().ok().flatten() {
        return Err(failure);
    }
    let (count, sum) = (seeds.end - seeds.start, sum.into_inner());
    let took = start.elapsed().as_secs_f64();
    println!("{what}: {count} seeds, {sum} {unit}, {took:.1} s: all rules hold");
    Ok(())
}
