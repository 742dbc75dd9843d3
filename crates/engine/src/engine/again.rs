//! Tasks that run again later, and tasks whose deadline has come.

use super::*;

impl Engine {
    /// The result of this entry is a failure, and its task is to run again after a pause. To be
    /// called before the entry is reported as finished. `false` where the task is resolved already.
    pub fn run_again(&mut self, worker: WorkerId, entry: u64, pause_ns: u64) -> bool {
        let Some(task) = self.own_task(worker, entry) else {
            return false;
        };
        if let Some(known) = self.tasks.get_mut(task) {
            known.pause_ns = pause_ns;
            known.again += 1;
        }
        self.workers
            .at(worker.index)
            .mark(entry, Holds::Again(task));
        true
    }

    /// A task has run longer than it may: whether it runs again once this run has ended.
    pub(super) fn again_after_time_out(
        &mut self,
        worker: WorkerId,
        entry: u64,
        task: TaskId,
    ) -> bool {
        let Some(known) = self.tasks.get_mut(task) else {
            return false;
        };
        if known.again >= known.spec.time_outs {
            return false;
        }
        let pause_ns = known.spec.pause_ns;
        let pause_ns = pause_ns.saturating_mul(1_u64 << known.again.min(32));
        self.run_again(worker, entry, pause_ns)
    }

    /// The run has ended because of which a task runs again.
    pub(super) fn pause(&mut self, now: u64, task: TaskId) {
        let at_once = defect!(self, NoPause);
        let Some(known) = self.tasks.get_mut(task) else {
            return;
        };
        known.place = Place::Paused;
        let at_ns = now.saturating_add(known.pause_ns);
        if known.pause_ns == 0 || at_once {
            self.resume(task);
        } else {
            self.remind(at_ns, task, Due::Resumes);
        }
    }

    fn resume(&mut self, task: TaskId) {
        let Some(known) = self.tasks.get_mut(task) else {
            return;
        };
        if known.place != Place::Paused {
            return;
        }
        known.place = Place::Queued;
        let priority = known.spec.priority;
        if known.pinned.is_some() {
            known.place = Place::Paused;
            return self.requeue(&[Piece::single(task)], true);
        }
        self.queue.push_back(priority, Piece::single(task));
        self.offer_idle();
    }

    /// Looks at a task at a time.
    pub(super) fn remind(&mut self, at_ns: u64, task: TaskId, due: Due) {
        let tasks = &self.tasks;
        let counts = |task| tasks.get(task).is_some();
        self.timers.insert(at_ns, task, due, tasks.len(), counts);
    }

    /// When a task has to be looked at next.
    pub(super) fn next_reminder(&mut self) -> Option<u64> {
        let tasks = &self.tasks;
        self.timers.next(|task| tasks.get(task).is_some())
    }

    /// Deals with the tasks for which something is due.
    pub(super) fn remember(&mut self, now: u64) {
        while let Some((task, due)) = self.timers.pop(now) {
            match due {
                Due::Resumes => self.resume(task),
                Due::Expires => self.expire(now, task),
            }
        }
    }

    fn expire(&mut self, now: u64, task: TaskId) {
        let from_start = defect!(self, DeadlineFromStart);
        let queued = self.is_queued(task);
        if !(from_start && queued) {
            self.give_up(now, task, Holds::Cancelled, Outcome::Expired);
        }
    }
}
