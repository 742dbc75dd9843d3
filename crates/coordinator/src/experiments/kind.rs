//! The experiments that have workers of their own.

use clap::ValueEnum;

/// An experiment that has workers of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Experiment {
    /// A value at module scope.
    ModuleScope,
    /// The workers' loggers.
    Logger,
    /// The questions that a claim's children are asked.
    Traits,
}

impl Experiment {
    /// As the hidden subcommand spells it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Experiment::ModuleScope => "module-scope",
            Experiment::Logger => "logger",
            Experiment::Traits => "traits",
        }
    }
}
