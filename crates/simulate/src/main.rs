//! `cargo xtask simulate`: runs seeds on all processors until one breaks a rule.

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "The simulation of the engine"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Simulate the engine, and check its rules after every step
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
    let start = Instant::now();
    let (next, events) = (AtomicU64::new(seeds.start), AtomicU64::new(0));
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
                    match simulate::run_traced(seed, simulate::Options::default()) {
                        Ok(stats) => {
                            events.fetch_add(stats.events, Ordering::Relaxed);
                        }
                        Err(failure) => {
                            next.store(seeds.end, Ordering::Relaxed);
                            if let Ok(mut failed) = failed.lock() {
                                *failed = Some(failure);
                            }
                        }
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().ok().flatten();
    if let Some(failure) = failed {
        println!("{failure}");
        println!("again: cargo xtask simulate --seed {}", failure.seed);
        return ExitCode::FAILURE;
    }
    let count = seeds.end - seeds.start;
    println!(
        "{count} seeds, {} events, {:.1} s: all rules hold",
        events.into_inner(),
        start.elapsed().as_secs_f64()
    );
    ExitCode::SUCCESS
}
