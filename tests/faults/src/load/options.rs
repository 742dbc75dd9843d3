//! The command line of `mixed-load`, and what all its parts use.

use clap::{Parser, ValueEnum};
use std::io::{self, Write};

/// Uses the pool in every way there is, and checks each answer
#[derive(Debug, Parser)]
#[command(name = "mixed-load")]
pub(super) struct Cli {
    /// How to start workers
    #[arg(long, value_enum, default_value = "fork")]
    pub(super) start_method: Method,
    /// Number of workers
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) workers: u16,
    /// Number of tasks of each shape
    #[arg(long, default_value_t = 1000)]
    pub(super) tasks: u64,
    /// Seed of the inputs
    #[arg(long, default_value_t = 0)]
    pub(super) seed: u64,
    /// Seconds that a task may take
    #[arg(long, default_value_t = 2.0)]
    pub(super) timeout: f64,
    /// How often a task is run again whose worker died
    #[arg(long, default_value_t = 2)]
    pub(super) retries: u32,
    /// Let the pool have a thread of its own, and use it from several
    #[arg(long)]
    pub(super) background: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Method {
    Fork,
    Spawn,
    Forkserver,
}

/// A line on stderr, where a reader that has gone away is no reason to stop.
pub(super) fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Why there is no tally: a [`Wrong`](super::tally::Wrong) answer, or what the pool says.
pub(super) type Trouble = Box<dyn std::error::Error + Send + Sync>;
