//! What happened when: printed while it happens, and kept for the report.

use pool::{Event, What, WorkerId};
use progress::Progress;
use report::{Coordinator, Ended};
use std::collections::BTreeMap;

/// Events that are kept of one process; more are counted only.
const MAX_EVENTS: usize = 10_000;
/// Batches of which lines are printed; more would be read by nobody.
const MAX_BATCH_LINES: u64 = 200;

/// The coordinator's start, on the clock of all processes of the machine.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start_ns: u64,
}

impl Clock {
    /// Starts now.
    pub fn start() -> Clock {
        Clock {
            start_ns: runtime::now_ns(),
        }
    }

    /// Starts at a time of this machine's monotonic clock, in nanoseconds.
    pub fn at(start_ns: u64) -> Clock {
        Clock { start_ns }
    }

    /// Its start, on the machine's monotonic clock in nanoseconds.
    pub fn start_ns(&self) -> u64 {
        self.start_ns
    }

    /// Seconds from the start to a time.
    pub fn seconds_at(&self, at_ns: u64) -> f64 {
        at_ns as f64 / 1e9 - self.start_ns as f64 / 1e9
    }

    /// Seconds since the start.
    pub fn seconds(&self) -> f64 {
        self.seconds_at(runtime::now_ns())
    }
}

/// What happened when.
pub struct Timeline {
    clock: Clock,
    quiet: bool,
    rank: Option<u32>,
    /// The number of the task that is batch 0 of the current repetition, and how many there are.
    first_task: u64,
    batches: u64,
    coordinator: Vec<report::Event>,
    coordinator_dropped: u64,
    workers: BTreeMap<WorkerId, Life>,
    retries: u64,
    /// Of the step that is under way; lines are printed above it.
    progress: Progress,
}

/// What is known of one worker.
struct Life {
    was_ready: bool,
    worker: report::Worker,
    memory: Option<pool::Memory>,
}

impl Timeline {
    /// Begins with the start of the clock; prints nothing if `quiet`.
    pub fn new(clock: Clock, quiet: bool) -> Timeline {
        let started = report::Event {
            t: 0.0,
            what: report::What::Started,
            batch: None,
        };
        Timeline {
            clock,
            quiet,
            rank: None,
            first_task: 0,
            batches: 0,
            coordinator: vec![started],
            coordinator_dropped: 0,
            workers: BTreeMap::new(),
            retries: 0,
            progress: Progress::none(),
        }
    }

    /// The same of one rank of several, which its lines and its workers say.
    #[must_use]
    pub fn of_rank(mut self, rank: u32) -> Timeline {
        self.rank = Some(rank);
        self
    }

    /// A step that takes a while begins. The step before has ended.
    pub(crate) fn begin(&mut self, what: &'static str, bytes: u64) {
        self.progress = Progress::bytes(what, bytes, progress::wanted(self.quiet));
    }

    /// So much of the step is done.
    pub(crate) fn progress(&mut self, bytes: u64) {
        self.progress.to(bytes);
    }

    /// No step is under way.
    pub(crate) fn end(&mut self) {
        self.progress = Progress::none();
    }

    /// A line of the coordinator's own.
    pub fn say(&self, text: &str) {
        self.line("MainProcess", self.clock.seconds(), text);
    }

    /// Something happened to the coordinator itself, now.
    pub fn mark(&mut self, what: report::What) {
        let event = (self.clock.seconds(), what, None);
        keep(&mut self.coordinator, &mut self.coordinator_dropped, event);
    }

    /// Tasks from `first` on are the batches of a repetition.
    pub fn batches_from(&mut self, first: u64, batches: u64) {
        (self.first_task, self.batches) = (first, batches);
    }

    /// Something happened in the pool.
    pub fn note(&mut self, event: &Event<'_>) {
        let at = self.clock.seconds_at(event.at_ns);
        let batch = |task: u64| task.checked_sub(self.first_task);
        let life = self
            .workers
            .entry(event.worker)
            .or_insert_with(|| Life::new(event.name, self.rank));
        if event.pid != 0 {
            life.worker.pid = event.pid;
        }
        let chatty = self.batches <= MAX_BATCH_LINES;
        match &event.what {
            What::Started => life.keep(at, report::What::Started, None),
            What::Ready => {
                life.was_ready = true;
                life.keep(at, report::What::Ready, None);
            }
            What::HandedOut { task } => {
                let event = (at, report::What::Sent, batch(*task));
                keep(&mut self.coordinator, &mut self.coordinator_dropped, event);
            }
            What::Received { task, memory } => {
                life.keep(at, report::What::Received, batch(*task));
                if chatty {
                    self.line(
                        event.name,
                        at,
                        &format!("Received data. {}", megabytes(memory)),
                    );
                }
            }
            What::Computed { task, memory } => {
                life.keep(at, report::What::Computed, batch(*task));
                if let (true, Some(memory)) = (chatty, memory) {
                    self.line(
                        event.name,
                        at,
                        &format!("Sends its result. {}", megabytes(memory)),
                    );
                }
            }
            What::Sent { task } => {
                life.worker.batches += 1;
                life.keep(at, report::What::Sent, batch(*task));
                let event = (at, report::What::Received, batch(*task));
                keep(&mut self.coordinator, &mut self.coordinator_dropped, event);
            }
            What::Retried { task } => {
                self.retries += 1;
                let number = batch(*task).unwrap_or(*task);
                self.line(
                    event.name,
                    at,
                    &format!("Died of batch {number}, which is run again."),
                );
            }
            What::Stdout(line) | What::Stderr(line) => self.line(event.name, at, line),
            What::Log(record) => self.line(event.name, at, record.message),
            // No task of ours says these.
            What::Progress { .. } | What::Note { .. } => {}
            What::Memory(memory) => life.memory = Some(*memory),
            What::Ended(ending) => {
                life.worker.ended = match *ending {
                    pool::Ending::Exit(code) => Some(Ended::Exit(code)),
                    pool::Ending::Signal(signal) => Some(Ended::Signal(signal)),
                    pool::Ending::Left | pool::Ending::Unknown => None,
                };
                life.keep(at, report::What::Ended, None);
            }
        }
    }

    /// Batches that were dispatched again.
    pub fn retries(&self) -> u64 {
        self.retries
    }

    /// The coordinator's own events.
    pub fn coordinator(&self) -> Coordinator {
        Coordinator {
            pid: std::process::id(),
            events: self.coordinator.clone(),
            events_dropped: self.coordinator_dropped,
        }
    }

    /// Every worker that ever was ready. An answer is noted when it arrives, by when its worker may
    /// have reported later batches: here they are in order.
    pub fn workers(&self) -> Vec<report::Worker> {
        let mut workers: Vec<_> = self.ready().map(|life| life.worker.clone()).collect();
        for worker in &mut workers {
            worker
                .events
                .sort_by(|one, other| one.t.total_cmp(&other.t));
        }
        workers
    }

    /// The memory of those that reported it.
    pub fn memory(&self) -> Vec<report::Memory> {
        self.ready()
            .filter_map(|life| life.memory.as_ref().map(as_report))
            .collect()
    }

    fn ready(&self) -> impl Iterator<Item = &Life> {
        self.workers.values().filter(|life| life.was_ready)
    }

    fn line(&self, name: &str, at: f64, text: &str) {
        if self.quiet {
            return;
        }
        let rank = self.rank.map(|rank| format!("{rank}:")).unwrap_or_default();
        let full = format!("{rank}{name}");
        let name = if name == "MainProcess" {
            format!("{full:<16}")
        } else {
            format!("{full:>16}")
        };
        self.progress.line(&format!("{name} [{at:>5.2}s] {text}"));
    }
}

impl Life {
    fn new(name: &str, rank: Option<u32>) -> Life {
        let worker = report::Worker {
            name: name.to_owned(),
            pid: 0,
            rank,
            batches: 0,
            ended: None,
            events: Vec::new(),
            events_dropped: 0,
        };
        Life {
            was_ready: false,
            worker,
            memory: None,
        }
    }

    fn keep(&mut self, t: f64, what: report::What, batch: Option<u64>) {
        let worker = &mut self.worker;
        keep(
            &mut worker.events,
            &mut worker.events_dropped,
            (t, what, batch),
        );
    }
}

/// Adds an event to those of a process, or counts it where there are too many.
fn keep(
    events: &mut Vec<report::Event>,
    dropped: &mut u64,
    (t, what, batch): (f64, report::What, Option<u64>),
) {
    if events.len() < MAX_EVENTS {
        events.push(report::Event { t, what, batch });
    } else {
        *dropped += 1;
    }
}

/// As the report has it.
pub fn as_report(memory: &pool::Memory) -> report::Memory {
    report::Memory {
        heap: memory.heap,
        heap_peak: memory.heap_peak,
        rss: memory.rss,
        rss_peak: memory.rss_peak,
        pss: memory.pss,
        private: memory.private,
    }
}

/// `heap 0 MB (peak 0 MB), rss 3 MB`, in units of 1024 × 1024 bytes.
pub fn megabytes(memory: &pool::Memory) -> String {
    let mb = |bytes: u64| bytes / (1024 * 1024);
    let pool::Memory {
        heap,
        heap_peak,
        rss,
        ..
    } = *memory;
    format!(
        "heap {} MB (peak {} MB), rss {} MB",
        mb(heap),
        mb(heap_peak),
        mb(rss)
    )
}
