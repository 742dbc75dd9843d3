//! What can be typed.

use clap::{Args, Parser, Subcommand};
use coordinator::cli::{Format, count, seconds};
use report::{StartMethod, Transport};
use std::path::PathBuf;
use std::time::Duration;

/// Runs Handoff's job on many machines, started by mpirun or srun
#[derive(Debug, Parser)]
#[command(name = "cluster", version = pool::VERSION)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Sum one field of one or many datasets, NaN values left out
    Sum(SumArgs),
}

/// `cluster sum`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mpirun -n 4 --bind-to none cluster sum data/records.npy
  mpirun -n 4 --map-by ppr:1:node --bind-to none cluster sum '/shared/shards/*.npy' --format json
  mpirun -n 4 --bind-to none cluster sum --list shards.txt --checkpoint /shared/checkpoint

Every rank sees the datasets under the same paths. The timeline of all ranks goes to stderr, the
result to rank 0's stdout. Exit codes: 0 done, 1 failed, 2 usage, 128+n ended by signal n.")]
pub(crate) struct SumArgs {
    /// Datasets, or patterns such as 'shards/*.npy' that are expanded on rank 0
    #[arg(value_name = "DATA", required_unless_present = "list")]
    pub(crate) data: Vec<String>,
    /// A file that names one dataset a line
    #[arg(long, value_name = "FILE", conflicts_with = "data")]
    pub(crate) list: Option<PathBuf>,
    /// The field to sum [default: val]; none for datasets without named fields
    #[arg(long)]
    pub(crate) field: Option<String>,
    /// Workers of each rank [default: the rank's share of the processors that it may use]
    #[arg(long, value_name = "W", value_parser = count)]
    pub(crate) workers: Option<u64>,
    /// How to start workers: spawn or forkserver
    #[arg(long, value_name = "METHOD", default_value = "spawn")]
    pub(crate) start_method: StartMethod,
    /// How a batch's bytes reach a worker: mmap, shm or bytes
    #[arg(long, default_value = "mmap")]
    pub(crate) transport: Transport,
    /// Number of records after which a rank reports its progress and writes its checkpoint
    #[arg(long, value_name = "N", default_value = "250M", value_parser = count)]
    pub(crate) step: u64,
    /// Batches of a step [default: the number of workers]
    #[arg(long, value_name = "N", value_parser = count)]
    pub(crate) batches: Option<u64>,
    /// Keep what is done in this directory, which all ranks share, and do only what is missing there
    #[arg(long, value_name = "DIR")]
    pub(crate) checkpoint: Option<PathBuf>,
    /// Seconds that a batch may take before its worker is ended and the run fails
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
    /// How often a batch is retried after a worker died while running it
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(crate) retries: u32,
    /// The worker program [default: the one beside this program]
    #[arg(long, value_name = "PATH", env = "HANDOFF_WORKER")]
    pub(crate) worker_bin: Option<PathBuf>,
    /// How to print the result
    #[arg(long, default_value = "text")]
    pub(crate) format: Format,
    /// Write the timeline as a trace for Perfetto or chrome://tracing
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
    /// No timeline
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}
