//! The command line of `coordinator doctor`.

use super::values::Format;
use clap::Args;
use std::path::PathBuf;

/// `coordinator doctor`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  coordinator doctor
  coordinator doctor --strict --format json > doctor.json || exit 1
  coordinator doctor data/records.npy --try
  coordinator doctor --format json | jq '.findings[] | select(.grade != \"good\")'

Problems are printed first, each with its cost and a command that fixes it. No setting is changed.
Exit codes: 0 examined, 1 failed, or --strict and something will fail, 2 usage.")]
pub struct DoctorArgs {
    /// A dataset to look at too: does it fit, and is it in the page cache?
    #[arg(value_name = "DATA")]
    pub data: Option<PathBuf>,
    /// Measure what huge pages bring here, on 256 MiB of memory: about a second
    #[arg(long = "try")]
    pub try_it: bool,
    /// Exit with code 1 if something will fail (grade `bad`)
    #[arg(long)]
    pub strict: bool,
    /// List the checks that passed too
    #[arg(long, short)]
    pub all: bool,
    /// The worker program [default: the one beside this program]
    #[arg(long, value_name = "PATH", env = "HANDOFF_WORKER")]
    pub worker_bin: Option<PathBuf>,
    /// How to print the findings
    #[arg(long, default_value = "text")]
    pub format: Format,
}
