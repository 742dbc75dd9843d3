//! The laboratory's command line.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use harness::interrupt::Interrupt;

use crate::{bench, compare, figures, limits, matrix, page, peers, record};

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
  cargo xtask matrix --study --records 200M            # the original study's table
  cargo xtask matrix --job memory --sizes 64MiB        # data in memory, by threads and by processes

The sum has the rows of --transports, all other jobs those of --hand-overs, which use Handoff's library.
Each row is run until the 95 % confidence interval of its median wall time is within 5 % of it, or until
its time budget is spent. Results are saved after every run, and kept when a signal stops it.")]
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
    /// Measure everything that README and docs quote, in one session
    #[command(after_help = "\
Examples:
  cargo xtask record                            # 200 million records: about 15 minutes
  cargo xtask record --parts peers,traits       # the rest of a session that was stopped
  cargo xtask record --records 1M --out /tmp/r  # a trial")]
    Record(record::RecordArgs),
    /// Put the figures of the committed record into README and docs, or check that they are there
    #[command(after_help = "\
Examples:
  cargo xtask figures --record results/2026-11-27-amd-epyc-2c
  cargo xtask figures --check                   # what continuous integration runs")]
    Figures(figures::FiguresArgs),
    #[command(name = limits::PROBE, hide = true)]
    Probe {
        /// What to measure, as JSON
        order: String,
    },
    #[command(name = matrix::PLAIN, hide = true)]
    Plain {
        /// What to sum, as JSON
        order: String,
    },
    #[command(name = bench::ROW, hide = true)]
    Row {
        /// What to run, as JSON
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
    // What is measured lives and dies with its process: it takes no signals over.
    match &command {
        Command::Probe { order } => return limits::probe(order),
        Command::Plain { order } => return matrix::measure_plain(order),
        Command::Row { order } => return bench::measure_row(order),
        _ => {}
    }
    let interrupt = Interrupt::install()?;
    match command {
        Command::Matrix(args) => matrix::main(&args, &interrupt),
        Command::Limits(args) => limits::main(&args, &interrupt),
        Command::Peers(args) => peers::main(&args, &interrupt),
        Command::Page(args) => page::main(&args),
        Command::Compare(args) => compare::main(&args),
        Command::Record(args) => record::main(&args, &interrupt),
        Command::Figures(args) => figures::main(&args),
        Command::Probe { .. } | Command::Plain { .. } | Command::Row { .. } => {
            unreachable!("handled above")
        }
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
