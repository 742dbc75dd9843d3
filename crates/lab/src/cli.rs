//! The laboratory's command line.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use harness::interrupt::Interrupt;

use crate::{compare, limits, matrix, page, peers};

#[derive(Debug, Parser)]
#[command(
    name = "lab",
    bin_name = "cargo xtask",
    version,
    max_term_width = 100,
    about = "Measures what starting processes and handing them data costs on this machine",
    after_help = "\
Examples:
  cargo xtask matrix --records 200M      # every combination, measured and verified
  cargo xtask compare target/handoff/before target/handoff/after

Exit codes: 0 done, 1 failed, 2 usage, 128+n stopped by signal n."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure every start method × transport × number of workers, every sum verified
    #[command(after_help = "\
Examples:
  cargo xtask matrix                                   # 10 million records: about ten minutes
  cargo xtask matrix --records 200M --workers 1,4,8
  cargo xtask matrix --start-methods fork --transports mmap,shm --runs 9
  cargo xtask matrix --data mine.npy --field price --out /tmp/mine

Each cell is run until the 95 % confidence interval of its median wall time is within 5 % of it, or
until its time budget is spent. Results are saved after every run, and kept when a signal stops it.")]
    Matrix(matrix::MatrixArgs),
    /// Take reference measurements: plain programs that move the same bytes
    #[command(
        visible_alias = "reference",
        after_help = "\
Examples:
  cargo xtask limits
  cargo xtask limits --probes segment,fork --runs 9"
    )]
    Limits(limits::LimitsArgs),
    /// Compare with Python's executors, joblib, numpy and rayon on the same file
    #[command(after_help = "\
Examples:
  cargo xtask peers
  cargo xtask peers --peers joblib,rayon --records 200M
  cargo xtask peers --list

Peers that are not installed are left out, and the table says so.")]
    Peers(peers::PeersArgs),
    /// Regenerate the report pages: report.html of a matrix, traits.html of start methods
    #[command(after_help = "\
Examples:
  cargo xtask page target/handoff/*
  target/release/coordinator traits --format json > DIR/traits.json && cargo xtask page DIR")]
    Page(page::PageArgs),
    /// Compare two matrices and report significant changes
    #[command(after_help = "\
Examples:
  cargo xtask compare target/handoff/before target/handoff/after
  cargo xtask compare before after --format markdown > change.md
  cargo xtask compare before after --fail-above 10     # for continuous integration

A change is reported where the wall time, as a multiple of the baseline of the same round, differs by
more than 2 % with a probability of error below 5 % for all cells together. Where nothing changed, at
most one comparison in twenty reports anything.

Exit codes: 0 done, 1 failed or slower than --fail-above allows, 2 usage.")]
    Compare(compare::CompareArgs),
    #[command(name = limits::PROBE, hide = true)]
    Probe {
        /// What to measure, as JSON
        order: String,
    },
}

/// Reads the command line and runs its command.
///
/// # Errors
///
/// Those of the command.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    let command = Cli::parse().command;
    if let Command::Probe { order } = &command {
        // A probe lives and dies with its process: it takes no signals over.
        return limits::probe(order);
    }
    let interrupt = Interrupt::install()?;
    match command {
        Command::Matrix(args) => matrix::main(&args, &interrupt),
        Command::Limits(args) => limits::main(&args, &interrupt),
        Command::Peers(args) => peers::main(&args, &interrupt),
        Command::Page(args) => page::main(&args),
        Command::Compare(args) => compare::main(&args),
        Command::Probe { .. } => unreachable!("handled above"),
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
