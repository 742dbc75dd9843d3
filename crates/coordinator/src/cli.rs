//! What can be typed.

use crate::experiments::image::Experiment;
use clap::{Args, Parser, Subcommand, ValueEnum};
use report::{StartMethod, Transport, parse_count};
use std::path::PathBuf;
use std::time::Duration;

/// Starts worker processes, hands them data, and tells what both cost
#[derive(Debug, Parser)]
#[command(name = "coordinator", version = pool::VERSION)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Sum one field of a dataset with worker processes, NaN values left out
    Sum(SumArgs),
    /// Show what becomes of a value at module scope in two workers
    ModuleScope(ModuleScopeArgs),
    /// Show what becomes of the log lines of two workers
    Logger(LoggerArgs),
    /// Measure what people say of start methods, claim by claim
    Traits(TraitsArgs),
    /// A worker of an experiment
    #[command(hide = true)]
    WorkerImage(WorkerImageArgs),
    /// A probe's own process
    #[command(hide = true)]
    TraitProbe(TraitProbeArgs),
    /// A probe's child
    #[command(hide = true)]
    TraitChild(TraitChildArgs),
    /// A probe's forkserver
    #[command(hide = true)]
    TraitServer(TraitServerArgs),
}

/// `coordinator sum`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  coordinator sum data/records.npy --field val
  coordinator sum data/records.npy --field val --start-method spawn --transport bytes --workers 8
  coordinator sum plain.npy --format json

The timeline goes to stderr, the result to stdout. Exit codes: 0 done, 1 failed, 2 usage,
128+n ended by signal n.")]
pub struct SumArgs {
    /// The dataset: a one-dimensional NumPy .npy file
    #[arg(value_name = "DATA")]
    pub data: PathBuf,
    /// The field to sum [default: val]; none for a dataset without named fields
    #[arg(long)]
    pub field: Option<String>,
    /// How workers come to be: fork, spawn or forkserver
    #[arg(long, value_name = "METHOD", default_value = "fork")]
    pub start_method: StartMethod,
    /// How a batch's bytes reach a worker: bytes, serde, shm, mmap, or inherit (fork only)
    #[arg(long, default_value = "mmap")]
    pub transport: Transport,
    /// Number of workers [default: the processors that this process may use]
    #[arg(long, value_name = "N", value_parser = count)]
    pub workers: Option<u64>,
    /// Number of batches [default: the number of workers]
    #[arg(long, value_name = "N", value_parser = count)]
    pub batches: Option<u64>,
    /// Do the same job so many times on the same workers and segment
    #[arg(long, value_name = "N", default_value = "1", value_parser = count)]
    pub repeat: u64,
    /// Seconds that a batch may take before its worker is ended and the run fails
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub timeout: Option<Duration>,
    /// How often a batch is handed out again after a worker died of it
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub retries: u32,
    /// The worker program [default: the one beside this program]
    #[arg(long, value_name = "PATH", env = "HANDOFF_WORKER")]
    pub worker_bin: Option<PathBuf>,
    /// How to print the result
    #[arg(long, default_value = "text")]
    pub format: Format,
    /// Write the timeline as a trace for Perfetto or chrome://tracing
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// No timeline
    #[arg(long, short)]
    pub quiet: bool,
}

/// `coordinator module-scope`.
#[derive(Debug, Args)]
pub struct ModuleScopeArgs {
    /// How workers come to be: fork, spawn or forkserver
    #[arg(long, value_name = "METHOD")]
    pub start_method: StartMethod,
}

/// `coordinator logger`.
#[derive(Debug, Args)]
pub struct LoggerArgs {
    /// How workers come to be: fork, spawn or forkserver
    #[arg(long, value_name = "METHOD", required_unless_present = "all")]
    pub start_method: Option<StartMethod>,
    /// Let the function that logs live in a module with a logger of its own
    #[arg(long)]
    pub own_module: bool,
    /// Let every worker begin by adding a handler
    #[arg(long)]
    pub initializer: bool,
    /// Run them all and compare
    #[arg(long, conflicts_with_all = ["start_method", "own_module", "initializer"])]
    pub all: bool,
}

/// `coordinator traits`.
#[derive(Debug, Args)]
pub struct TraitsArgs {
    /// How to print the table
    #[arg(long, default_value = "text")]
    pub format: TraitsFormat,
    /// Measure this claim alone, such as copy-on-write; may be given more than once
    #[arg(long, value_name = "CLAIM")]
    pub only: Vec<String>,
    /// Tell the probes to do something else than they do by themselves
    #[arg(long, value_name = "NAME=N", value_parser = setting, hide = true)]
    pub set: Vec<(String, u64)>,
}

/// How to print a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TraitsFormat {
    /// For people.
    Text,
    /// For a Markdown file.
    Markdown,
    /// One JSON object.
    Json,
}

/// `coordinator trait-probe`, which `traits` runs itself.
#[derive(Debug, Args)]
pub struct TraitProbeArgs {
    /// The claim.
    pub claim: String,
    /// How its children are started.
    pub start_method: StartMethod,
    /// What the probe is told.
    #[arg(long, value_parser = setting)]
    pub set: Vec<(String, u64)>,
}

/// `coordinator trait-child`, which a probe runs itself.
#[derive(Debug, Args)]
pub struct TraitChildArgs {
    /// The claim.
    pub claim: String,
    /// What it is asked, as JSON.
    pub ask: String,
}

/// `coordinator trait-server`, which a probe runs itself.
#[derive(Debug, Args)]
pub struct TraitServerArgs {
    /// The claim.
    pub claim: String,
}

/// `coordinator worker-image`, which the coordinator runs itself.
#[derive(Debug, Args)]
pub struct WorkerImageArgs {
    /// Whose worker.
    pub experiment: Experiment,
    /// When the coordinator began, on CLOCK_MONOTONIC in nanoseconds.
    #[arg(long)]
    pub began_ns: u64,
    /// The inherited socket of a worker.
    #[arg(long)]
    pub fd: Option<i32>,
    /// The inherited socket of a forkserver.
    #[arg(long)]
    pub forkserver: Option<i32>,
    /// The coordinator's process.
    #[arg(long)]
    pub parent: u32,
}

/// How to print a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

fn count(text: &str) -> Result<u64, String> {
    match parse_count(text) {
        Ok(0) => Err("at least 1 is needed".to_owned()),
        Ok(count) => Ok(count),
        Err(error) => Err(error.to_string()),
    }
}

fn setting(text: &str) -> Result<(String, u64), String> {
    let (name, value) = text.split_once('=').ok_or("NAME=N is needed")?;
    let value = value
        .parse()
        .map_err(|_| format!("`{value}` is no number"))?;
    Ok((name.to_owned(), value))
}

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .and_then(|seconds: f64| Duration::try_from_secs_f64(seconds).ok())
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "a positive number of seconds is needed, such as 2.5".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn counts_and_seconds() {
        assert_eq!(count("1_000k"), Ok(1_000_000));
        assert!(count("0").unwrap_err().contains("at least 1"));
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for bad in ["0", "-1", "nan", "inf", "soon"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
