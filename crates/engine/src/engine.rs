//! The engine: its tables, and the calls that the shell makes.

mod close;
mod ends;
mod place;
mod progress;
mod starts;
mod time;

use crate::classes::Classes;
use crate::deadlines::Deadlines;
use crate::queue::Queue;
use crate::set::Set;
use crate::starting::Starts;
use crate::tasks::{Place, Tasks};
use crate::workers::{Entry, Holds, State, Workers};
use crate::{Capabilities, Config, Effect, Event, Outcome, TaskId, TaskSpec, WorkerId};
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
    /// Workers that hold nothing, take tasks and have not been offered any. The first of them is offered
    /// the next task, so that few workers of many stay in use.
    idle: BTreeSet<u32>,
    /// Workers whose unclaimed entries are worth another worker's while.
    heavy: Set,
    /// Workers with unclaimed entries that have made no progress for the time of a credit.
    stalled: Set,
    starts: Starts,
    stage: Stage,
    effects: VecDeque<Effect>,
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
}

/// An entry for a worker to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assignment {
    /// Its number among the worker's entries.
    pub entry: u64,
    /// The task.
    pub task: TaskId,
}

/// Sizes of the engine's tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footprint {
    /// Slots for tasks, used or not.
    pub task_slots: usize,
    /// Places in the queue, tombstones included.
    pub queue_places: usize,
    /// Places that compaction of the queue has looked at since the start.
    pub queue_moved: u64,
    /// Entries of the heap of deadlines.
    pub deadlines: usize,
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
            idle: BTreeSet::new(),
            heavy: Set::default(),
            stalled: Set::default(),
            stage: Stage::Open,
            effects: VecDeque::new(),
        };
        engine.start_missing(now);
        engine
    }

    /// Accepts a task. An idle worker is offered it by an effect.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub fn submit(&mut self, now: u64, spec: TaskSpec) -> Result<TaskId, SubmitError> {
        if self.stage != Stage::Open {
            return Err(SubmitError::Closed);
        }
        if self.is_full() {
            return Err(SubmitError::Full);
        }
        let task = self.tasks.insert(spec);
        self.queue.push_back(task);
        self.demand(now);
        self.offer_idle();
        Ok(task)
    }

    /// Resolves a task as cancelled. One that has begun is ended with its worker. `false` where the
    /// task is resolved already.
    pub fn cancel(&mut self, now: u64, task: TaskId) -> bool {
        self.give_up(now, task, Holds::Cancelled, Outcome::Cancelled)
    }

    /// Resolves a task whose result nobody wants. One that has begun runs to its end. `false` where
    /// the task is resolved already.
    pub fn withdraw(&mut self, now: u64, task: TaskId) -> bool {
        self.give_up(now, task, Holds::Withdrawn, Outcome::Withdrawn)
    }

    /// Something has happened to a worker.
    pub fn handle(&mut self, now: u64, event: Event) {
        match event {
            Event::StartFailed { worker, permanent } => self.start_failed(now, worker, permanent),
            Event::Ready {
                worker,
                capabilities,
            } => self.ready(now, worker, capabilities),
            Event::Refused { worker } => self.refused(now, worker),
            Event::Room { worker } => self.room(now, worker),
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
    }

    /// The next thing to do for the shell, in order.
    pub fn pop_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// The unresolved task of a worker's entry: whom its result is for. `None` where the result is
    /// not wanted any more.
    #[must_use]
    pub fn task_at(&self, worker: WorkerId, entry: u64) -> Option<TaskId> {
        match self.workers.get(worker)?.entry(entry)?.holds {
            Holds::Task(task) => Some(task),
            _ => None,
        }
    }

    /// Whether a result of this entry may come: it was sent, and neither finished nor recalled.
    #[must_use]
    pub fn is_open(&self, worker: WorkerId, entry: u64) -> bool {
        self.workers
            .get(worker)
            .is_some_and(|worker| worker.entry(entry).is_some())
    }

    /// Whether the worker is ready and takes tasks.
    #[must_use]
    pub fn is_serving(&self, worker: WorkerId) -> bool {
        let serving = |worker: &crate::workers::Worker| {
            matches!(worker.state, State::Serving { .. } | State::Checking { .. })
        };
        self.workers.get(worker).is_some_and(serving)
    }

    /// Whether the task has no result yet.
    #[must_use]
    pub fn is_unresolved(&self, task: TaskId) -> bool {
        self.tasks.get(task).is_some()
    }

    /// Whether the task waits for a worker.
    #[must_use]
    pub fn is_queued(&self, task: TaskId) -> bool {
        self.tasks
            .get(task)
            .is_some_and(|task| task.place == Place::Queued)
    }

    /// How often workers have died while they ran an unresolved task.
    #[must_use]
    pub fn deaths(&self, task: TaskId) -> u32 {
        self.tasks.get(task).map_or(0, |task| task.deaths)
    }

    /// Whether as many tasks are unresolved as the bound allows.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let more = usize::from(defect!(self, BoundOffByOne));
        self.tasks.len() >= self.config.bound.saturating_add(more)
    }

    /// Tasks without a result.
    #[must_use]
    pub fn unresolved(&self) -> usize {
        self.tasks.len()
    }

    /// Tasks that no worker holds.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Workers that exist, ready or not.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.workers.len()
    }

    /// Workers that are ready and have not been asked to end.
    #[must_use]
    pub fn serving(&self) -> usize {
        self.starts.serving as usize
    }

    /// Whether the pool has ended: nothing is left to be reported.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.stage, Stage::Closing | Stage::Failed) && self.workers.len() == 0
    }

    /// Whether the pool has failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.stage == Stage::Failed
    }

    /// Sizes of the tables, for tests.
    #[must_use]
    pub fn footprint(&self) -> Footprint {
        Footprint {
            task_slots: self.tasks.slots(),
            queue_places: self.queue.places(),
            queue_moved: self.queue.moved(),
            deadlines: self.deadlines.len(),
            worker_slots: self.workers.slots(),
            effects: self.effects.len(),
        }
    }

    fn give_up(&mut self, now: u64, task: TaskId, holds: Holds, outcome: Outcome) -> bool {
        let Some(was_at) = self.tasks.get(task).map(|task| task.place) else {
            return false;
        };
        let unresolved = defect!(self, CancelUnresolved) && matches!(was_at, Place::Held { .. });
        self.tasks.remove(task);
        if !unresolved {
            self.effects.push_back(Effect::Resolve { task, outcome });
        }
        match was_at {
            Place::Queued => self.forget_queued(),
            Place::Held { worker, entry } => self.abandon(now, worker, entry, holds, task),
        }
        self.leave_if_drained(now);
        true
    }

    fn forget_queued(&mut self) {
        let compact = !defect!(self, KeepTombstones);
        let tasks = &self.tasks;
        self.queue.forget(compact, |task| tasks.get(task).is_some());
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
