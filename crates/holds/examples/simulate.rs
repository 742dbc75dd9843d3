//! Runs the simulation: `simulate [SEEDS [FIRST_SEED [STEPS]]]`. Prints what happened, or the first failure.

use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let mut numbers = std::env::args().skip(1).map(|arg| arg.parse::<u64>());
    let mut next = |default: u64| numbers.next().unwrap_or(Ok(default));
    let (Ok(seeds), Ok(first), Ok(steps)) = (next(1000), next(0), next(200)) else {
        eprintln!("usage: simulate [SEEDS [FIRST_SEED [STEPS]]]");
        return ExitCode::from(2);
    };
    let began = Instant::now();
    let mut sum = holds::sim::Counts::default();
    for seed in first..first.saturating_add(seeds) {
        match holds::sim::run(seed, steps as u32) {
            Ok(counts) => {
                sum.workers += counts.workers;
                sum.deaths += counts.deaths;
                sum.results += counts.results;
                sum.arrays += counts.arrays;
                sum.lies += counts.lies;
                sum.believed += counts.believed;
            }
            Err(failure) => {
                eprintln!("{failure}");
                return ExitCode::FAILURE;
            }
        }
    }
    println!(
        "{seeds} seeds of {steps} steps in {:.1} s: {sum:?}",
        began.elapsed().as_secs_f64()
    );
    ExitCode::SUCCESS
}
