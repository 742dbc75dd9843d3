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
    /// Take reference measurements: plain programs that move the same bytes
    #[command(visible_alias = "reference")]
    Limits(Rest),
    /// Measure Python's executors, joblib, numpy and rayon next to ours, on the same file
    Peers(Rest),
    /// Regenerate the pages of results: report.html of a matrix, traits.html of start methods
    Page(Rest),
    /// Compare two matrices and report significant changes
    Compare(Rest),
    /// Measure everything that README and docs quote, in one session
    Record(Rest),
    /// Put the figures of the committed record into README and docs, or check that they are there
    Figures(Rest),
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
    let interrupt = Interrupt::install()?;
    let lab = |command, rest| alias::run("lab", command, rest, &interrupt);
    match Cli::parse().command {
        Command::Matrix(rest) => lab("matrix", &rest),
        Command::Limits(rest) => lab("limits", &rest),
        Command::Peers(rest) => lab("peers", &rest),
        Command::Page(rest) => lab("page", &rest),
        Command::Compare(rest) => lab("compare", &rest),
        Command::Record(rest) => lab("record", &rest),
        Command::Figures(rest) => lab("figures", &rest),
        Command::Chaos(rest) => alias::run("chaos", "chaos", &rest, &interrupt),
        Command::Kills(rest) => alias::run("chaos", "kills", &rest, &interrupt),
        Command::Simulate(rest) => alias::run("simulate", "simulate", &rest, &interrupt),
        Command::Dist(args) => dist::main(&args, &interrupt),
        Command::Test(args) => test::main(&args, &interrupt),
        Command::Conformance(args) => conformance::main(&args),
        Command::Ci(args) => ci::main(&args, &interrupt),
    }
}
