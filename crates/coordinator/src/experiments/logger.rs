//! The workers' loggers: whose handlers they have, and which of their lines are written.
//!
//! The logging library is `tracing`; a handler is a layer of its subscriber. The pool's own
//! forwarding of log records is off, since it would hide what is shown.

mod all;
mod handlers;
mod identity;
mod main_module;
mod separate;
mod variant;

use self::variant::Run;
use super::kind::Experiment;
use super::observe::{self, Observation, relation};
use super::process::{self, say};
use super::workers::{WORKERS, builder, with_signals};
use crate::cli::LoggerArgs;
use crate::exit::Failure;
use pool::Shutdown;
use report::StartMethod;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;
use task::{Input, Registry, Task, TaskError};

/// The module-scope code of the process image; holds the process that ran it.
static MODULE: LazyLock<u32> = LazyLock::new(|| {
    say("[MODULE SCOPE] main: module scope reached.");
    std::process::id()
});

/// Runs the module-scope code, unless this image has run it.
pub(super) fn import() {
    LazyLock::force(&MODULE);
}

pub(super) fn registry() -> Registry {
    Registry::new()
        .with::<CallLogger>()
        .with::<AddHandler>()
        .on_named(|name| {
            process::rename(name);
            import();
        })
}

/// Runs the experiment.
pub(crate) fn run(args: &LoggerArgs) -> Result<(), Failure> {
    match args.start_method {
        None => all::run(),
        Some(method) => run_once(Run {
            method,
            own_module: args.own_module,
            initializer: args.initializer,
        }),
    }
}

fn run_once(run: Run) -> Result<(), Failure> {
    process::begin("MainProcess", runtime::now_ns());
    with_signals(|signals| {
        import();
        handlers::add()?;
        main_module::log_start(run.method);

        let mut builder = builder(Experiment::Logger, registry(), run.method, signals)?;
        if run.initializer {
            builder = builder.initializer::<AddHandler>(&())?;
        }
        let mut pool = builder.start()?;
        let handles: Vec<_> = (1..=WORKERS)
            .map(|count| pool.submit::<CallLogger>(&(count, run.own_module), ()))
            .collect::<Result<_, _>>()?;
        let mut workers = Vec::new();
        for handle in handles {
            workers.push(pool.wait(handle)?);
        }
        pool.shutdown(Shutdown::Drain)?;
        observe::print(&observations(run, &workers));
        Ok(())
    })
}

/// The original study's function: waits and logs a line, from the one module or the other.
struct CallLogger;

impl Task for CallLogger {
    const NAME: &'static str = "call-logger";
    type Args = (u64, bool);
    type Output = Said;

    fn run((count, own_module): (u64, bool), _: Input<'_>) -> Result<Said, TaskError> {
        std::thread::sleep(Duration::from_secs(count));
        let before = handlers::lines_written();
        let logger = if own_module {
            separate::call_logger()
        } else {
            main_module::call_logger()
        };
        Ok(Said {
            address: logger.address(),
            lines: handlers::lines_written() - before,
            handlers: handlers::count(),
            printed_by: *MODULE,
        })
    }
}

/// What the coordinator does to get its handler, done in a worker.
struct AddHandler;

impl Task for AddHandler {
    const NAME: &'static str = "add-handler";
    type Args = ();
    type Output = ();

    fn run((): (), _: Input<'_>) -> Result<(), TaskError> {
        Ok(handlers::add()?)
    }
}

/// What a worker did.
#[derive(Debug, Serialize, Deserialize)]
struct Said {
    /// Of the logger that it called.
    address: u64,
    /// Lines that its handlers wrote for the call.
    lines: u64,
    /// Handlers that it has.
    handlers: u64,
    /// The process that ran its image's module-scope code.
    printed_by: u32,
}

/// What the original study draws from its listings, and what they show besides, from the workers' answers.
fn observations(run: Run, workers: &[Said]) -> Vec<Observation> {
    use StartMethod::{Fork, Spawn};
    // What the original study's listings show: ids, lines, handlers and module-scope lines. Without a line
    // there is no id to be seen; it counts handlers where they are two.
    const SHARED: Option<&str> = Some("one for the workers, another for the coordinator");
    let study = match (run.method, run.own_module, run.initializer) {
        (Spawn, false, false) => [None, Some("0 and 0"), None, Some("3")],
        (Spawn, false, true) => [
            Some("another in every process"),
            Some("1 and 1"),
            None,
            Some("3"),
        ],
        (Fork, false, false) => [
            Some("the same in every process"),
            Some("1 and 1"),
            None,
            Some("1"),
        ],
        (Fork, true, false) => [SHARED, Some("1 and 1"), None, Some("1")],
        (Fork, true, true) => [SHARED, Some("2 and 2"), Some("2 and 2"), Some("1")],
        _ => [None; 4],
    };
    let addresses: Vec<u64> = workers.iter().map(|said| said.address).collect();
    let printers: BTreeSet<u32> = workers
        .iter()
        .map(|said| said.printed_by)
        .chain([*MODULE])
        .collect();
    vec![
        Observation::new(
            "the logger's id",
            relation(main_module::logger().address(), &addresses),
            study[0],
        ),
        Observation::new(
            "lines that the workers' calls wrote",
            each(workers, |said| said.lines),
            study[1],
        ),
        Observation::new(
            "handlers that the workers have",
            each(workers, |said| said.handlers),
            study[2],
        ),
        Observation::new(
            "module-scope lines, by processes that printed one",
            printers.len().to_string(),
            study[3],
        ),
    ]
}

fn each(workers: &[Said], figure: impl Fn(&Said) -> u64) -> String {
    let figures: Vec<String> = workers
        .iter()
        .map(|said| figure(said).to_string())
        .collect();
    figures.join(" and ")
}
