//! The command line of the fault injectors.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use harness::interrupt::Interrupt;

use crate::{kills, rounds};

#[derive(Debug, Parser)]
#[command(
    name = "chaos",
    bin_name = "cargo xtask",
    version,
    max_term_width = 100,
    about = "Injects faults into Handoff's programs and verifies every result",
    after_help = "\
Examples:
  cargo xtask chaos --seed 7 --minutes 30 --out /tmp/chaos
  cargo xtask kills --records 1M

Exit codes: 0 done, 1 failed, 2 usage, 128+n stopped by signal n."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Inject faults and verify every result
    #[command(after_help = "\
Examples:
  cargo xtask chaos --seed 7 --minutes 30 --out /tmp/chaos
  cargo xtask chaos --seed 7 --round 1234              # that round again, in every detail
  cargo xtask chaos --rounds 200 --only kill-worker,forkserver

A round ends with the right result or one clear error, and leaves nothing.

Exit codes: 0 all rounds did, 1 one did not, 2 usage, 128+n stopped by signal n.")]
    Chaos(rounds::ChaosArgs),
    /// Kill the coordinator at random instants, and check that nothing of it is left
    #[command(after_help = "\
Examples:
  cargo xtask kills --records 1M                   # ten a start method and transport
  cargo xtask kills --records 1M --times 1000 --seed 7")]
    Kills(kills::KillsArgs),
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
        Command::Chaos(args) => rounds::main(&args, &interrupt),
        Command::Kills(args) => kills::main(&args, &interrupt),
    }
}
