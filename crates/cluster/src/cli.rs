//! What can be typed.

use clap::{Args, Parser, Subcommand};
use coordinator::cli::{Format, count, duration};
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
    /// Sum a column of one or many .npy files, ignoring NaN
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
    #[arg(long, short)]
    pub(crate) field: Option<String>,
    /// Workers of each rank [default: the rank's share of the processors that it may use]
    #[arg(long, short, value_name = "N", value_parser = count)]
    pub(crate) workers: Option<u64>,
    /// How to start workers: spawn or forkserver
    #[arg(long, short = 'm', value_name = "METHOD", default_value = "spawn")]
    pub(crate) start_method: StartMethod,
    /// How a batch's bytes reach a worker: mmap, shm or bytes
    #[arg(long, short, default_value = "mmap")]
    pub(crate) transport: Transport,
    /// Number of records after which a rank reports its progress and writes its checkpoint
    #[arg(long, value_name = "N", default_value = "250M", value_parser = count)]
    pub(crate) step: u64,
    /// Batches of a step [default: the number of workers]
    #[arg(long, short, value_name = "N", value_parser = count)]
    pub(crate) batches: Option<u64>,
    /// Checkpoint directory, which all ranks share; resumes from it
    #[arg(long, value_name = "DIR")]
    pub(crate) checkpoint: Option<PathBuf>,
    /// How long a batch may take before its worker is killed and the run fails: 500ms, 30s, 2m, or a
    /// number of seconds [default: no limit]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,
    /// Retries of a batch after its worker died
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
    /// Print only the result and errors: no timeline
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
