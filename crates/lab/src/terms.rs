//! The part of a command line that says how often, in which order and how precisely to measure.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use harness::exit;
use harness::format::Format;
use report::{Adaptive, StartMethod};

use crate::stats::{Precision, Repeat};
use crate::values;

/// How far either end of the interval of a median may be from it, as a part of the median.
const WITHIN: f64 = 0.05;

/// What all measurements of several rows have in common.
#[derive(Debug, Clone, Args)]
pub(crate) struct Terms {
    /// Start methods to run [default: fork,spawn,forkserver]
    #[arg(long, short = 'm', alias = "start-method", value_name = "METHOD", value_delimiter = ',',
          hide_possible_values = true, value_parser = values::start_method())]
    pub(crate) start_methods: Vec<StartMethod>,
    /// Numbers of workers to run [default: 1,4,8 and the number of processors; with --job, 1 and the
    /// number of processors]
    #[arg(long, short, value_name = "N", value_delimiter = ',',
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) workers: Vec<u32>,
    /// Run each row exactly this number of times after its warm-up, whatever the precision
    #[arg(long, short, value_name = "R", conflicts_with_all = ["budget", "min_runs", "max_runs"],
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) runs: Option<u32>,
    /// How long the runs of one row may take before it ends with the precision that it has: 30s, 2m,
    /// or a number of seconds
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = report::parse_duration)]
    pub(crate) budget: Duration,
    /// Runs that each row gets in any case
    #[arg(long, value_name = "R", default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) min_runs: u32,
    /// Runs that no row exceeds
    #[arg(long, value_name = "R", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_runs: u32,
    /// Seed of the order of the runs
    #[arg(long, default_value_t = 42)]
    pub(crate) seed: u64,
    /// Where to save [default: target/handoff/<date>-<machine>]
    #[arg(long, short, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// How long one run may take: 500ms, 30s, 2m, or a number of seconds
    #[arg(long, value_name = "TIME", default_value = "300s", value_parser = report::parse_duration)]
    pub(crate) timeout: Duration,
    /// Print the rows, and run none
    #[arg(long)]
    pub(crate) list: bool,
    /// How to print the tables: text or json
    #[arg(long, default_value = "text", hide_possible_values = true)]
    pub(crate) format: Format,
}

impl Terms {
    /// What contradicts itself, as the exit code that says so.
    pub(crate) fn refused(&self) -> Option<u8> {
        if self.min_runs <= self.max_runs {
            return None;
        }
        eprintln!(
            "error: --min-runs {} exceeds --max-runs {}",
            self.min_runs, self.max_runs
        );
        Some(exit::USAGE)
    }

    /// How often a row is run.
    pub(crate) fn repeat(&self) -> Repeat {
        match self.runs {
            Some(runs) => Repeat::Fixed(runs),
            None => Repeat::Adaptive(Precision {
                within: WITHIN,
                min: self.min_runs,
                max: self.max_runs,
                budget: self.budget,
            }),
        }
    }

    /// The same as a report has it.
    pub(crate) fn adaptive(&self) -> Option<Adaptive> {
        match self.repeat() {
            Repeat::Fixed(_) => None,
            Repeat::Adaptive(terms) => Some(Adaptive {
                within: terms.within,
                min: terms.min,
                max: terms.max,
                budget_seconds: terms.budget.as_secs_f64(),
            }),
        }
    }
}

/// The processors that this process may use.
///
/// # Errors
///
/// Where the system does not say.
pub(crate) fn cores() -> anyhow::Result<u32> {
    let cores = std::thread::available_parallelism();
    let cores = cores.context("cannot determine the number of processors")?;
    Ok(u32::try_from(cores.get())?)
}
