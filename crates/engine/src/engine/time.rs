//! Deadlines: what is due, and when to look next.

use super::*;
use crate::KillReason;
use crate::config::CREDIT_NS;

impl Engine {
    /// Judges what is due. Called after everything that workers did was reported.
    pub fn tick(&mut self, now: u64) {
        self.remember(now);
        while let Some(index) = self.deadlines.pop(now) {
            self.due(now, index);
            self.watch(index);
        }
        if self.external_deadline().is_some_and(|at_ns| at_ns <= now) {
            self.external_missing(now);
        }
        if self.withheld_until_ns().is_some_and(|at_ns| at_ns <= now) {
            self.withheld_ns = None;
            self.offer_idle();
        }
        self.leave_if_drained(now);
        self.staff(now);
    }

    /// When [`tick`](Self::tick) has to be called, if nothing happens before.
    pub fn next_deadline(&mut self) -> Option<u64> {
        let workers = self.deadlines.next();
        let tasks = self.next_reminder();
        let starts = self.start_at_ns();
        let withheld = self.withheld_until_ns();
        [workers, tasks, starts, withheld, self.external_deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    fn due(&mut self, now: u64, index: u32) {
        let id = self.workers.id(index);
        let stalled = self.stalled.contains(index);
        let idle_ns = self.idle_ns();
        let worker = self.workers.at(index);
        let at_ns = worker.deadline(&self.config, stalled, idle_ns);
        if at_ns.is_none_or(|at_ns| at_ns > now) {
            return;
        }
        worker.looked_at_ns = now;
        match worker.state {
            State::Starting { .. } => self.late(now, id),
            State::Closed { starting, .. } => {
                self.kill(now, id, KillReason::Closed);
                if starting {
                    self.failed_to_start(now, id, false);
                }
            }
            State::Leaving { .. } => self.terminate(now, id, KillReason::NotGone),
            State::Ending { reason, .. } if defect!(self, NoKillAfterGrace) => {
                self.workers.at(index).state = State::Ending {
                    reason,
                    since_ns: now,
                };
            }
            State::Ending { reason, .. } => self.kill(now, id, reason),
            State::Serving { .. } => self.due_serving(now, id),
            _ => {}
        }
    }

    fn due_serving(&mut self, now: u64, id: WorkerId) {
        let (grace_ns, soft_ns) = (self.config.grace_ns, self.config.soft_ns);
        let past = |since: u64, time: u64| now >= since.saturating_add(time);
        let worker = self.workers.at(id.index);
        let running = worker.running();
        if let Some(number) = running {
            if number < worker.done {
                if past(worker.done_ns, grace_ns) {
                    self.end_for(now, id, Some(number), KillReason::Unresponsive);
                    return;
                }
            } else if let Some(asked) = worker.asked_of_running() {
                if past(asked.since_ns, soft_ns) {
                    return self.ignored(now, id, asked);
                }
            } else if worker.limit_at_ns() <= now {
                self.end_for(now, id, Some(number), KillReason::TimedOut);
                return;
            }
        }
        let worker = self.workers.at(id.index);
        if worker.unclaimed > 0 {
            if running.is_none() && past(worker.progress_ns, grace_ns) {
                self.end_for(now, id, None, KillReason::Unresponsive);
                return;
            }
            if past(worker.progress_ns, CREDIT_NS) {
                self.stalled.insert(id.index);
                self.balance();
            }
        }
        if self.leave_if_idle(now, id.index) {
            return;
        }
        let worker = self.workers.at(id.index);
        if worker.blocked_until_ns > 0 && worker.blocked_until_ns <= now {
            worker.blocked_until_ns = 0;
            self.settle(now, id.index);
        }
    }
}
