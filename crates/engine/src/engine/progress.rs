//! What workers report about entries: begun, done, finished, recalled, not sent.

use super::*;
use crate::config::{MS, SEND_ATTEMPTS};
use crate::shares::Shares;
use crate::{KillReason, Outcome};
use std::ops::Range;

impl Engine {
    pub(super) fn began(&mut self, now: u64, id: WorkerId, number: u64, at_ns: u64) {
        let from_sent = defect!(self, LimitFromSent);
        let Some(worker) = self.workers.get_mut(id) else {
            return;
        };
        let Some(&entry) = worker.entry(number) else {
            return;
        };
        if number < worker.begun || !worker.capabilities.lane {
            return;
        }
        // The worker's word can only move the start earlier than the first observation.
        let since = at_ns.clamp(entry.sent_ns.min(now), now);
        let since = if from_sent { entry.sent_ns } else { since };
        worker.begin(number, since);
        worker.progress_ns = now;
        self.stalled.remove(id.index);
        if entry.holds == Holds::Cancelled {
            self.end_for(now, id, Some(number), KillReason::Cancelled);
        }
        self.watch(id.index);
    }

    pub(super) fn held_up(&mut self, now: u64, id: WorkerId, ns: u64) {
        let Some(worker) = self.workers.get_mut(id) else {
            return;
        };
        worker.since_ns = worker.since_ns.saturating_add(ns).min(now);
        self.watch(id.index);
    }

    pub(super) fn done(&mut self, now: u64, id: WorkerId, number: u64) {
        let Some(worker) = self.workers.get_mut(id) else {
            return;
        };
        if worker.running() == Some(number) {
            worker.done = number + 1;
            worker.done_ns = now;
            worker.progress_ns = now;
            self.watch(id.index);
        }
    }

    pub(super) fn finished(
        &mut self,
        now: u64,
        id: WorkerId,
        entries: Range<u64>,
        ran_ns: u64,
        rss: u64,
    ) {
        let Some(worker) = self.workers.get_mut(id) else {
            return;
        };
        let entries = entries.start..entries.end.min(worker.tail());
        let shares = Shares::of(worker.present(&entries), ran_ns);
        // What finished has begun, whether the shell saw that or not.
        if !entries.is_empty() {
            let since = worker.since_ns;
            worker.begin(entries.end - 1, since);
        }
        worker.answered += shares.open;
        worker.blocked_times = 0;
        while let Some(entry) = self.workers.at(id.index).take(entries.clone()) {
            let share_ns = shares.share_ns(&entry);
            self.classes.measured(entry.class, share_ns, entry.count);
            match entry.holds {
                Holds::Task(task) => self.tasks.finish(task, entry.count),
                Holds::Again(task) => self.pause(now, task),
                _ => {}
            }
        }
        self.workers.at(id.index).progress_ns = now;
        self.stalled.remove(id.index);
        let ready_ns = self.workers.at(id.index).ready_ns;
        self.starts.proved(ready_ns);
        self.recycle(id.index, rss);
        self.leave_if_empty(now, id.index);
        self.settle(now, id.index);
    }

    /// Retires a worker that has answered enough or has grown too large.
    fn recycle(&mut self, index: u32, rss: u64) {
        let worker = self.workers.at(index);
        let due = self
            .config
            .recycle_tasks
            .is_some_and(|tasks| worker.answered >= tasks);
        let large = self.config.recycle_bytes.is_some_and(|bytes| rss > bytes);
        if due || large {
            self.retire(index);
        }
    }

    pub(super) fn recalled(&mut self, now: u64, id: WorkerId, entries: Range<u64>) {
        let Some(worker) = self.workers.get_mut(id) else {
            return;
        };
        worker.recalling = 0;
        let mut back = Vec::new();
        let unclaimed = entries.start.max(worker.begun)..entries.end;
        while let Some(entry) = worker.take(unclaimed.clone()) {
            back.extend(entry.piece());
        }
        if back.is_empty() {
            worker.fruitless += 1;
        }
        self.requeue(&back, true);
        self.checked(now, id);
        self.leave_if_empty(now, id.index);
        self.settle(now, id.index);
        self.balance();
    }

    pub(super) fn send_failed(&mut self, now: u64, id: WorkerId, number: u64, transient: bool) {
        let Some(worker) = self.workers.get_mut(id) else {
            return;
        };
        let Some(entry) = worker.take(number..number + 1) else {
            return;
        };
        if transient {
            worker.blocked_times += 1;
            let pause = (MS << worker.blocked_times.min(7)) / 2;
            worker.blocked_until_ns = now.saturating_add(pause);
        }
        let task = entry
            .piece()
            .map(|piece| self.part(piece.task, piece.first));
        if let Some(task) = task
            && let Some(known) = self.tasks.get_mut(task)
        {
            known.send_failures += 1;
            if transient && known.send_failures < SEND_ATTEMPTS {
                self.requeue(&[Piece::single(task)], true);
            } else {
                self.resolve(task, Outcome::SendFailed);
            }
        }
        self.leave_if_empty(now, id.index);
        self.settle(now, id.index);
    }

    pub(super) fn output_too_long(&mut self, now: u64, id: WorkerId, number: u64) {
        let Some(task) = self.own_task(id, number) else {
            return;
        };
        self.resolve(task, Outcome::OutputTooLong);
        self.workers.at(id.index).mark(number, Holds::Cancelled);
        self.end_for(now, id, Some(number), KillReason::OutputTooLong);
    }
}
