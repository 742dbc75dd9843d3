//! The command line of `coordinator sum`.

use super::values::{Carrier, Format, count, duration, start_method, transport};
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
    #[arg(long, short)]
    pub field: Option<String>,
    /// How to start workers
    #[arg(long, short = 'm', value_name = "METHOD", default_value = "fork", value_parser = start_method())]
    pub start_method: StartMethod,
    /// Start no workers: wait at this socket for those that are started by hand with
    /// `worker --connect PATH`; its directory has to be yours alone
    #[arg(long, value_name = "PATH", conflicts_with = "start_method")]
    pub listen: Option<PathBuf>,
    /// With --listen, how long to wait until all workers are connected, and for another one once all
    /// have left: 500ms, 30s, 2m, or a number of seconds
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration, requires = "listen")]
    pub wait: Duration,
    /// How a batch's bytes reach a worker
    #[arg(long, short, default_value = "mmap", value_parser = transport())]
    pub transport: Transport,
    /// How calls reach the workers that are started; external workers (--listen) always have sockets
    #[arg(long, default_value = "socket", conflicts_with = "listen")]
    pub carrier: Carrier,
    /// Number of workers [default: the processors that this process may use]; takes _ and the
    /// suffixes k, M and G, as every count does
    #[arg(long, short, value_name = "N", value_parser = count)]
    pub workers: Option<u64>,
    /// Number of batches [default: the number of workers]
    #[arg(long, short, value_name = "N", value_parser = count)]
    pub batches: Option<u64>,
    /// Repeat the job N times on the same workers and segment
    #[arg(long, short, value_name = "N", default_value = "1", value_parser = count)]
    pub repeat: u64,
    /// How long a batch may take before its worker is killed and the run fails: 500ms, 30s, 2m, or a
    /// number of seconds [default: no limit]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub timeout: Option<Duration>,
    /// Retries of a batch after its worker died
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
    /// Print only the result and errors: no timeline, no progress
    #[arg(long, short)]
    pub quiet: bool,
}
