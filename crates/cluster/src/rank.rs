//! What one rank of the sum does: the steps that it is given, one after the other, on a pool of its own.

use crate::checkpoint::Keeper;
use crate::cli::SumArgs;
use crate::shards::{Part, Shard};
use coordinator::exit::Failure;
use coordinator::programs;
use coordinator::signals::Signals;
use coordinator::sum::{Handover, Source, explain};
use coordinator::timeline::{Timeline, as_report, megabytes};
use pool::{Pool, Shutdown, StartMethod};
use report::Seconds;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use worker::sum::Partial;

/// How a rank does its steps.
pub(crate) struct Plan {
    pub(crate) start_method: StartMethod,
    pub(crate) transport: report::Transport,
    pub(crate) workers: usize,
    /// Batches of a step.
    pub(crate) batches: u64,
    pub(crate) timeout: Option<Duration>,
    pub(crate) retries: u32,
    pub(crate) field: Option<String>,
}

impl Plan {
    /// As typed, with `cores` processors for this rank; finds the worker program.
    pub(crate) fn resolve(
        args: &SumArgs,
        cores: u32,
        field: Option<String>,
    ) -> Result<Plan, Failure> {
        let worker_bin: Option<PathBuf> = args.worker_bin.clone();
        let program = programs::worker(worker_bin.as_deref())?;
        let workers = args.workers.unwrap_or(cores.into());
        Ok(Plan {
            start_method: match args.start_method {
                report::StartMethod::ForkServer => StartMethod::ForkServer(program),
                _ => StartMethod::Spawn(program),
            },
            transport: args.transport,
            workers: workers as usize,
            batches: args.batches.unwrap_or(workers),
            timeout: args.timeout,
            retries: args.retries,
            field,
        })
    }
}

/// A rank at work, with what it has to tell others.
pub(crate) struct Work<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) signals: &'a Signals,
    pub(crate) timeline: Arc<Mutex<Timeline>>,
    pub(crate) keeper: Option<Keeper>,
    pub(crate) opened: Option<Opened>,
    pub(crate) seconds: Seconds,
    /// Records and batches that it has done.
    pub(crate) records: u64,
    pub(crate) batches: u64,
    pub(crate) sum: Partial,
}

/// A shard that the workers reach: kept from step to step, since every attachment maps its pages anew.
pub(crate) struct Opened {
    shard: Shard,
    source: Source,
    handover: Handover,
}

impl Opened {
    fn has(&self, part: &Part<Shard>) -> bool {
        let (ours, wanted) = (&self.source.records, &part.records);
        self.shard == part.shard && ours.start <= wanted.start && wanted.end <= ours.end
    }
}

/// The pool of a rank that has done its steps.
pub(crate) struct Crew(pub(crate) Pool);

impl Work<'_> {
    /// Starts the workers, which get this number of batches at most.
    pub(crate) fn start(&mut self, batches: u64) -> Result<Crew, Failure> {
        let timeline = Arc::clone(&self.timeline);
        let mut builder = Pool::builder(self.plan.start_method.clone())
            .workers(self.plan.workers)
            .retries(self.plan.retries)
            .timeline(true)
            .interrupted_by(self.signals.descriptor()?)
            .watch(move |event| lock(&timeline).note(event));
        if let Some(timeout) = self.plan.timeout {
            builder = builder.task_timeout(timeout);
        }
        let began = Instant::now();
        let pool = builder
            .start()
            .map_err(|error| self.explained(error.into()))?;
        self.seconds.start = began.elapsed().as_secs_f64();
        lock(&self.timeline).mark(report::What::Ready);
        lock(&self.timeline).batches_from(pool.next_task_id(), batches);
        let (workers, took) = (self.plan.workers, self.seconds.start * 1e3);
        self.say(&format!("Started {workers} workers in {took:.1} ms."));
        Ok(Crew(pool))
    }

    /// Does a step.
    pub(crate) fn do_step(&mut self, step: &Part<Shard>, crew: &mut Crew) -> Result<(), Failure> {
        let partial = self
            .do_part(step, &mut crew.0)
            .map_err(|failure| self.explained(failure))?;
        self.sum.merge(&partial);
        Ok(())
    }

    /// A signal explains every failure.
    fn explained(&self, failure: Failure) -> Failure {
        match self.signals.came() {
            Some(signal) => Failure::Signal(signal),
            None => failure,
        }
    }

    fn do_part(&mut self, part: &Part<Shard>, pool: &mut Pool) -> Result<Partial, Failure> {
        let began = Instant::now();
        let mut shared = Duration::ZERO;
        let opened = match self.opened.take() {
            Some(opened) if opened.has(part) => opened,
            other => {
                if let Some(other) = other {
                    other.handover.release(pool);
                }
                self.open(part, pool, &mut shared)?
            }
        };
        let step = part.records.clone();
        let records = step.end - step.start;
        let dataset = &opened.source.dataset;
        let partial = opened
            .handover
            .reduce(&opened.source, step.clone(), self.plan.batches, pool)
            .map_err(|error| explain(error).context(dataset.path().display().to_string()))?;
        dataset.check_unchanged()?;
        if let Some(keeper) = &mut self.keeper {
            keeper.keep(&part.shard, step, &partial)?;
        }
        self.opened = Some(opened);
        self.records += records;
        self.batches += dataset::batches(records, self.plan.batches).count() as u64;
        self.seconds.run += (began.elapsed() - shared).as_secs_f64();
        Ok(partial)
    }

    /// Has the workers reach a shard: all of it where nothing is copied for that, else the records of the step.
    fn open(
        &mut self,
        part: &Part<Shard>,
        pool: &mut Pool,
        shared: &mut Duration,
    ) -> Result<Opened, Failure> {
        let began = Instant::now();
        let field = self.plan.field.as_deref();
        let records = match self.plan.transport {
            report::Transport::Shm => part.records.clone(),
            _ => 0..part.shard.records,
        };
        let source = Source::new(part.shard.open()?, field, records, self.plan.transport)?;
        let mut watch = watch(self.signals);
        let handover = Handover::load(&source, &mut watch)?;
        let (handover, said) = handover.share(&source, pool, &mut watch)?;
        if let Some(said) = said {
            *shared = began.elapsed();
            self.seconds.share += shared.as_secs_f64();
            self.say(&said);
        }
        let shard = part.shard.clone();
        Ok(Opened {
            shard,
            source,
            handover,
        })
    }

    fn say(&self, text: &str) {
        lock(&self.timeline).say(text);
    }

    /// Says that this rank is done.
    pub(crate) fn say_done(&self) {
        let memory = megabytes(&runtime::memory());
        self.say(&format!("Has all results. {memory}"));
    }
}

impl Crew {
    /// Asks the workers for their memory and ends them.
    pub(crate) fn end(self) -> Result<(), Failure> {
        let mut pool = self.0;
        pool.memory()?;
        pool.shutdown(Shutdown::Drain)?;
        Ok(())
    }
}

/// What a rank has to say of itself in the report.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Told {
    pub(crate) rank: report::Rank,
    pub(crate) workers: Vec<report::Worker>,
    pub(crate) memory: Vec<report::Memory>,
    pub(crate) batches: u64,
    pub(crate) retries: u64,
}

impl Work<'_> {
    /// What this rank has to say, once its workers have ended.
    pub(crate) fn tell(&self, rank: u32, machine: u32, clock: report::ClockOffset) -> Told {
        let mut timeline = lock(&self.timeline);
        timeline.mark(report::What::Ended);
        Told {
            rank: report::Rank {
                rank,
                machine,
                clock,
                workers: self.plan.workers as u32,
                records: self.records,
                seconds: self.seconds.clone(),
                memory: as_report(&runtime::memory_in_full()),
                coordinator: timeline.coordinator(),
            },
            workers: timeline.workers(),
            memory: timeline.memory(),
            batches: self.batches,
            retries: timeline.retries(),
        }
    }
}

/// Lets a long step stop when a signal comes.
fn watch(signals: &Signals) -> impl FnMut(u64) -> ControlFlow<()> {
    move |_bytes| match signals.came() {
        Some(_) => ControlFlow::Break(()),
        None => ControlFlow::Continue(()),
    }
}

pub(crate) fn lock(timeline: &Mutex<Timeline>) -> MutexGuard<'_, Timeline> {
    timeline.lock().unwrap_or_else(PoisonError::into_inner)
}
