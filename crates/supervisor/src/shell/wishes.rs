//! What a few tasks have: priorities, deadlines, runs after a failure, progress, one run on every worker.

use super::Shell;
use super::absence::MESSAGE;
use crate::batch::{Batch, MAX_BATCH};
use crate::call::Call;
use crate::event::What;
use crate::failure::{PoolError, SubmitError, TaskFailure};
use crate::ids::{TaskId, WorkerId};
use crate::input::Input;
use crate::reply::Reply;
use crate::reserve;
use crate::settings::{MAX_WORKERS, nanoseconds};
use engine::{Grown, TaskAt, TaskSpec};
use runtime::{last_tick_ns, now_ns};
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

impl Shell {
    /// What the engine has to know of a call.
    #[inline]
    pub(super) fn spec(&self, class: u32, call: &Call) -> TaskSpec {
        let limits = &self.settings.limits;
        let extras = call.extras();
        let timeout = extras.timeout.or(limits.task_timeout);
        let deadline = extras.deadline.map(nanoseconds);
        let mut spec = TaskSpec {
            class,
            retries: extras.retries(limits.retries),
            limit_ns: timeout.map(nanoseconds),
            exclusive: matches!(extras.input, Input::Stream(_)),
            priority: extras.priority,
            deadline_ns: deadline.map(|after_ns| self.now().saturating_add(after_ns)),
            ..TaskSpec::new()
        };
        if let Some(again) = &extras.again
            && (again.after)(&TaskFailure::TimedOut(timeout.unwrap_or(Duration::MAX)))
        {
            spec.time_outs = again.times;
            spec.pause_ns = nanoseconds(again.pause);
        }
        spec
    }

    /// Whether calls may be in batches: nothing is counted for each of them.
    fn has_batches(&self) -> bool {
        let timeout = self.settings.limits.task_timeout;
        !self.hooks.is_watched() && timeout.is_none() && !self.crew.laned.is_empty()
    }

    /// How many calls of a task of this name are worth a batch; 1 where each has to be submitted for itself.
    pub fn batch_size(&mut self, name: &'static str) -> usize {
        if !self.has_batches() {
            return 1;
        }
        let limits = &self.settings.limits;
        // Where others have taken most of the queue, each call has to find a place for itself.
        let places = limits.queue.saturating_sub(self.engine.unresolved());
        let class = self.jobs.class(name);
        self.engine.batch_size(class).min(MAX_BATCH).min(places)
    }

    /// Takes a batch in, as [`take_in`](Self::take_in) does one call; the number of its first task.
    pub fn take_batch_in(&mut self, batch: Batch, reply: Arc<dyn Reply>) -> Option<TaskId> {
        if let Err(error) = self.check() {
            self.refuse_batch(&batch, &*reply, &TaskFailure::Pool(error));
            return None;
        }
        let number = self.jobs.next();
        let class = self.jobs.class(batch.task());
        let spec = TaskSpec {
            class,
            retries: self.settings.limits.retries,
            ..TaskSpec::new()
        };
        let now = self.now();
        match self.engine.submit_batch(now, spec, batch.len() as u32) {
            Ok(key) => {
                self.jobs.insert_batch(key, number, class, batch, reply);
                Some(number)
            }
            Err(_) => {
                self.refuse_batch(&batch, &*reply, &TaskFailure::ShutDown);
                None
            }
        }
    }

    /// Takes a small call in while all workers are busy, and starts it: calls of one task that follow each other
    /// become a batch. Gives back one that has to be taken in for itself.
    #[inline]
    pub(super) fn submit_small(
        &mut self,
        number: Option<TaskId>,
        class: u32,
        call: Call,
    ) -> Result<TaskId, Call> {
        let again = std::mem::replace(&mut self.crew.class, class) == class;
        let fits = again && number.is_none() && call.fits_batch() && self.check().is_ok();
        if !fits || !self.engine.is_small(class, 1) || !self.has_batches() {
            return Err(call);
        }
        // A tick more or less is nothing to what is small.
        let tick = last_tick_ns().saturating_sub(self.health.paused_ns);
        if let Some(batch) = self.jobs.grows(class) {
            let crew = &self.crew;
            let grown = self
                .engine
                .grow(tick, batch, |worker| crew.has_room(worker));
            if let Some(grown) = grown {
                let number = self.jobs.add(batch, call);
                if let Grown::Dealt(worker, assignment) = grown {
                    self.send_one(worker, assignment);
                }
                self.start_small(class, false);
                return Ok(number);
            }
        }
        let spec = TaskSpec {
            class,
            retries: self.settings.limits.retries,
            ..TaskSpec::new()
        };
        self.crew.holds_wakes = true;
        let now = self.now();
        let Ok(key) = self.engine.submit_batch(now, spec, 1) else {
            return Err(call);
        };
        let number = self.jobs.insert_first(key, class, call);
        self.start_small(class, true);
        Ok(number)
    }

    /// Starts a small call that was taken in. `due`: something may be due sooner for it.
    fn start_small(&mut self, class: u32, due: bool) {
        self.crew.waiting += 1;
        if !self.engine.is_small(class, self.crew.waiting) {
            return self.start_queued();
        }
        if self.engine.queued() > 0 && !self.crew.full {
            let now = self.now();
            self.fill_lanes(now);
        }
        if due || self.crew.unarmed {
            self.arm_if_sooner();
        }
    }

    /// Tasks that are to be given up, newest first: of a batch, all at once where that is all that is left of it.
    pub(super) fn newest_first(
        &mut self,
        numbers: impl IntoIterator<Item = TaskId>,
    ) -> Vec<(TaskAt, bool)> {
        let (mut tasks, mut batches) = (Vec::new(), HashMap::<_, BTreeSet<TaskId>>::new());
        for number in numbers {
            match self.jobs.task_at(number) {
                Some(at) if self.jobs.left(at.task) > 1 => {
                    batches.entry(at.task).or_default().insert(number);
                }
                Some(at) => tasks.push((number, at, true)),
                None => {}
            }
        }
        for (batch, numbers) in batches {
            let all = numbers.len() == self.jobs.left(batch);
            let few = if all { 1 } else { numbers.len() };
            for number in numbers.into_iter().rev().take(few) {
                let at = self.jobs.task_at(number);
                tasks.extend(at.map(|at| (number, at, all)));
            }
        }
        tasks.sort_unstable_by_key(|&(number, ..)| Reverse(number));
        tasks.into_iter().map(|(_, at, all)| (at, all)).collect()
    }

    /// Fails the calls of a batch that is not taken in.
    pub fn refuse_batch(&mut self, batch: &Batch, reply: &dyn Reply, why: &TaskFailure) {
        for at in 0..batch.len() as u64 {
            let why = why.clone();
            self.hooks
                .guard(|_| reply.resolve(batch.tag + at, Err(why)));
        }
    }

    /// Whether a task that failed is run again.
    pub(super) fn runs_again(
        &mut self,
        task: engine::TaskId,
        (worker, entry): (engine::WorkerId, u64),
        failure: &TaskFailure,
    ) -> bool {
        let Some(job) = self.jobs.get(task) else {
            return false;
        };
        if job.call.extras().again.is_none() {
            return false;
        }
        let runs = self.engine.runs_again(task);
        let mut pause = None;
        self.hooks
            .guard(|_| pause = job.call.extras().again_after(failure, runs));
        let Some(pause) = pause else {
            return false;
        };
        self.engine.run_again(worker, entry, nanoseconds(pause))
    }

    /// A task says how far it is.
    pub(super) fn on_progress(&mut self, id: WorkerId, task: TaskId, done: u64, total: u64) {
        if let Some((reply, tag)) = self.jobs.reply(task) {
            self.hooks.guard(|_| reply.progress(tag, done, total));
        }
        self.tell(id, now_ns(), What::Progress { task, done, total });
        self.wrote(id, MESSAGE);
    }

    /// A task says something.
    pub(super) fn on_note(
        &mut self,
        id: WorkerId,
        task: TaskId,
        bytes: &[u8],
    ) -> Result<(), String> {
        if bytes.len() > wire::MAX_NOTE {
            return Err(format!("a note of {} bytes", bytes.len()));
        }
        if let Some((reply, tag)) = self.jobs.reply(task) {
            self.hooks.guard(|_| reply.note(tag, bytes));
        }
        self.tell(id, now_ns(), What::Note { task, bytes });
        self.wrote(id, bytes.len() + MESSAGE);
        Ok(())
    }

    /// Submits one call for each worker that takes tasks, numbered from `first` on; the calls' numbers.
    pub fn broadcast(
        &mut self,
        first: Option<TaskId>,
        mut make: impl FnMut() -> Result<Call, SubmitError>,
    ) -> Result<Vec<TaskId>, SubmitError> {
        self.check()?;
        let mut next = first.unwrap_or_else(|| self.jobs.next());
        let mut numbers = Vec::new();
        for worker in self.engine.staff_ids() {
            let call = make()?;
            if let Err(error) = self.check_reach(call.input()) {
                call.resolve(Err(error.clone().into()));
                return Err(error);
            }
            let class = self.jobs.class(call.task());
            let spec = self.spec(class, &call);
            let number = next;
            match self.engine.submit_to(worker, spec) {
                Ok(key) => self.jobs.insert(key, number, class, call),
                Err(engine::SubmitError::NoWorker) => {
                    call.resolve(Err(TaskFailure::WorkerGone));
                    continue;
                }
                Err(engine::SubmitError::Full) => return Err(SubmitError::Full),
                Err(engine::SubmitError::Closed) => call.resolve(Err(TaskFailure::ShutDown)),
            }
            numbers.push(number);
            next += 1;
        }
        self.settle();
        self.arm();
        Ok(numbers)
    }

    /// Changes how many workers take tasks.
    pub fn resize(&mut self, min: usize, max: usize) -> Result<(), PoolError> {
        assert!(
            (1..=MAX_WORKERS).contains(&max) && min <= max,
            "{min} to {max} workers: at most {MAX_WORKERS}"
        );
        self.check()?;
        let added = max.saturating_sub(self.settings.limits.workers);
        if added > 0 {
            let needs = self.settings.needs();
            reserve::check(added, &self.starter.method, needs).map_err(PoolError::Short)?;
        }
        let limits = &mut self.settings.limits;
        (limits.min, limits.workers) = (min, max);
        let now = self.now();
        self.engine.resize(now, min as u32, max as u32);
        self.settle();
        self.arm();
        self.check()
    }
}
