//! Batches: tasks that are alike and follow each other. They are submitted, queued and dealt as one, so that many
//! small tasks cost little more than one; and each of them runs, fails and is recalled for itself. One that needs
//! an account of its own leaves its batch.

use super::*;
use crate::KillReason;

impl Engine {
    /// Accepts `count` tasks of this kind at once. [`cancel`](Self::cancel) and [`withdraw`](Self::withdraw) give up
    /// those of them that have no result; [`single`](Self::single) makes one of them a task that can be given up
    /// alone.
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
        assert!(plain && count > 0, "no tasks for a batch: {spec:?}");
        let batch = self.accept(spec, Place::Spread, count)?;
        if let Some(known) = self.tasks.get_mut(batch) {
            (known.queued, known.places) = (count, 1);
        }
        let task = batch;
        let first = 0;
        let piece = Piece { task, first, count };
        self.queue.push_back(spec.priority, piece);
        self.demand(now);
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

    /// The task at this place of a batch as one of its own, wherever it is: it can be given up alone. A single
    /// task stays what it is. `None` where it is resolved. Looks at all that waits and all workers.
    pub fn single(&mut self, TaskAt { task, at }: TaskAt) -> Option<TaskId> {
        let known = self.tasks.get(task)?;
        if known.place != Place::Spread {
            return Some(task);
        }
        let (spec, waits) = (known.spec, known.queued > 0);
        for id in self.workers.ids() {
            let number = self.workers.at(id.index).number_of(task, at);
            if let Some(number) = number {
                return self.own_task(id, number);
            }
        }
        if !waits {
            return None;
        }
        let own = self.tasks.insert(spec, Place::Queued, 1);
        let batch = TaskAt { task, at };
        let Some(more) = self.queue.part(spec.priority, batch, own) else {
            self.tasks.finish(own, 1);
            return None;
        };
        if let Some(known) = self.tasks.get_mut(task) {
            known.queued -= 1;
            known.places = known.places.saturating_add_signed(more);
        }
        self.tasks.finish(task, 1);
        let (batch, task) = (task, own);
        self.parted.push_back(Parted { batch, at, task });
        Some(own)
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
            let asked = worker.asked_of_running().is_some();
            let lane = worker.capabilities.lane;
            if runs && holds == Holds::Cancelled && !asked {
                self.end_for(now, id, running, KillReason::Cancelled);
            } else if lane && end > worker.begun && !defect!(self, BatchRunsOn) {
                self.recall(id.index, end);
            }
            self.watch(id.index);
        }
    }
}
