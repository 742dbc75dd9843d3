//! One run of one row, in a process of its own.

use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, ensure};
use handoff::{Event, Pool, Shutdown, StartMethod};
use harness::exit;
use harness::interrupt::Interrupt;
use harness::process::{self, RunError};
use report::{BenchKey, BenchUse, HandOver, Runner};
use serde::{Deserialize, Serialize};

use super::subject::Subject;
use crate::job::{By, Job, Way};
use crate::job_timeline::{Clock, JobTimeline, Step};
use crate::jobs;

/// The hidden command that runs one row.
pub(crate) const ROW: &str = "bench-row";

/// What is run.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    job: String,
    key: BenchKey,
    /// Whether to take down what the workers do, which costs time.
    #[serde(default)]
    watch: bool,
}

/// What was measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// Seconds until the workers are ready.
    pub(crate) start: f64,
    /// The first use.
    pub(crate) first: BenchUse,
    /// The second use.
    pub(crate) again: BenchUse,
    /// Seconds until no worker is left.
    pub(crate) stop: f64,
    /// A hash of the results.
    pub(crate) digest: String,
    /// Tasks, where their number is known.
    pub(crate) tasks: u64,
    /// What the workers did, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) timeline: Option<JobTimeline>,
}

/// Runs a row in a process of its own, which is this program again; with `watch` its workers are watched, and its
/// times are no figures.
///
/// # Errors
///
/// What that process said, or a signal.
pub(crate) fn in_a_process(
    job: &str,
    key: BenchKey,
    watch: bool,
    timeout: Duration,
    interrupt: &Interrupt,
) -> Result<Measured, RunError> {
    let failed = |how: String| RunError::Failed {
        how,
        quote: String::new(),
    };
    let own = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
    let order = Order {
        job: job.to_owned(),
        key,
        watch,
    };
    let order = serde_json::to_string(&order).map_err(|error| failed(error.to_string()))?;
    let mut command = Command::new(own);
    command.args([ROW, &order]);
    let finished = process::run(command, timeout, interrupt)?;
    serde_json::from_str(&finished.stdout).map_err(|error| failed(error.to_string()))
}

/// Runs the row that the arguments of this program ask for, where they do.
pub(crate) fn asked(subject: &Subject<'_>) -> Option<anyhow::Result<ExitCode>> {
    let mut arguments = std::env::args().skip(1);
    let order = (arguments.next()? == ROW).then(|| arguments.next())??;
    Some(parsed(&order).and_then(|order| printed(subject, &order)))
}

/// The hidden command: runs the row that the JSON orders.
///
/// # Errors
///
/// Those of the job.
pub(crate) fn main(order: &str) -> anyhow::Result<ExitCode> {
    let order = parsed(order)?;
    let known = jobs::named(&order.job).context("no job has this name")?;
    printed(&Subject::known(known), &order)
}

fn parsed(order: &str) -> anyhow::Result<Order> {
    serde_json::from_str(order).context("cannot read the order of a row")
}

fn printed(subject: &Subject<'_>, order: &Order) -> anyhow::Result<ExitCode> {
    let mut job = subject.make(order.key.bytes)?;
    let measured = measure(&mut job, order.key, order.watch)?;
    println!("{}", serde_json::to_string(&measured)?);
    Ok(ExitCode::from(exit::DONE))
}

fn measure(job: &mut Job, key: BenchKey, watch: bool) -> anyhow::Result<Measured> {
    let way = match key.hand_over {
        None => &mut job.plain,
        Some(hand_over) => {
            let mut ways = job.ways.iter_mut();
            let found = ways.find(|(known, _)| *known == hand_over);
            &mut found.context("the job has no such hand-over")?.1
        }
    };
    let mut clock = Clock::new();
    let watcher = watch.then(|| clock.watcher());
    let (start, mut by) = clock.timed(Step::Start, || begin(key, watcher))?;
    let (first, digest) = used(way.as_mut(), &mut by, &mut clock)?;
    let (again, second) = used(way.as_mut(), &mut by, &mut clock)?;
    ensure!(digest == second, "the second use has other results");
    let (stop, ()) = clock.timed(Step::Stop, || match by {
        By::Pool(pool) => Ok(pool.shutdown(Shutdown::Drain)?),
        _ => Ok(()),
    })?;
    Ok(Measured {
        start,
        first,
        again,
        stop,
        digest,
        tasks: job.tasks.get(),
        timeline: watch.then(|| clock.timeline(key)),
    })
}

/// Starts what runs the tasks.
fn begin(
    key: BenchKey,
    watcher: Option<impl FnMut(&Event<'_>) + Send + 'static>,
) -> anyhow::Result<By> {
    let method = match (key.runner, key.start_method) {
        (Runner::InProcess, _) => return Ok(By::Loop),
        (Runner::Threads, _) => return Ok(By::Threads(key.workers)),
        (Runner::Processes, _) if key.hand_over == Some(HandOver::Inherit) => {
            return Ok(By::Forks(key.workers));
        }
        (Runner::Processes, method) => method.context("processes are started in some way")?,
    };
    let method = match method {
        report::StartMethod::Fork => StartMethod::Fork,
        report::StartMethod::Spawn => StartMethod::Spawn,
        report::StartMethod::ForkServer => StartMethod::ForkServer,
    };
    let workers = usize::try_from(key.workers)?;
    let mut builder = Pool::builder().start_method(method).workers(workers);
    if let Some(watcher) = watcher {
        builder = builder.watch(watcher);
    }
    Ok(By::Pool(builder.start()?))
}

/// One use: its times, and the hash of its results, which the clock does not see.
fn used(way: &mut dyn Way, by: &mut By, clock: &mut Clock) -> anyhow::Result<(BenchUse, String)> {
    let (fill, ()) = clock.timed(Step::Fill, || way.fill())?;
    let (run, outputs) = clock.timed(Step::Run, || way.run(by))?;
    Ok((BenchUse { fill, run }, outputs()?))
}
