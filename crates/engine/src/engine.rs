//! The engine: its tables, and the calls that the shell makes.

mod again;
mod batches;
mod close;
mod ends;
mod place;
mod progress;
mod staff;
mod starts;
mod time;
mod view;

pub use batches::{Grown, MAX_BATCH};

use crate::WorkerId;
use crate::classes::Classes;
use crate::deadlines::Deadlines;
use crate::queue::{Flaws, Queue};
use crate::set::Set;
use crate::starting::Starts;
use crate::tasks::{Piece, Place, Tasks};
use crate::timers::{Due, Timers};
use crate::worker::{Entry, Holds, State};
use crate::workers::Workers;
use crate::{
    Capabilities, Config, Effect, Event, Outcome, Parted, Priority, TaskAt, TaskId, TaskSpec,
};
use std::collections::{BTreeSet, VecDeque};

/// See the [crate's documentation](crate).
#[derive(Debug)]
pub struct Engine {
    config: Config,
    tasks: Tasks,
    queue: Queue,
    workers: Workers,
    classes: Classes,
    deadlines: Deadlines,
    timers: Timers,
    /// Workers that hold nothing, take tasks and have not been offered any. The first of them is offered
    /// the next task, so that few workers of many stay in use.
    idle: BTreeSet<u32>,
    /// Workers that were offered tasks and have not asked for them.
    offers: u32,
    standby: BTreeSet<u32>,
    /// Workers whose unclaimed entries are worth another worker's while.
    heavy: Set,
    /// Workers with unclaimed entries that have made no progress for the time of a credit.
    stalled: Set,
    /// Since when idle workers were not offered what is queued, because processors are taken.
    withheld_ns: Option<u64>,
    starts: Starts,
    stage: Stage,
    effects: VecDeque<Effect>,
    parted: VecDeque<Parted>,
}

/// How far the pool's end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// It ends when no task is unresolved.
    Draining,
    /// Its workers are being ended.
    Closing,
    Failed,
}

/// How a pool is shut down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// All tasks get their results first; workers are asked to exit.
    Drain,
    /// Tasks are resolved at once; workers get SIGTERM, then SIGKILL after the grace period.
    Now,
    /// Tasks are resolved at once; workers get SIGKILL.
    Drop,
}

/// Why a task was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubmitError {
    /// As many tasks are unresolved as the bound allows.
    Full,
    /// The pool shuts down or has failed.
    Closed,
    /// The worker that the task is pinned to takes no tasks.
    NoWorker,
}

/// Entries for a worker to send: of one task, or of tasks of a batch that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assignment {
    /// The number of the first among the worker's entries.
    pub entry: u64,
    /// The task, or the batch.
    pub task: TaskId,
    /// The place of the first in its batch; 0 for a single task.
    pub first: u32,
    /// How many entries, and tasks.
    pub count: u32,
    /// How often it has been begun, as far as is known, this time included.
    pub attempt: u32,
}

/// How many entries a worker is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deal {
    /// What it will probably run within its credit, up to this number.
    ByTime(usize),
    /// As many as this, whatever time they are expected to take: for workers with lanes, before the
    /// caller goes away.
    ByNumber(usize),
}

/// Sizes of the engine's tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footprint {
    /// Slots for tasks, used or not.
    pub task_slots: usize,
    /// Places in the queue, tombstones included.
    pub queue_places: usize,
    /// Places of tasks that were resolved while they waited.
    pub queue_tombstones: usize,
    /// Places that compaction of the queue has looked at since the start.
    pub queue_moved: u64,
    /// Entries of the heap of workers' deadlines.
    pub deadlines: usize,
    /// Entries of the heap of tasks' deadlines and pauses.
    pub timers: usize,
    /// Slots for workers, used or not.
    pub worker_slots: usize,
    /// Effects that were not taken yet.
    pub effects: usize,
}

impl Engine {
    /// A pool without workers. Those it is to start are among its first effects.
    #[must_use]
    pub fn new(now: u64, config: Config) -> Engine {
        let mut engine = Engine {
            starts: Starts::new(now, &config),
            config,
            tasks: Tasks::default(),
            queue: Queue::default(),
            workers: Workers::default(),
            classes: Classes::default(),
            deadlines: Deadlines::default(),
            timers: Timers::default(),
            idle: BTreeSet::new(),
            offers: 0,
            standby: BTreeSet::new(),
            heavy: Set::default(),
            stalled: Set::default(),
            withheld_ns: None,
            stage: Stage::Open,
            effects: VecDeque::new(),
            parted: VecDeque::new(),
        };
        engine.start_missing(now);
        engine
    }

    /// Accepts a task. An idle worker is offered it by an effect.
    ///
    /// # Errors
    /// [`SubmitError`].
    #[inline]
    pub fn submit(&mut self, now: u64, spec: TaskSpec) -> Result<TaskId, SubmitError> {
        let task = self.accept(spec, Place::Queued, 1)?;
        self.queue.push_back(spec.priority, Piece::single(task));
        self.demand(now, 1);
        self.offer_where_gain(now);
        self.make_way(spec.priority);
        self.staff(now);
        Ok(task)
    }

    /// Accepts a task that only this worker may run: once, whatever its retries. It is resolved as
    /// [`Outcome::WorkerGone`] where the worker ends or retires before.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub fn submit_to(&mut self, worker: WorkerId, spec: TaskSpec) -> Result<TaskId, SubmitError> {
        if !self.takes_tasks(worker) {
            return Err(SubmitError::NoWorker);
        }
        let retries = 0;
        let pinned = Place::Pinned {
            worker: worker.index,
        };
        let task = self.accept(TaskSpec { retries, ..spec }, pinned, 1)?;
        if let Some(known) = self.tasks.get_mut(task) {
            known.pinned = Some(worker);
        }
        let known = self.workers.at(worker.index);
        known.pinned.push_back(task);
        if self.idle.remove(&worker.index) {
            self.offer(worker.index);
        }
        Ok(task)
    }

    #[inline]
    fn accept(&mut self, spec: TaskSpec, at: Place, count: u32) -> Result<TaskId, SubmitError> {
        if self.stage != Stage::Open {
            return Err(SubmitError::Closed);
        }
        if self.has_no_room(count) {
            return Err(SubmitError::Full);
        }
        let task = self.tasks.insert(spec, at, count);
        if let Some(at_ns) = spec.deadline_ns {
            self.remind(at_ns, task, Due::Expires);
        }
        Ok(task)
    }

    /// Resolves a task as cancelled. One that has begun is ended with its worker. `false` where the
    /// task is resolved already.
    pub fn cancel(&mut self, now: u64, task: TaskId) -> bool {
        let given_up = self.give_up(now, task, Holds::Cancelled, Outcome::Cancelled);
        self.staff(now);
        given_up
    }

    /// Resolves a task whose result nobody wants. One that has begun runs to its end. `false` where
    /// the task is resolved already.
    pub fn withdraw(&mut self, now: u64, task: TaskId) -> bool {
        self.give_up(now, task, Holds::Withdrawn, Outcome::Withdrawn)
    }

    /// Something has happened to a worker. [`pop_parted`](Self::pop_parted) is to be called before anything
    /// else.
    pub fn handle(&mut self, now: u64, event: Event) {
        match event {
            Event::StartFailed { worker, permanent } => self.start_failed(now, worker, permanent),
            Event::Ready {
                worker,
                capabilities,
            } => self.ready(now, worker, capabilities),
            Event::Refused { worker } => self.refused(now, worker),
            Event::Room { worker } => self.room(now, worker),
            Event::HeldUp { worker, ns } => self.held_up(now, worker, ns),
            Event::Began {
                worker,
                entry,
                at_ns,
            } => self.began(now, worker, entry, at_ns),
            Event::Done { worker, entry } => self.done(now, worker, entry),
            Event::Finished {
                worker,
                entries,
                ran_ns,
                rss,
            } => self.finished(now, worker, entries, ran_ns, rss),
            Event::Recalled { worker, entries } => self.recalled(now, worker, entries),
            Event::SendFailed {
                worker,
                entry,
                transient,
            } => self.send_failed(now, worker, entry, transient),
            Event::OutputTooLong { worker, entry } => self.output_too_long(now, worker, entry),
            Event::Closed { worker } => self.closed(now, worker),
            Event::Violation { worker } => self.violation(now, worker),
            Event::Died {
                worker,
                death,
                not_begun,
            } => self.died(now, worker, death, not_begun),
        }
        self.leave_if_drained(now);
        self.staff(now);
    }

    /// The next task that has left its batch.
    pub fn pop_parted(&mut self) -> Option<Parted> {
        self.parted.pop_front()
    }

    /// The next thing to do for the shell, in order.
    pub fn pop_effect(&mut self) -> Option<Effect> {
        let effect = self.effects.pop_front();
        if let Some(Effect::Resolve { task, .. }) = effect {
            self.tasks.release(task);
        }
        effect
    }

    fn give_up(&mut self, now: u64, task: TaskId, holds: Holds, outcome: Outcome) -> bool {
        let Some(known) = self.tasks.remove(task) else {
            return false;
        };
        let unresolved =
            defect!(self, CancelUnresolved) && matches!(known.place, Place::Held { .. });
        if !unresolved {
            self.effects.push_back(Effect::Resolve { task, outcome });
        }
        match known.place {
            Place::Spread => {
                let tasks = known.waits.count_ones();
                self.forget(known.spec.priority, (tasks, known.places));
                self.abandon_batch(now, task, holds);
            }
            Place::Queued => self.forget(known.spec.priority, (1, 1)),
            Place::Paused => {}
            Place::Pinned { worker } => {
                self.workers.at(worker).pinned.retain(|&it| it != task);
                self.watch(worker);
            }
            Place::Held { worker, entry } => self.abandon(now, worker, entry, holds, task),
        }
        self.leave_if_drained(now);
        true
    }

    /// Tasks in the queue have been resolved.
    fn forget(&mut self, priority: Priority, tasks_and_places: (u32, u32)) {
        let (flaws, tasks) = (self.flaws(), &self.tasks);
        let live = |piece| tasks.waiting(piece);
        self.queue.forget(priority, tasks_and_places, flaws, live);
    }

    fn flaws(&self) -> Flaws {
        Flaws {
            keeps_tombstones: defect!(self, KeepTombstones),
            one_level: defect!(self, OnePriority),
            no_patience: defect!(self, NoPatience),
        }
    }

    fn resolve(&mut self, task: TaskId, outcome: Outcome) {
        if self.tasks.remove(task).is_some() {
            self.effects.push_back(Effect::Resolve { task, outcome });
        }
    }
}

/// Whether a deliberate defect is on; never in a normal build.
macro_rules! defect {
    ($engine:expr, $defect:ident) => {{
        #[cfg(feature = "defects")]
        let on = $engine.config.defect == Some(crate::Defect::$defect);
        #[cfg(not(feature = "defects"))]
        let on = false;
        on
    }};
}
use defect;
