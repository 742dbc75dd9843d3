//! What can be typed. One command, one struct; what it means is resolved elsewhere.

mod doctor;
mod experiments;
mod manual;
mod sum;
mod values;

pub use doctor::DoctorArgs;
pub use experiments::{
    LoggerArgs, ModuleScopeArgs, TraitChildArgs, TraitProbeArgs, TraitServerArgs, TraitsArgs,
    TraitsFormat, WorkerImageArgs,
};
pub use manual::{CompletionsArgs, ManArgs};
pub(crate) use manual::{completions, man};
pub use sum::SumArgs;
pub use values::{Carrier, Format, count, duration};

use clap::{Parser, Subcommand};

/// Starts worker processes, gives them data, and reports what both cost
#[derive(Debug, Parser)]
#[command(name = "coordinator", version = pool::VERSION, max_term_width = 100, after_help = "\
Examples:
  coordinator sum data/records.npy                 # fork, mmap, as many workers as processors
  coordinator sum data/records.npy --start-method spawn --transport shm --workers 4
  coordinator doctor data/records.npy              # diagnose this machine
  coordinator traits --only copy-on-write          # one claim about start methods, measured

A dataset to begin with: datagen --records 10M --out data/records.npy
Exit codes: 0 done, 1 failed, 2 usage, 128+n ended by signal n.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Sum a column of an .npy file with worker processes, ignoring NaN
    Sum(SumArgs),
    /// Show which value at module scope two workers see
    ModuleScope(ModuleScopeArgs),
    /// Show which log lines of two workers are written
    Logger(LoggerArgs),
    /// Check common claims about fork, spawn and forkserver
    Traits(TraitsArgs),
    /// Diagnose this machine and suggest fixes
    Doctor(DoctorArgs),
    /// Print a shell's completions for this program
    Completions(CompletionsArgs),
    /// Write the manual pages of this program and of the worker
    Man(ManArgs),
    /// A worker of an experiment
    #[command(hide = true)]
    WorkerImage(WorkerImageArgs),
    /// A probe's own process
    #[command(hide = true)]
    TraitProbe(TraitProbeArgs),
    /// A probe's child
    #[command(hide = true)]
    TraitChild(TraitChildArgs),
    /// A probe's forkserver
    #[command(hide = true)]
    TraitServer(TraitServerArgs),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}
