//! `cluster sum` as all ranks go through it together.
//!
//! Until the workers start and after they are done, ranks agree on whether to go on. In between each
//! is busy with its own pool, and one that cannot go on ends the job.

use crate::checkpoint::{self, Done, Keeper, Question};
use crate::cli::SumArgs;
use crate::clock::{self, Ahead};
use crate::comm::{Comm, Stopped};
use crate::place::{Facts, Place, bound_too_tight, places};
use crate::progress::Progress;
use crate::rank::{Crew, Plan, Told, Work, lock};
use crate::shards::{Part, Shards};
use crate::steps;
use crate::summary::{Gathered, summary};
use anyhow::Context;
use coordinator::exit::Failure;
use coordinator::timeline::{Clock, Timeline};
use coordinator::{sum, trace};
use pool::MAX_WORKERS;
use report::{Seconds, StartMethod, Transport, format_count};
use serde::{Deserialize, Serialize};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use task::Task;
use worker::Nansum;
use worker::sum::Partial;

/// What rank 0 orders all ranks to do.
#[derive(Clone, Serialize, Deserialize)]
struct Orders {
    field: Option<String>,
    /// How many steps there are.
    steps: u64,
    /// The number of this start of the job.
    start: u64,
    /// Records of the job, and those of them that are done already.
    records: u64,
    done: u64,
}

/// Runs the job and prints its result on rank 0.
pub(crate) fn run(args: SumArgs, clock: Clock, comm: &Rc<Comm>) -> Result<(), Stopped> {
    comm.agree(check(&args))?;
    let (place, places, ahead, clock) = settle(clock, comm, &args);
    let timeline = Timeline::new(clock, args.quiet).of_rank(comm.rank());
    let timeline = Arc::new(Mutex::new(timeline));

    let began = Instant::now();
    let resolved = comm.agree(on_rank_0(comm, || resolve(&args, comm.size())))?;
    let (job, orders) = resolved.unzip();
    let orders: Orders = comm.broadcast(orders);
    let question = question(&orders.field);
    let ready = Plan::resolve(&args, place.cores, orders.field.clone()).and_then(|plan| {
        let keeper = args.checkpoint.as_ref();
        let keeper = keeper.map(|dir| Keeper::new(dir, orders.start, comm.rank(), question));
        Ok((plan, keeper.transpose()?))
    });
    let (plan, keeper) = comm.agree(ready)?;
    let mut work = Work {
        plan: &plan,
        signals: comm.signals(),
        timeline: Arc::clone(&timeline),
        keeper,
        opened: None,
        seconds: seconds(began.elapsed().as_secs_f64()),
        records: 0,
        batches: 0,
        sum: Partial::default(),
    };
    if comm.rank() == 0 {
        let line = announcement(comm.size(), orders.records, orders.done);
        lock(&timeline).say(&line);
    }

    comm.barrier();
    let began = Instant::now();
    let done = do_steps(comm, &mut work, job.as_ref(), &orders);
    let crew = done.unwrap_or_else(|failure| comm.abort(&failure));
    let busy = began.elapsed().as_secs_f64();
    work.say_done();
    work.seconds.total = work.seconds.start + work.seconds.run;
    // The slowest rank's time comes with the sums, for what is left is the gathering.
    let merged = comm.up(
        (work.sum.clone(), busy),
        |(sum, slowest), (partial, busy)| {
            sum.merge(&partial);
            *slowest = slowest.max(busy);
        },
        &mut || {},
    );
    let wall = began.elapsed().as_secs_f64();

    comm.agree(crew.end())?;
    let drifted = ahead.widened(clock::compare(comm, &places));
    work.seconds.end_to_end = clock.seconds();
    work.seconds.void = comm.signals().continued();
    let told = work.tell(comm.rank(), place.machine, drifted.into());
    // As JSON, for its optional keys are not for postcard.
    let told = serde_json::to_vec(&told).context("cannot encode this rank's report");
    let told = comm.gather(comm.agree(told.map_err(Failure::from))?);
    let printed = on_rank_0(comm, || {
        let told: Vec<Told> = told
            .iter()
            .flatten()
            .map(|told| serde_json::from_slice(told))
            .collect::<Result<_, _>>()
            .context("cannot read a rank's report")?;
        let (mut sum, slowest) = merged.expect("rank 0 has the sum");
        let job = job.expect("rank 0 has resolved it");
        sum.merge(&job.done.partial);
        let gather = (wall - slowest).max(0.0);
        let report = summary(&args, &job.shards, &sum, Gathered { told, gather }, &clock);
        lock(&timeline).say(&format!("Done in {:.2} s.", report.seconds.end_to_end));
        sum::finish(&report, args.format, args.trace.as_deref())
    });
    comm.agree(printed).map(|_| ())
}

/// Does this rank's share of the steps; rank 0 dispatches them.
fn do_steps(
    comm: &Rc<Comm>,
    work: &mut Work<'_>,
    job: Option<&Job>,
    orders: &Orders,
) -> Result<Crew, Failure> {
    let mut crew = work.start(orders.steps * work.plan.batches)?;
    match job {
        Some(job) => {
            let timeline = Arc::clone(&work.timeline);
            let mut progress = Progress::new(timeline, orders.records, orders.done);
            let shards = &job.shards.shards;
            let steps = &job.steps;
            steps::dispatch(comm, shards, steps, (work, &mut crew), &mut progress)?;
        }
        None => steps::serve(comm, work, &mut crew)?,
    }
    Ok(crew)
}

/// The first line of the timeline.
fn announcement(ranks: u32, records: u64, done: u64) -> String {
    let records = format_count(records);
    match done {
        0 => format!("{ranks} ranks will sum {records} records."),
        done => format!(
            "{ranks} ranks will sum {records} records, {} of which are done.",
            format_count(done)
        ),
    }
}

/// The job as rank 0 knows it.
struct Job {
    shards: Shards,
    done: Done,
    steps: Vec<Part<usize>>,
}

/// What every rank can check by the command line alone.
fn check(args: &SumArgs) -> Result<(), Failure> {
    if args.start_method == StartMethod::Fork {
        return Err(Failure::usage(
            "--start-method fork: a process that has initialised MPI must not be forked; use spawn \
             or forkserver",
        ));
    }
    if matches!(args.transport, Transport::Inherit | Transport::Serde) {
        return Err(Failure::usage(format!(
            "--transport {}: use mmap, shm or bytes",
            args.transport
        )));
    }
    match args.workers {
        Some(workers) if workers > MAX_WORKERS as u64 => Err(Failure::usage(format!(
            "--workers {workers}: at most {MAX_WORKERS} for each rank"
        ))),
        _ => Ok(()),
    }
}

/// Finds out where all ranks are, and gives every rank the same clock: rank 0's, from its start.
fn settle(clock: Clock, comm: &Comm, args: &SumArgs) -> (Place, Vec<Place>, Ahead, Clock) {
    let facts = Facts::gather(comm);
    let all = comm.gather(facts.clone());
    let places = comm.broadcast(all.map(|facts| places(&facts)));
    let place = places[comm.rank() as usize].clone();
    let ahead = clock::compare(comm, &places);
    let start_ns = comm.broadcast((comm.rank() == 0).then(|| clock.start_ns()));
    let clock = Clock::at(ahead.there(start_ns));
    let tight = bound_too_tight(&facts, &place).filter(|_| args.workers.is_none() && !args.quiet);
    if let (0, Some(line)) = (comm.rank(), tight) {
        crate::say::line(&format!("warning: {line}"));
    }
    (place, places, ahead, clock)
}

/// What is to be done, and by whom.
fn resolve(args: &SumArgs, ranks: u32) -> Result<(Job, Orders), Failure> {
    if let Some(path) = &args.trace {
        trace::check_writable(path)?;
    }
    let shards = Shards::resolve(args)?;
    let done = match &args.checkpoint {
        Some(dir) => checkpoint::read(dir, &question(&shards.field), &shards.shards)?,
        None => Done::default(),
    };
    let start = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos() as u64;
    let steps = steps::steps(&shards.shards, &done, args.step, ranks);
    let orders = Orders {
        field: shards.field.clone(),
        steps: steps.len() as u64,
        start,
        records: shards.records(),
        done: done.records(),
    };
    let job = Job {
        shards,
        done,
        steps,
    };
    Ok((job, orders))
}

fn question(field: &Option<String>) -> Question {
    Question {
        task: Nansum::NAME.to_owned(),
        field: field.clone(),
    }
}

fn on_rank_0<T>(comm: &Comm, f: impl FnOnce() -> Result<T, Failure>) -> Result<Option<T>, Failure> {
    (comm.rank() == 0).then(f).transpose()
}

fn seconds(load: f64) -> Seconds {
    Seconds {
        load,
        ..Seconds::default()
    }
}
