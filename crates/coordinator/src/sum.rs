//! `coordinator sum`: the main job.

mod gauge;
mod plan;
mod print;
mod source;
mod step;
mod transport;

pub use print::print;
pub use source::{Source, default_field};
pub use step::Progress;
pub use transport::Handover;

use crate::cli::{Carrier, Format, SumArgs};
use crate::exit::Failure;
use crate::signals::Signals;
use crate::timeline::{Clock, Timeline, as_report, megabytes};
use crate::trace;
use anyhow::Context;
use dataset::{ChangedError, Column};
use gauge::Gauge;
use machine::machine;
use plan::Plan;
use pool::{Pool, PoolError, ReduceError, Shutdown, SubmitError};
use report::format_count;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use worker::sum::Partial;
use worker::sum::hex::float_hex;

/// Runs the job and prints its result.
pub(crate) fn run(args: SumArgs, clock: Clock) -> Result<(), Failure> {
    let signals = Signals::note().map_err(|error| {
        let hint = runtime::limit_hint(&error);
        anyhow::anyhow!("cannot watch for signals: {error}{hint}")
    })?;
    let ran = Run::new(args, clock, &signals).and_then(Run::go);
    match (ran, signals.came()) {
        (Ok(()), _) => Ok(()),
        (Err(_), Some(signal)) => Err(Failure::Signal(signal)),
        (Err(failure), None) => Err(failure),
    }
}

/// One run, from plan to report.
struct Run<'a> {
    plan: Plan,
    clock: Clock,
    signals: &'a Signals,
    timeline: Arc<Mutex<Timeline>>,
    seconds: report::Seconds,
    trace: Option<PathBuf>,
    quiet: bool,
    gauge: Arc<Gauge>,
}

impl<'a> Run<'a> {
    fn new(args: SumArgs, clock: Clock, signals: &'a Signals) -> Result<Run<'a>, Failure> {
        let timeline = Arc::new(Mutex::new(Timeline::new(clock, args.quiet)));
        let (trace, quiet) = (args.trace.clone(), args.quiet);
        let began = Instant::now();
        let plan = Plan::resolve(args)?;
        plan.reserve()?;
        if let Some(path) = &trace {
            trace::check_writable(path)?;
        }
        let load = began.elapsed().as_secs_f64();
        let gauge = Arc::new(Gauge::of(&plan));
        let seconds = report::Seconds {
            load,
            ..report::Seconds::default()
        };
        Ok(Run {
            plan,
            clock,
            signals,
            timeline,
            seconds,
            trace,
            quiet,
            gauge,
        })
    }

    fn go(mut self) -> Result<(), Failure> {
        let mut handover = self.load().map_err(|failure| self.blame_dataset(failure))?;
        let mut pool = self.start(&mut handover)?;
        let ran = self.share(handover, &mut pool).and_then(|handover| {
            let merged = self.repeat(&handover, &mut pool)?;
            self.plan.source.dataset.check_unchanged()?;
            handover.release(&mut pool);
            pool.memory()?;
            Ok(merged)
        });
        match ran {
            Ok(merged) => {
                pool.shutdown(Shutdown::Drain)?;
                self.print(&merged)
            }
            Err(failure) => {
                let _ = pool.shutdown(Shutdown::Now);
                Err(self.blame_dataset(failure))
            }
        }
    }

    /// Whatever failed, a dataset that is not what it was is to be named first.
    fn blame_dataset(&self, failure: Failure) -> Failure {
        match (self.plan.source.dataset.check_unchanged(), failure) {
            (Err(changed), Failure::Failed(error)) if !error.is::<ChangedError>() => {
                Failure::Failed(error.context(changed))
            }
            (_, failure) => failure,
        }
    }

    /// Reads the dataset where its transport wants it in memory before workers start.
    fn load(&mut self) -> Result<Handover, Failure> {
        let began = Instant::now();
        let handover = Handover::load(&self.plan.source, &mut self.watch("loading"))?;
        self.seconds.load += began.elapsed().as_secs_f64();
        lock(&self.timeline).end();
        let megabytes = self.plan.source.dataset.data_len() / (1024 * 1024);
        let records = format_count(self.plan.source.dataset.records());
        self.say(&format!("Loaded {megabytes} MB of data. {records} records"));
        let (workers, batches) = (self.plan.workers, format_count(self.plan.batches));
        self.say(&format!(
            "Will use {workers} workers for {batches} batches."
        ));
        Ok(handover)
    }

    fn start(&mut self, handover: &mut Handover) -> Result<Pool, Failure> {
        if let pool::StartMethod::Listen(path) = &self.plan.start_method {
            let (workers, path) = (self.plan.workers, path.display());
            self.say(&format!(
                "Waits for {workers} workers: worker --connect {path}"
            ));
        }
        let timeline = Arc::clone(&self.timeline);
        let (stop_asked, stop) = self.signals.stops()?;
        let mut builder = Pool::builder(self.plan.start_method.clone())
            .tasks(worker::registry())
            .workers(self.plan.workers)
            .retries(self.plan.retries)
            .start_timeout(self.plan.start_timeout)
            .carrier(self.plan.carrier.into())
            .timeline(self.plan.carrier == Carrier::Socket)
            .sandbox(self.plan.sandbox)
            .interrupted_by(self.signals.descriptor()?)
            .paused_by(stop_asked, stop)
            .watch(move |event| lock(&timeline).note(event));
        if progress::wanted(self.quiet) {
            let timeline = Arc::clone(&self.timeline);
            let gauge = Arc::clone(&self.gauge);
            builder = builder.heartbeat(gauge::EVERY, move |counters| {
                lock(&timeline).progress(gauge.done(counters));
            });
        }
        if let Some(timeout) = self.plan.timeout {
            builder = builder.task_timeout(timeout);
        }
        let began = Instant::now();
        let pool = handover.attach_first(builder).start()?;
        self.seconds.start = began.elapsed().as_secs_f64();
        lock(&self.timeline).mark(report::What::Ready);
        let took = self.seconds.start * 1e3;
        let (asked, ready) = (self.plan.workers, pool.ready());
        // Where others cannot be started, some are enough.
        let of = if ready < asked {
            format!(" of {asked}")
        } else {
            String::new()
        };
        self.say(&format!(
            "Started {}{of} workers in {took:.1} ms.",
            ready.min(asked)
        ));
        Ok(pool)
    }

    fn share(&mut self, handover: Handover, pool: &mut Pool) -> Result<Handover, Failure> {
        let began = Instant::now();
        let source = &self.plan.source;
        let (handover, said) = handover.share(source, pool, &mut self.watch("sharing"))?;
        lock(&self.timeline).end();
        match said {
            Some(said) => {
                self.seconds.share = began.elapsed().as_secs_f64();
                self.say(&said);
            }
            // Nothing was shared: the dataset was opened for its transport.
            None => self.seconds.load += began.elapsed().as_secs_f64(),
        }
        Ok(handover)
    }

    fn repeat(&mut self, handover: &Handover, pool: &mut Pool) -> Result<Partial, Failure> {
        let mut first: Option<Partial> = None;
        lock(&self.timeline).begin("summing", self.gauge.total());
        for repetition in 0..self.plan.repeat {
            let (source, batches) = (&self.plan.source, self.plan.batches);
            lock(&self.timeline).batches_from(pool.next_task_id(), batches);
            self.say(&format!(
                "Dispatches batches. {}",
                megabytes(&runtime::memory())
            ));
            let began = Instant::now();
            let merged = handover
                .reduce(source, source.records.clone(), batches, pool)
                .map_err(explain)?;
            let took = began.elapsed().as_secs_f64();
            if repetition == 0 {
                self.seconds.run = took;
            }
            if self.plan.repeat > 1 {
                self.seconds.repeats.push(took);
            }
            self.say(&format!(
                "Has all results. {}",
                megabytes(&runtime::memory())
            ));
            match &first {
                None => first = Some(merged),
                Some(before) if *before == merged => {}
                Some(_) => {
                    let path = source.dataset.path().display();
                    let why = format!("repetitions gave different sums: {path} changes meanwhile");
                    return Err(anyhow::anyhow!(why).into());
                }
            }
        }
        lock(&self.timeline).end();
        Ok(first.expect("at least one repetition"))
    }

    fn print(mut self, merged: &Partial) -> Result<(), Failure> {
        self.seconds.total = self.seconds.start + self.seconds.run;
        let mut timeline = lock(&self.timeline);
        timeline.mark(report::What::Ended);
        let (sum, dataset) = (merged.value(), &self.plan.source.dataset);
        let mut report = report::Sum {
            schema: report::SCHEMA,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: pool::PROTOCOL,
            machine: machine(),
            dataset: report::Dataset {
                path: dataset.path().display().to_string(),
                shards: None,
                records: dataset.records(),
                itemsize: dataset.layout().itemsize as u64,
                field: self.plan.field.clone(),
                bytes: dataset.data_len(),
            },
            plan: report::Plan {
                start_method: self.plan.start_word,
                transport: self.plan.source.transport,
                workers: self.plan.workers as u32,
                batches: self.plan.batches,
            },
            result: report::SumResult {
                sum: sum.is_finite().then_some(sum),
                sum_hex: float_hex(sum),
                sum_int: sum_int(merged, &self.plan.source.column),
                count: merged.count(),
                nan_count: merged.nan_count(),
            },
            retries: timeline.retries(),
            seconds: self.seconds.clone(),
            memory: report::MemoryReport {
                coordinator: as_report(&runtime::memory_in_full()),
                workers: timeline.memory(),
            },
            coordinator: timeline.coordinator(),
            workers: timeline.workers(),
            ranks: Vec::new(),
        };
        report.seconds.end_to_end = self.clock.seconds();
        report.seconds.void = self.signals.continued();
        timeline.say(&format!("Done in {:.2} s.", report.seconds.end_to_end));
        finish(&report, self.plan.format, self.trace.as_deref())
    }

    /// Draws the progress of a long step, and lets it stop when a signal comes.
    fn watch(&self, what: &'static str) -> impl FnMut(u64) -> ControlFlow<()> + use<'a> {
        let (signals, timeline) = (self.signals, Arc::clone(&self.timeline));
        lock(&timeline).begin(what, self.plan.source.len());
        move |bytes| {
            lock(&timeline).progress(bytes);
            match signals.came() {
                Some(_) => ControlFlow::Break(()),
                None => ControlFlow::Continue(()),
            }
        }
    }

    fn say(&self, text: &str) {
        lock(&self.timeline).say(text);
    }
}

/// Prints the result, and writes the trace if one was asked for. Neither is lost where the other fails.
///
/// # Errors
/// That of the result, else that of the trace.
pub fn finish(report: &report::Sum, format: Format, trace: Option<&Path>) -> Result<(), Failure> {
    let printed = print(report, format).context("cannot print the result");
    let traced = trace.map_or(Ok(()), |path| trace::write(path, report));
    printed?;
    Ok(traced?)
}

/// The exact sum in digits, of a column of integers.
pub fn sum_int(merged: &Partial, column: &Column) -> Option<String> {
    let integers = column.scalar.kind.is_integer();
    let sum = merged.integer().filter(|_| integers)?;
    Some(sum.to_string())
}

fn lock(timeline: &Mutex<Timeline>) -> MutexGuard<'_, Timeline> {
    timeline.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Speaks of batches where the pool speaks of parts.
pub fn explain(error: ReduceError) -> anyhow::Error {
    match error {
        ReduceError::Part { part, failure } => anyhow::anyhow!("batch {part}: {failure}"),
        ReduceError::Submit(SubmitError::Pool(PoolError::Interrupted)) => {
            anyhow::anyhow!("interrupted")
        }
        ReduceError::Submit(error) => error.into(),
    }
}
