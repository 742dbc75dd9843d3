//! The end of the pool: drained, shut down, dropped or failed. Every task is resolved then.

use super::*;
use crate::{KillReason, PoolFailure};

impl Engine {
    /// Ends the pool. May be called again with something more urgent.
    pub fn shutdown(&mut self, now: u64, how: Shutdown) {
        match (how, self.stage) {
            (_, Stage::Failed) => {}
            (Shutdown::Drain, Stage::Open) => {
                self.stage = Stage::Draining;
                self.leave_if_drained(now);
            }
            (Shutdown::Drain, _) => {}
            (Shutdown::Now | Shutdown::Drop, _) => {
                self.stage = Stage::Closing;
                self.resolve_all(Outcome::ShutDown);
                for id in self.workers.ids() {
                    match how {
                        Shutdown::Drop => self.kill(now, id, KillReason::ShutDown),
                        _ => self.terminate(now, id, KillReason::ShutDown),
                    }
                }
            }
        }
    }

    /// Lets the workers go once no task is unresolved.
    pub(super) fn leave_if_drained(&mut self, now: u64) {
        if self.stage != Stage::Draining || self.tasks.len() > 0 {
            return;
        }
        self.stage = Stage::Closing;
        for id in self.workers.ids() {
            let worker = self.workers.at(id.index);
            match worker.state {
                State::Starting { .. } => self.terminate(now, id, KillReason::ShutDown),
                State::Standby | State::Serving { .. } | State::Checking { .. } => {
                    self.leave(now, id.index);
                }
                _ => {}
            }
        }
    }

    /// The pool cannot go on.
    pub(super) fn fail(&mut self, now: u64, failure: PoolFailure) {
        if self.stage == Stage::Failed {
            return;
        }
        self.stage = Stage::Failed;
        self.effects.push_back(Effect::Fail(failure));
        self.resolve_all(Outcome::PoolFailed);
        for id in self.workers.ids() {
            self.kill(now, id, KillReason::ShutDown);
        }
    }

    fn resolve_all(&mut self, outcome: Outcome) {
        for task in self.tasks.ids() {
            match self.tasks.get(task).map(|it| it.place) {
                Some(Place::Held { worker, entry }) => {
                    self.workers.at(worker).mark(entry, Holds::Cancelled);
                }
                Some(Place::Spread) => {
                    for worker in self.workers.ids() {
                        let worker = self.workers.at(worker.index);
                        worker.mark_batch(task, Holds::Cancelled);
                    }
                }
                _ => {}
            }
            self.resolve(task, outcome);
        }
        self.queue.clear();
        self.timers.clear();
    }
}
