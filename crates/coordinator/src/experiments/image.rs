//! This program again, as the worker of an experiment: the hidden subcommand `worker-image`.

use super::kind::Experiment;
use super::{logger, module_scope, process, traits};
use crate::cli::WorkerImageArgs;
use crate::exit::Failure;
use runtime::Endpoint;
use task::Registry;

/// The tasks of the experiment's workers.
fn registry(experiment: Experiment) -> Registry {
    match experiment {
        Experiment::ModuleScope => module_scope::registry(),
        Experiment::Logger => logger::registry(),
        Experiment::Traits => traits::registry(),
    }
}

/// Runs the module-scope code of this process image, unless it has run.
fn import(experiment: Experiment) {
    match experiment {
        Experiment::ModuleScope => module_scope::import(),
        Experiment::Logger => logger::import(),
        Experiment::Traits => {}
    }
}

/// Serves the experiment's tasks. A spawned image runs its module-scope code as soon as it
/// knows its name, a forkserver before it forks.
pub(crate) fn run(args: &WorkerImageArgs) -> Result<(), Failure> {
    let endpoint = match (args.fd, args.forkserver) {
        (Some(fd), None) => {
            process::begin("Worker", args.began_ns);
            Endpoint::Fd(fd)
        }
        (None, Some(fd)) => {
            process::begin("ForkServer", args.began_ns);
            import(args.experiment);
            Endpoint::ForkServer(fd)
        }
        _ => return Err(Failure::usage("either --fd N or --forkserver N is needed")),
    };
    runtime::run_at(&endpoint, Some(args.parent), &registry(args.experiment))?;
    Ok(())
}
