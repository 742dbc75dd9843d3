//! The command lines of the experiments, and of the hidden commands that they run themselves.

use super::values::{setting, start_method};
use crate::experiments::kind::Experiment;
use clap::{Args, ValueEnum};
use report::StartMethod;

/// `coordinator module-scope`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  coordinator module-scope --start-method fork    # workers have the parent's value
  coordinator module-scope --start-method spawn   # each makes its own")]
pub struct ModuleScopeArgs {
    /// How to start workers
    #[arg(long, short = 'm', value_name = "METHOD", value_parser = start_method())]
    pub start_method: StartMethod,
}

/// `coordinator logger`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  coordinator logger --start-method fork
  coordinator logger --start-method spawn --initializer
  coordinator logger --all")]
pub struct LoggerArgs {
    /// How to start workers
    #[arg(long, short = 'm', value_name = "METHOD", required_unless_present = "all",
          value_parser = start_method())]
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
#[command(after_help = "Examples:
  coordinator traits                                         # all claims: some 20 seconds
  coordinator traits --only copy-on-write --only start-latency
  coordinator traits --format markdown > traits.md

The table goes to stdout.")]
pub struct TraitsArgs {
    /// How to print the table
    #[arg(long, default_value = "text")]
    pub format: TraitsFormat,
    /// Measure this claim alone, such as copy-on-write; may be given more than once
    #[arg(long, value_name = "CLAIM")]
    pub only: Vec<String>,
    /// No progress
    #[arg(long, short)]
    pub quiet: bool,
    /// Change a setting of the probes
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
    /// Settings of the probe.
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
