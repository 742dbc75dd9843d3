//! `coordinator sum`, as it is typed.

use super::values::{Carrier, Format, count, seconds, start_method, transport};
use clap::Args;
use report::{StartMethod, Transport};
use std::path::PathBuf;
use std::time::Duration;

/// `coordinator sum`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  coordinator sum data/records.npy
  coordinator sum data/records.npy --field val --start-method spawn --transport bytes --workers 8
  coordinator sum data/records.npy --workers 4 --batches 64 --repeat 5
  coordinator sum plain.npy --format json | jq .result
  coordinator sum plain.npy --workers 2 --listen /run/user/1000/handoff/sum

The timeline goes to stderr, the result to stdout. Exit codes: 0 done, 1 failed, 2 usage,
128+n ended by signal n.")]
pub struct SumArgs {
    /// The dataset: a one-dimensional NumPy .npy file
    #[arg(value_name = "DATA")]
    pub data: PathBuf,
    /// The field to sum [default: val]; none for a dataset without named fields
    #[arg(long)]
    pub field: Option<String>,
    /// How workers come to be
    #[arg(long, value_name = "METHOD", default_value = "fork", value_parser = start_method())]
    pub start_method: StartMethod,
    /// Start no workers: wait at this socket for those that are started by hand with
    /// `worker --connect PATH`; its directory has to be yours alone
    #[arg(long, value_name = "PATH", conflicts_with = "start_method")]
    pub listen: Option<PathBuf>,
    /// With --listen, seconds to wait until all workers are there, and for another one once all have
    /// left
    #[arg(long, value_name = "S", default_value = "60", value_parser = seconds, requires = "listen")]
    pub wait: Duration,
    /// How a batch's bytes reach a worker
    #[arg(long, default_value = "mmap", value_parser = transport())]
    pub transport: Transport,
    /// How calls reach the workers that are started; those that come to --listen have sockets
    #[arg(long, default_value = "socket", conflicts_with = "listen")]
    pub carrier: Carrier,
    /// Number of workers [default: the processors that this process may use]; takes _ and the
    /// suffixes k, M and G, as every count does
    #[arg(long, value_name = "N", value_parser = count)]
    pub workers: Option<u64>,
    /// Number of batches [default: the number of workers]
    #[arg(long, value_name = "N", value_parser = count)]
    pub batches: Option<u64>,
    /// Do the same job so many times on the same workers and segment
    #[arg(long, value_name = "N", default_value = "1", value_parser = count)]
    pub repeat: u64,
    /// Seconds that a batch may take before its worker is ended and the run fails [default: no limit]
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub timeout: Option<Duration>,
    /// How often a batch is handed out again after a worker died of it
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub retries: u32,
    /// Confine the workers to their sockets and inputs, by landlock and seccomp
    #[arg(long)]
    pub sandbox: bool,
    /// The worker program [default: the one beside this program]
    #[arg(long, value_name = "PATH", env = "HANDOFF_WORKER")]
    pub worker_bin: Option<PathBuf>,
    /// How to print the result
    #[arg(long, default_value = "text")]
    pub format: Format,
    /// Write the timeline as a trace for Perfetto or chrome://tracing
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Neither timeline nor progress; the result and errors alone
    #[arg(long, short)]
    pub quiet: bool,
}
