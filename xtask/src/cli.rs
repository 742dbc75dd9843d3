//! The command line.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use harness::interrupt::Interrupt;

use crate::alias::{self, Rest};
use crate::{ci, conformance, dist, test};

#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    version,
    max_term_width = 100,
    about = "Handoff's own development commands",
    after_help = "\
Examples:
  cargo xtask ci                         # what every change has to pass
  cargo xtask ci --mpi                   # and crates/cluster, where there is an MPI library

Exit codes: 0 done, 1 failed, 2 usage, 128+n stopped by signal n."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure every start method × transport × number of workers, every sum verified
    Matrix(Rest),
    /// Measure what this machine can do at best
    Limits(Rest),
    /// Measure Python's executors, joblib, numpy and rayon next to ours, on the same file
    Peers(Rest),
    /// Regenerate the pages of results: report.html of a matrix, traits.html of start methods
    Page(Rest),
    /// Show two matrices side by side, and what changed beyond the noise
    Compare(Rest),
    /// Inject faults and verify every result
    Chaos(Rest),
    /// Kill the coordinator at random instants, and check that nothing of it is left
    Kills(Rest),
    /// Simulate the engine, and check its rules after every step
    Simulate(Rest),
    /// Run all tests
    #[command(after_help = "\
Examples:
  cargo xtask test
  cargo xtask test --release --package pool -- deaths")]
    Test(test::TestArgs),
    /// Build the programs, with their manual pages and completions, into one directory
    #[command(after_help = "\
Examples:
  cargo xtask dist                       # into target/dist
  cargo xtask dist --out ~/.local        # then ~/.local/bin/coordinator sum ...")]
    Dist(dist::DistArgs),
    /// Run CPython's, joblib's and scikit-learn's tests on the Python executor: by hand, takes long
    Conformance(conformance::ConformanceArgs),
    /// Run everything that has to hold before a change goes in
    Ci(ci::CiArgs),
}

/// Reads the command line and runs its command.
///
/// # Errors
///
/// Those of the command.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    let command = Cli::parse().command;
    let interrupt = Interrupt::install()?;
    match command {
        Command::Matrix(rest) => alias::run("lab", "matrix", &rest, &interrupt),
        Command::Limits(rest) => alias::run("lab", "limits", &rest, &interrupt),
        Command::Peers(rest) => alias::run("lab", "peers", &rest, &interrupt),
        Command::Page(rest) => alias::run("lab", "page", &rest, &interrupt),
        Command::Compare(rest) => alias::run("lab", "compare", &rest, &interrupt),
        Command::Chaos(rest) => alias::run("chaos", "chaos", &rest, &interrupt),
        Command::Kills(rest) => alias::run("chaos", "kills", &rest, &interrupt),
        Command::Simulate(rest) => alias::run("simulate", "simulate", &rest, &interrupt),
        Command::Dist(args) => dist::main(&args, &interrupt),
        Command::Test(args) => test::main(&args, &interrupt),
        Command::Conformance(args) => conformance::main(&args),
        Command::Ci(args) => ci::main(&args, &interrupt),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
