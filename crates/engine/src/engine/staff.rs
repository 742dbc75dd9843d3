//! How many workers take tasks: starts for tasks that wait, spares that take the place of those that
//! end, and idle workers that leave.

use super::*;

impl Engine {
    /// Changes how many workers take tasks. Those that are too many leave once they hold no task.
    pub fn resize(&mut self, now: u64, min: u32, max: u32) {
        self.starts.min = min;
        self.starts.max = max.max(min);
        let all = self.workers.ids().into_iter();
        // Those that retire already are on their way.
        let taking = all.clone().filter(|&id| self.takes_tasks(id)).count() as u32;
        let mut extra = (taking + self.starts.starting).saturating_sub(self.starts.max);
        let idle: Vec<u32> = self.idle.iter().rev().copied().collect();
        let all = all.map(|id| id.index);
        for index in idle.into_iter().chain(all) {
            if extra > 0 && self.takes_tasks(self.workers.id(index)) {
                extra -= 1;
                self.retire(index);
                self.leave_if_empty(now, index);
            }
        }
        for index in self.idle.iter().copied().collect::<Vec<_>>() {
            self.watch(index);
        }
        self.staff(now);
    }

    /// Brings the number of workers to what is wanted. Constant time where nothing is to be done.
    pub(super) fn staff(&mut self, now: u64) {
        if !matches!(self.stage, Stage::Open | Stage::Draining) {
            return;
        }
        let kept = if defect!(self, SpareStaysIdle) {
            self.config.spare
        } else {
            0
        };
        while self.starts.serving < self.wanted() && self.starts.standby > kept {
            let Some(index) = self.standby.pop_first() else {
                break;
            };
            self.promote(now, index);
        }
        while self.starts.standby > self.config.spare {
            let Some(&index) = self.standby.last() else {
                break;
            };
            if self.stage == Stage::Open && self.starts.serving < self.starts.max {
                // Its task was done by another meanwhile. What its start has cost is spent, and the next
                // tasks would start another one.
                self.standby.remove(&index);
                self.promote(now, index);
            } else {
                self.leave(now, index);
            }
        }
        self.start_missing(now);
    }

    fn promote(&mut self, now: u64, index: u32) {
        let worker = self.workers.at(index);
        worker.state = State::Serving { retiring: false };
        worker.progress_ns = now;
        self.starts.standby -= 1;
        self.starts.served();
        self.settle(now, index);
    }

    /// How many workers are to take tasks now.
    pub(super) fn wanted(&self) -> u32 {
        let starts = &self.starts;
        if !starts.is_elastic() {
            return starts.max;
        }
        let queued = (self.queue.len()).saturating_sub(self.idle.len() + self.offers as usize);
        let behind = self.heavy.len().max(self.stalled.len());
        let behind = if self.idle.is_empty() { behind } else { 0 };
        let waiting = u32::try_from(queued + behind).unwrap_or(u32::MAX);
        let waiting = if defect!(self, NeverGrows) {
            0
        } else {
            waiting
        };
        starts
            .serving
            .saturating_add(waiting)
            .clamp(starts.min, starts.max)
    }

    /// How long a worker may be idle; `None` where none may leave.
    pub(super) fn idle_ns(&self) -> Option<u64> {
        let idle_ns = self.config.idle_timeout_ns?;
        let above = self.starts.serving > self.starts.min && !self.config.external;
        (above && !defect!(self, NeverShrinks)).then_some(idle_ns)
    }

    /// A worker that was idle for too long leaves. `true` where it does.
    pub(super) fn leave_if_idle(&mut self, now: u64, index: u32) -> bool {
        let Some(idle_ns) = self.idle_ns() else {
            return false;
        };
        let worker = self.workers.at(index);
        let long = now >= worker.idle_since_ns().saturating_add(idle_ns);
        if !long || !worker.is_idle() {
            return false;
        }
        self.retire(index);
        self.leave_if_empty(now, index);
        true
    }

    /// A worker does or does not have an offer that it has not asked for.
    pub(super) fn set_offered(&mut self, index: u32, offered: bool) {
        let worker = self.workers.at(index);
        if worker.offered != offered {
            worker.offered = offered;
            if offered {
                self.offers += 1;
            } else {
                self.offers -= 1;
            }
        }
    }
}
