//! The laboratory's command line.

use std::process::ExitCode;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Parser, Subcommand};
use harness::interrupt::Interrupt;
use report::{StartMethod, Transport};

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
  cargo xtask compare results/before results/after

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
  cargo xtask matrix                                   # 10 million records: some minutes
  cargo xtask matrix --records 200M --workers 1,4,8
  cargo xtask matrix --start-methods fork --transports mmap,shm --runs 9
  cargo xtask matrix --data mine.npy --field price --out /tmp/mine

Results are saved after every run, and kept when a signal stops it.")]
    Matrix(matrix::MatrixArgs),
    /// Measure what this machine can do at best
    #[command(after_help = "\
Examples:
  cargo xtask limits
  cargo xtask limits --probes segment,fork --runs 9")]
    Limits(limits::LimitsArgs),
    /// Measure Python's executors, joblib, numpy and rayon beside ours, on the same file
    #[command(after_help = "\
Examples:
  cargo xtask peers
  cargo xtask peers --peers joblib,rayon --records 200M
  cargo xtask peers --list

Peers that are not installed are left out, and the table says so.")]
    Peers(peers::PeersArgs),
    /// Draw the pages of results again: report.html of a matrix, traits.html of start methods
    #[command(after_help = "\
Examples:
  cargo xtask page results/*
  target/release/coordinator traits --format json > DIR/traits.json && cargo xtask page DIR")]
    Page(page::PageArgs),
    /// Show two matrices side by side, and what changed beyond the noise
    #[command(after_help = "\
Examples:
  cargo xtask compare results/before results/after
  cargo xtask compare results/before results/after --format markdown > change.md")]
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

/// A start method by its word; another word is answered with the known ones.
pub(crate) fn start_method() -> impl TypedValueParser<Value = StartMethod> {
    PossibleValuesParser::new(StartMethod::ALL.map(StartMethod::as_str))
        .try_map(|word| word.parse())
}

/// A transport by its word; another word is answered with the known ones.
pub(crate) fn transport() -> impl TypedValueParser<Value = Transport> {
    PossibleValuesParser::new(Transport::ALL.map(Transport::as_str)).try_map(|word| word.parse())
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
