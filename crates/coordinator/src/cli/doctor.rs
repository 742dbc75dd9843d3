//! `coordinator doctor`, as it is typed.

use super::values::Format;
use clap::Args;
use std::path::PathBuf;

/// `coordinator doctor`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  coordinator doctor
  coordinator doctor data/records.npy --try
  coordinator doctor --format json | jq '.findings[] | select(.grade != \"good\")'

It changes no setting: it says what each finding costs, and the command that mends it. The exit code
is 0 whatever it finds, 1 where it cannot look, 2 usage.")]
pub struct DoctorArgs {
    /// A dataset to look at too: does it fit, and is it in the page cache?
    #[arg(value_name = "DATA")]
    pub data: Option<PathBuf>,
    /// Measure what huge pages bring here, on 256 MiB of memory: about a second
    #[arg(long = "try")]
    pub try_it: bool,
    /// The worker program [default: the one beside this program]
    #[arg(long, value_name = "PATH", env = "HANDOFF_WORKER")]
    pub worker_bin: Option<PathBuf>,
    /// How to print the findings
    #[arg(long, default_value = "text")]
    pub format: Format,
}
