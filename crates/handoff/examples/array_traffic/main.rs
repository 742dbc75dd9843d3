//! Arrays at random: made here and in workers, sliced, handed over, split and joined, kept, dropped and lost with
//! their workers. Every byte is checked, and in the end everything is given back.
//!
//! `cargo run --release -p handoff --example array_traffic -- [--minutes M] [--rounds N] [--seed S]
//! [--max-bytes B] [--live-bytes B]`. A round has a pool of its own, whose start method, number of workers and
//! size of arenas follow from the seed. It ends with a census: bytes that are held, descriptors, mappings and
//! memory, here and in each worker, are what they were before. Exit code 1 for a wrong byte, a failure
//! that nothing injected, or something left.

mod census;
mod flights;
mod pattern;
mod random;
mod round;
mod tally;
mod tasks;

use round::Round;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tally::Tally;

/// What is asked for on the command line.
pub(crate) struct Options {
    seed: u64,
    rounds: u64,
    time: Option<Duration>,
    /// The longest array.
    max_bytes: u64,
    /// The most bytes of arrays that live here at a time.
    live_bytes: u64,
    /// Actions in a round.
    steps: u64,
}

fn options() -> Result<Options, String> {
    let mut options = Options {
        seed: 1,
        rounds: u64::MAX,
        time: None,
        max_bytes: 512 << 20,
        live_bytes: 1 << 30,
        steps: 300,
    };
    let mut args = std::env::args().skip(1);
    while let Some(name) = args.next() {
        let number = args.next().and_then(|text| text.parse::<u64>().ok());
        let number = number.ok_or_else(|| format!("{name} needs a whole number"))?;
        match name.as_str() {
            "--seed" => options.seed = number,
            "--rounds" => options.rounds = number,
            "--minutes" => options.time = Some(Duration::from_secs(60 * number)),
            "--max-bytes" => options.max_bytes = number.max(1),
            "--live-bytes" => options.live_bytes = number.max(1),
            "--steps" => options.steps = number,
            _ => return Err(format!("{name} is unknown")),
        }
    }
    if options.time.is_none() && options.rounds == u64::MAX {
        options.rounds = 20;
    }
    options.live_bytes = options.live_bytes.max(options.max_bytes);
    Ok(options)
}

fn main() -> ExitCode {
    handoff::init();
    let options = match options() {
        Ok(options) => options,
        Err(why) => {
            eprintln!("array_traffic: {why}");
            return ExitCode::from(2);
        }
    };
    let began = Instant::now();
    let mut tally = Tally::default();
    let ran = run(&options, began, &mut tally);
    tally.print(options.seed, began.elapsed());
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("array_traffic: round {}: {why}", tally.rounds);
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options, began: Instant, tally: &mut Tally) -> Result<(), String> {
    let mut before = None;
    while tally.rounds < options.rounds && options.time.is_none_or(|time| began.elapsed() < time) {
        tally.rounds += 1;
        Round::start(options, tally.rounds)?.play(tally)?;
        let here = census::Here::now();
        match &before {
            // The first pool of a process leaves what all others use.
            None => before = Some(here),
            Some(before) => here.compare(before, tally)?,
        }
        if tally.rounds.is_multiple_of(20) {
            tally.print(options.seed, began.elapsed());
        }
    }
    Ok(())
}
