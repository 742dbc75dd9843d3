//! A value at module scope: who shares it with whom, under each start method.
//!
//! The value is a static that is set up when its process image first runs its module-scope code,
//! and that code prints a line. A forked child finds both done.

use super::kind::Experiment;
use super::observe::{self, Observation, relation};
use super::process::{self, say};
use super::workers::{WORKERS, builder, with_signals};
use crate::exit::Failure;
use pool::Shutdown;
use report::StartMethod;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use task::{Input, Registry, Task, TaskError};

const COORDINATOR_UPDATE: &str = "Parent process update";

static LIST: LazyLock<Mutex<Vec<String>>> = LazyLock::new(|| {
    let list = vec!["Initial value".to_owned()];
    say(&format!(
        "[MODULE SCOPE] List({}) initially: {list:?}",
        id()
    ));
    PRINTED_BY.store(std::process::id(), Ordering::Relaxed);
    Mutex::new(list)
});

/// The process that ran this image's module-scope code, and printed its line.
static PRINTED_BY: AtomicU32 = AtomicU32::new(0);

/// Runs the module-scope code, unless this image has run it.
pub(super) fn import() {
    LazyLock::force(&LIST);
}

pub(super) fn registry() -> Registry {
    Registry::new().with::<Append>().on_named(|name| {
        process::rename(name);
        import();
    })
}

/// Runs the experiment.
pub(crate) fn run(method: StartMethod) -> Result<(), Failure> {
    process::begin("MainProcess", runtime::now_ns());
    with_signals(|signals| {
        import();
        say(&format!("Start workers by '{method}'"));
        list().push(COORDINATOR_UPDATE.to_owned());
        say(&format!("Updated List({}): {:?}", id(), list()));

        let mut pool = builder(Experiment::ModuleScope, registry(), method, signals)?.start()?;
        let handles: Vec<_> = (1..=WORKERS)
            .map(|count| pool.submit::<Append>(&count, ()))
            .collect::<Result<_, _>>()?;
        let mut workers = Vec::new();
        for handle in handles {
            workers.push(pool.wait(handle)?);
        }
        pool.shutdown(Shutdown::Drain)?;

        let finally = list().clone();
        say(&format!("List({}) finally: {finally:?}", id()));
        observe::print(&observations(method, &workers, &finally));
        Ok(())
    })
}

/// Waits, looks at the list, changes it, and looks again.
struct Append;

impl Task for Append {
    const NAME: &'static str = "append";
    type Args = u64;
    type Output = Seen;

    fn run(count: u64, _: Input<'_>) -> Result<Seen, TaskError> {
        std::thread::sleep(Duration::from_secs(count));
        let before = list().clone();
        say(&format!(
            "[FUNC SCOPE] List({}) initially: {before:?}",
            id()
        ));
        list().push(format!("Child process {count} update"));
        let after = list().clone();
        say(&format!("Updated List({}): {after:?}", id()));
        Ok(Seen {
            pid: std::process::id(),
            address: address(),
            printed_by: PRINTED_BY.load(Ordering::Relaxed),
            before,
            after,
        })
    }
}

/// What a worker found.
#[derive(Debug, Serialize, Deserialize)]
struct Seen {
    pid: u32,
    address: u64,
    printed_by: u32,
    before: Vec<String>,
    after: Vec<String>,
}

fn list() -> MutexGuard<'static, Vec<String>> {
    LIST.lock().unwrap_or_else(PoisonError::into_inner)
}

fn address() -> u64 {
    std::ptr::from_ref(&LIST).addr() as u64
}

fn id() -> String {
    format!("id: {:#x}", address())
}

/// What the original study draws from its listings, and what it shows besides, from the workers' answers.
fn observations(method: StartMethod, workers: &[Seen], finally: &[String]) -> Vec<Observation> {
    let study = |fork, spawn| match method {
        StartMethod::Fork => Some(fork),
        StartMethod::Spawn => Some(spawn),
        StartMethod::ForkServer => None,
    };
    let addresses: Vec<u64> = workers.iter().map(|seen| seen.address).collect();
    let with_update = workers
        .iter()
        .filter(|seen| seen.before.iter().any(|item| item == COORDINATOR_UPDATE))
        .count();
    let printers: BTreeSet<u32> = workers
        .iter()
        .map(|seen| seen.printed_by)
        .chain([PRINTED_BY.load(Ordering::Relaxed)])
        .collect();
    let processes: BTreeSet<u32> = workers.iter().map(|seen| seen.pid).collect();
    // A worker adds one item. Any other that came since, here or there, came from elsewhere.
    let crossed = workers
        .iter()
        .filter(|seen| seen.after.len() != seen.before.len() + 1)
        .count()
        + workers
            .iter()
            .flat_map(|seen| seen.before.iter().chain(finally))
            .filter(|item| item.starts_with("Child process"))
            .count();
    vec![
        Observation::new(
            "the list's id",
            relation(address(), &addresses),
            study("the same in every process", "another in every process"),
        ),
        Observation::new(
            "module-scope lines, by processes that printed one",
            printers.len().to_string(),
            study("1", "3"),
        ),
        Observation::new(
            "workers that found the coordinator's update",
            format!("{with_update} of {}", processes.len()),
            study("2 of 2", "0 of 2"),
        ),
        Observation::new(
            "updates of a worker that another process saw",
            crossed.to_string(),
            study("0", "0"),
        ),
    ]
}
