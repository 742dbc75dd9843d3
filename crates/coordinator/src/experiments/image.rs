//! This program again, as the worker of an experiment: the hidden subcommand `worker-image`.

use super::{logger, module_scope, process, traits};
use crate::cli::WorkerImageArgs;
use crate::exit::Failure;
use clap::ValueEnum;
use runtime::Endpoint;
use task::Registry;

/// The experiments that have workers of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Experiment {
    /// A value at module scope.
    ModuleScope,
    /// The workers' loggers.
    Logger,
    /// What a claim's children are asked.
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

    pub(super) fn registry(self) -> Registry {
        match self {
            Experiment::ModuleScope => module_scope::registry(),
            Experiment::Logger => logger::registry(),
            Experiment::Traits => traits::registry(),
        }
    }

    /// Runs the module-scope code of this process image, unless it has run.
    fn import(self) {
        match self {
            Experiment::ModuleScope => module_scope::import(),
            Experiment::Logger => logger::import(),
            Experiment::Traits => {}
        }
    }
}

/// Serves the experiment's tasks. A spawned image runs its module-scope code as soon as it has
/// been told its name, a forkserver before it forks.
pub(crate) fn run(args: &WorkerImageArgs) -> Result<(), Failure> {
    let endpoint = match (args.fd, args.forkserver) {
        (Some(fd), None) => {
            process::begin("Worker", args.began_ns);
            Endpoint::Fd(fd)
        }
        (None, Some(fd)) => {
            process::begin("ForkServer", args.began_ns);
            args.experiment.import();
            Endpoint::ForkServer(fd)
        }
        _ => return Err(Failure::usage("either --fd N or --forkserver N is needed")),
    };
    runtime::run_at(&endpoint, Some(args.parent), &args.experiment.registry())?;
    Ok(())
}
