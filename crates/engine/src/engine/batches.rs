//! Batches: tasks that are alike and follow each other. They are submitted, queued and dealt as one, so that many
//! small tasks cost little more than one; and each of them runs, fails and is recalled for itself. One that needs
//! an account of its own leaves its batch.

use super::*;
use crate::KillReason;
use crate::config::WORTH_WAKING_NS;

/// The most tasks of a batch.
pub const MAX_BATCH: u32 = u64::BITS;

/// Where a task is that was added to a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grown {
    /// At the end of the queue.
    Queued,
    /// This worker has it, once the shell has sent it.
    Dealt(WorkerId, Assignment),
}

impl Engine {
    /// Accepts `count` tasks of this kind at once, at most [`MAX_BATCH`]. [`cancel`](Self::cancel) and
    /// [`withdraw`](Self::withdraw) give up those of them that have no result, [`cancel_one`](Self::cancel_one) and
    /// [`withdraw_one`](Self::withdraw_one) one alone.
    ///
    /// # Errors
    /// [`SubmitError`]: all are accepted, or none.
    ///
    /// # Panics
    /// Where `spec` has a limit or a deadline, or is exclusive: what is counted for each task is that of a
    /// single one.
    pub fn submit_batch(
        &mut self,
        now: u64,
        spec: TaskSpec,
        count: u32,
    ) -> Result<TaskId, SubmitError> {
        let plain = spec.limit_ns.is_none() && spec.deadline_ns.is_none() && !spec.exclusive;
        let fits = (1..=MAX_BATCH).contains(&count);
        assert!(plain && fits, "{count} tasks for a batch: {spec:?}");
        let batch = self.accept(spec, Place::Spread, count)?;
        let piece = Piece {
            task: batch,
            first: 0,
            count,
        };
        if let Some(known) = self.tasks.get_mut(batch) {
            (known.waits, known.places) = (piece.bits(), 1);
        }
        self.queue.push_back(spec.priority, piece);
        self.demand(now, count);
        self.offer_where_gain(now);
        self.make_way(spec.priority);
        self.staff(now);
        Ok(batch)
    }

    /// A task of a batch becomes one of its own. A single task stays what it is.
    pub(super) fn part(&mut self, batch: TaskId, at: u32) -> TaskId {
        let Some(known) = self.tasks.get(batch) else {
            return batch;
        };
        if known.place != Place::Spread {
            return batch;
        }
        let spec = known.spec;
        let task = self.tasks.insert(spec, Place::Paused, 1);
        self.tasks.finish(batch, 1);
        self.parted.push_back(Parted { batch, at, task });
        task
    }

    /// The unresolved task of a worker's entry, as one of its own.
    pub(super) fn own_task(&mut self, worker: WorkerId, entry: u64) -> Option<TaskId> {
        let TaskAt { task, at } = self.task_at(worker, entry)?;
        let own = self.part(task, at);
        if own != task {
            let index = worker.index;
            self.workers.at(index).part(entry, own);
            if let Some(known) = self.tasks.get_mut(own) {
                known.place = Place::Held {
                    worker: index,
                    entry,
                };
            }
        }
        Some(own)
    }

    /// [Cancels](Self::cancel) one task of a batch, or a single one.
    pub fn cancel_one(&mut self, now: u64, task: TaskAt) -> bool {
        let own = self.apart(task);
        own.is_some_and(|own| self.cancel(now, own))
    }

    /// [Withdraws](Self::withdraw) one task of a batch, or a single one.
    pub fn withdraw_one(&mut self, now: u64, task: TaskAt) -> bool {
        let own = self.apart(task);
        own.is_some_and(|own| self.withdraw(now, own))
    }

    /// The task at this place of a batch as one of its own, which is given up now: if it was in the queue it is
    /// nowhere. `None` where it is resolved.
    fn apart(&mut self, one: TaskAt) -> Option<TaskId> {
        let TaskAt { task, at } = one;
        let known = self.tasks.get_mut(task)?;
        if known.place != Place::Spread {
            return Some(task);
        }
        if at >= known.size || known.waits & 1 << at == 0 {
            for id in self.workers.ids() {
                let number = self.workers.at(id.index).number_of(task, at);
                if let Some(number) = number {
                    return self.own_task(id, number);
                }
            }
            return None;
        }
        if defect!(self, GivenUpWaits) {
            return Some(self.part(task, at));
        }
        known.waits &= !(1 << at);
        let priority = known.spec.priority;
        let emptied = match (known.waits, known.places) {
            (0, _) => true,
            (_, 1) => false,
            _ => {
                let tasks = &self.tasks;
                let live = |piece| tasks.waiting(piece);
                self.queue.is_empty_at(priority, one, live)
            }
        };
        if let Some(known) = self.tasks.get_mut(task) {
            known.places -= u32::from(emptied);
        }
        self.forget(priority, (1, u32::from(emptied)));
        Some(self.part(task, at))
    }

    /// Accepts one more task of a batch, where that costs little: all workers are busy, and the batch's
    /// last task is the last of the queue, or nothing is queued and it is the last that its worker was given,
    /// which may be given more and for which `room` holds. No deadline changes. `None` where it has to be
    /// submitted for itself.
    pub fn grow(
        &mut self,
        now: u64,
        batch: TaskId,
        room: impl FnOnce(WorkerId) -> bool,
    ) -> Option<Grown> {
        let busy = self.idle.is_empty() && self.offers == 0;
        let bounded = self.has_no_room(1) && !defect!(self, GrowBeyondBound);
        if self.stage != Stage::Open || bounded || !busy {
            return None;
        }
        let known = self.tasks.get(batch)?;
        if known.place != Place::Spread || known.size >= MAX_BATCH {
            return None;
        }
        let (priority, class, holder) = (known.spec.priority, known.spec.class, known.holder);
        let task = TaskAt {
            task: batch,
            at: known.size,
        };
        let grown = if self.queue.len() > 0 {
            let tasks = &self.tasks;
            let live = |piece| tasks.waiting(piece);
            if !self.queue.grow(priority, task, live) {
                return None;
            }
            self.tasks.grow(batch, true);
            Grown::Queued
        } else {
            let expected = self.classes.expected_ns(class);
            let worker = self.workers.get_at(holder)?;
            let more = worker.has_room(now, &self.config, expected, true);
            let id = self.workers.id(holder);
            // Its deadline is that of what it has not claimed already, which has to count.
            let counts = worker.unclaimed > 0 && worker.fruitless == 0;
            if !more || !counts || !worker.pinned.is_empty() || !room(id) {
                return None;
            }
            let light = worker.open == 1 || worker.unclaimed_ns < WORTH_WAKING_NS;
            let entry = self.workers.at(holder).grow(task)?;
            self.tasks.grow(batch, false);
            if light && self.workers.at(holder).unclaimed_ns >= WORTH_WAKING_NS {
                self.watch(holder);
            }
            let assignment = Assignment {
                entry,
                task: batch,
                first: task.at,
                count: 1,
                attempt: 1,
            };
            Grown::Dealt(id, assignment)
        };
        if self.starts.is_elastic() {
            self.staff(now);
        }
        Some(grown)
    }

    /// A batch is resolved while workers may hold some of it.
    pub(super) fn abandon_batch(&mut self, now: u64, batch: TaskId, holds: Holds) {
        for id in self.workers.ids() {
            let worker = self.workers.at(id.index);
            let running = worker.running();
            let entry = running.and_then(|number| worker.entry(number));
            let runs = entry.is_some_and(|entry| entry.holds == Holds::Task(batch));
            let Some(end) = worker.mark_batch(batch, holds) else {
                continue;
            };
            if runs && holds == Holds::Cancelled {
                self.end_for(now, id, running, KillReason::Cancelled);
            } else if end > worker.begun && !defect!(self, BatchRunsOn) {
                self.recall(id.index, end);
            }
            self.watch(id.index);
        }
    }
}
