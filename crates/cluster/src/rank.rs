//! What one rank does: its parts, one after the other, on a pool of its own.

use crate::checkpoint::Keeper;
use crate::cli::SumArgs;
use crate::progress::Progress;
use crate::shards::Shard;
use crate::spread::Part;
use coordinator::exit::Failure;
use coordinator::programs;
use coordinator::signals::Signals;
use coordinator::sum::{Handover, Source, explain};
use coordinator::timeline::{Timeline, as_report, megabytes};
use pool::{Pool, Shutdown, StartMethod};
use report::Seconds;
use std::ops::{ControlFlow, Range};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use worker::sum::Partial;

/// How a rank does its parts.
pub(crate) struct Plan {
    pub(crate) start_method: StartMethod,
    pub(crate) transport: report::Transport,
    pub(crate) workers: usize,
    /// Batches of a step.
    pub(crate) batches: u64,
    /// Records of a step.
    pub(crate) step: u64,
    pub(crate) timeout: Option<Duration>,
    pub(crate) retries: u32,
    pub(crate) field: Option<String>,
    /// Counted from rank 0's first to the last of the last rank.
    pub(crate) parts: Vec<Part<Shard>>,
}

impl Plan {
    /// As typed, with `cores` processors for this rank; finds the worker program, and opens every
    /// shard once, so that a missing file is reported before anything runs.
    pub(crate) fn resolve(
        args: &SumArgs,
        cores: u32,
        field: Option<String>,
        parts: Vec<Part<Shard>>,
    ) -> Result<Plan, Failure> {
        let worker_bin: Option<PathBuf> = args.worker_bin.clone();
        let program = programs::worker(worker_bin.as_deref())?;
        for part in &parts {
            part.shard.open()?;
        }
        let workers = args.workers.unwrap_or(cores.into());
        Ok(Plan {
            start_method: match args.start_method {
                report::StartMethod::ForkServer => StartMethod::ForkServer(program),
                _ => StartMethod::Spawn(program),
            },
            transport: args.transport,
            workers: workers as usize,
            batches: args.batches.unwrap_or(workers),
            step: args.step,
            timeout: args.timeout,
            retries: args.retries,
            field,
            parts,
        })
    }

    /// Records of all parts.
    pub(crate) fn records(&self) -> u64 {
        let parts = self.parts.iter();
        parts
            .map(|part| part.records.end - part.records.start)
            .sum()
    }

    /// Batches of all parts.
    pub(crate) fn batches(&self) -> u64 {
        let steps = self.parts.iter().flat_map(|part| self.steps(&part.records));
        steps
            .map(|step| dataset::batches(step.end - step.start, self.batches).count() as u64)
            .sum()
    }

    /// The steps of a part.
    fn steps(&self, records: &Range<u64>) -> impl Iterator<Item = Range<u64>> + use<> {
        let (first, len) = (records.start, records.end - records.start);
        dataset::batches(len, len.div_ceil(self.step))
            .map(move |step| first + step.start..first + step.end)
    }
}

/// A rank at work, with what it has to tell others.
pub(crate) struct Work<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) signals: &'a Signals,
    pub(crate) timeline: Arc<Mutex<Timeline>>,
    pub(crate) keeper: Option<Keeper>,
    pub(crate) progress: Progress<'a>,
    pub(crate) seconds: Seconds,
}

/// The pool of a rank that has done its parts; none where there was nothing to do.
pub(crate) struct Crew(Option<Pool>);

impl Work<'_> {
    /// Does all parts. The workers live on, so that their end is not on anybody's clock.
    pub(crate) fn run(&mut self) -> Result<(Partial, Crew), Failure> {
        let mut sum = Partial::default();
        if self.plan.parts.is_empty() {
            return Ok((sum, Crew(None)));
        }
        let mut pool = self.start()?;
        let batches = self.plan.batches();
        lock(&self.timeline).batches_from(pool.next_task_id(), batches);
        for part in &self.plan.parts {
            let summed = self.do_part(part, &mut pool);
            match summed {
                Ok(partial) => sum.merge(&partial),
                Err(failure) => {
                    let _ = pool.shutdown(Shutdown::Now);
                    return Err(match self.signals.came() {
                        Some(signal) => Failure::Signal(signal),
                        None => failure,
                    });
                }
            }
        }
        Ok((sum, Crew(Some(pool))))
    }

    fn start(&mut self) -> Result<Pool, Failure> {
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
        let pool = builder.start()?;
        self.seconds.start = began.elapsed().as_secs_f64();
        lock(&self.timeline).mark(report::What::Ready);
        let (workers, took) = (self.plan.workers, self.seconds.start * 1e3);
        self.say(&format!("Started {workers} workers in {took:.1} ms."));
        Ok(pool)
    }

    fn do_part(&mut self, part: &Part<Shard>, pool: &mut Pool) -> Result<Partial, Failure> {
        let began = Instant::now();
        let (field, records) = (self.plan.field.as_deref(), part.records.clone());
        let source = Source::new(part.shard.open()?, field, records, self.plan.transport)?;
        let mut watch = watch(self.signals);
        let handover = Handover::load(&source, &mut watch)?;
        let (handover, said) = handover.share(&source, pool, &mut watch)?;
        let mut shared = Duration::ZERO;
        if let Some(said) = said {
            shared = began.elapsed();
            self.seconds.share += shared.as_secs_f64();
            self.say(&said);
        }
        let mut sum = Partial::default();
        for step in self.plan.steps(&part.records) {
            let records = step.end - step.start;
            let partial = handover
                .reduce(&source, step.clone(), self.plan.batches, pool)
                .map_err(|error| {
                    explain(error).context(source.dataset.path().display().to_string())
                })?;
            source.dataset.check_unchanged()?;
            if let Some(keeper) = &mut self.keeper {
                keeper.keep(&part.shard, step, &partial)?;
            }
            self.progress.add(records);
            sum.merge(&partial);
        }
        handover.release(pool);
        self.seconds.run += (began.elapsed() - shared).as_secs_f64();
        Ok(sum)
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
        if let Some(mut pool) = self.0 {
            pool.memory()?;
            pool.shutdown(Shutdown::Drain)?;
        }
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
    /// Progress messages that it has sent.
    pub(crate) messages: u64,
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
                records: self.plan.records(),
                seconds: self.seconds.clone(),
                memory: as_report(&runtime::memory_in_full()),
                coordinator: timeline.coordinator(),
            },
            workers: timeline.workers(),
            memory: timeline.memory(),
            batches: self.plan.batches(),
            retries: timeline.retries(),
            messages: self.progress.messages(),
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
