//! The command line.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::interrupt::Interrupt;
use crate::{ci, compare, limits, matrix, page, peers, test};

#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "Handoff's own development commands"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure every start method × transport × number of workers, every sum verified
    Matrix(matrix::MatrixArgs),
    /// Measure what this machine can do at best
    Limits(limits::LimitsArgs),
    /// Measure Python's executors, joblib, numpy and rayon beside ours, on the same file
    Peers(peers::PeersArgs),
    /// Draw report.html and the figures of a matrix again, from the files beside them
    Page(page::PageArgs),
    /// Show two matrices side by side, and what changed beyond the noise
    Compare(compare::CompareArgs),
    /// Run all tests
    Test(test::TestArgs),
    /// Run everything that has to hold before a change goes in
    Ci,
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
        Command::Test(args) => test::main(&args, &interrupt),
        Command::Ci => ci::main(&interrupt),
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
