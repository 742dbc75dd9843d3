//! The end of workers: why one is ended, that nothing else ends with it, and whom a death is charged
//! to.

use super::*;
use crate::worker::Asked;
use crate::{Death, KillReason};

impl Engine {
    /// A task is resolved while a worker holds it.
    pub(super) fn abandon(
        &mut self,
        now: u64,
        index: u32,
        number: u64,
        holds: Holds,
        task: TaskId,
    ) {
        let deliver = defect!(self, DeliverAbandoned);
        let at_once = defect!(self, CancelEndsWorker) && holds == Holds::Cancelled;
        let id = self.workers.id(index);
        let worker = self.workers.at(index);
        let begun = number < worker.begun;
        let lane = worker.capabilities.lane;
        worker.mark(number, if deliver { Holds::Task(task) } else { holds });
        if at_once {
            self.confirmed(now, id, Some(number), KillReason::Cancelled);
        } else if begun {
            let asked = worker.asked_of_running().is_some();
            if holds == Holds::Cancelled && !asked {
                self.end_for(now, id, Some(number), KillReason::Cancelled);
            }
        } else if lane {
            self.recall(index, number + 1);
        }
        self.watch(index);
    }

    /// Ends a worker because of one of its entries, or because it does nothing. Where something else
    /// may begin there, that is prevented first, and the reason is looked at again.
    pub(super) fn end_for(
        &mut self,
        now: u64,
        id: WorkerId,
        entry: Option<u64>,
        reason: KillReason,
    ) {
        let confirm = !defect!(self, SignalUnconfirmed);
        let Some(worker) = self.workers.get_mut(id) else {
            return;
        };
        let retiring = match worker.state {
            State::Serving { retiring } | State::Checking { retiring, .. } => retiring,
            _ => return,
        };
        if !worker.capabilities.lane || !confirm {
            return self.confirmed(now, id, entry, reason);
        }
        worker.state = State::Checking {
            retiring,
            reason,
            entry,
        };
        let below = worker.tail();
        // Asked for anew where it was asked for already: the answer has to come after this.
        worker.recalling = below;
        self.effects.push_back(Effect::Recall { worker: id, below });
        self.idle.remove(&id.index);
        self.watch(id.index);
    }

    /// A recall has been answered: nothing can begin that had not, and what is running is known.
    pub(super) fn checked(&mut self, now: u64, id: WorkerId) {
        let worker = self.workers.at(id.index);
        let State::Checking {
            retiring,
            reason,
            entry,
        } = worker.state
        else {
            return;
        };
        if worker.unclaimed > 0 {
            // This was the answer to an earlier recall, of fewer entries.
            return;
        }
        worker.state = State::Serving { retiring };
        let for_running = matches!(reason, KillReason::Cancelled | KillReason::TimedOut);
        let still = match entry {
            // Its function may have returned meanwhile.
            Some(number) if for_running => worker.in_function() == Some(number),
            Some(number) => worker.entry(number).is_some(),
            None => worker.open == 0,
        };
        let progress = now < worker.progress_ns.saturating_add(self.config.grace_ns);
        let holds = still && (reason != KillReason::Unresponsive || !progress);
        if holds {
            self.confirmed(now, id, entry, reason);
        }
    }

    fn confirmed(&mut self, now: u64, id: WorkerId, entry: Option<u64>, reason: KillReason) {
        if reason == KillReason::TimedOut
            && let Some(number) = entry
            && let Some(task) = self.own_task(id, number)
            && !self.again_after_time_out(id, number, task)
        {
            self.resolve(task, Outcome::TimedOut { worker: id });
            self.workers.at(id.index).mark(number, Holds::Cancelled);
        }
        if self.ask(now, id, reason) {
            return;
        }
        match reason {
            KillReason::Unresponsive => self.kill(now, id, reason),
            _ => self.terminate(now, id, reason),
        }
    }

    /// Asks the running task to end, where it can be asked and was not yet. `false` where its worker
    /// has to be ended.
    fn ask(&mut self, now: u64, id: WorkerId, reason: KillReason) -> bool {
        let soft = self.config.soft_ns > 0 && !defect!(self, NeverAsks);
        let for_running = matches!(reason, KillReason::Cancelled | KillReason::TimedOut);
        let worker = self.workers.at(id.index);
        if !soft || !for_running || !worker.capabilities.ask {
            return false;
        }
        let Some(entry) = worker.in_function() else {
            return false;
        };
        if worker.asked_of_running().is_some() {
            return false;
        }
        worker.asked = Some(Asked {
            entry,
            since_ns: now,
            reason,
        });
        self.idle.remove(&id.index);
        self.effects.push_back(Effect::Ask { worker: id, entry });
        self.watch(id.index);
        true
    }

    /// The task that was asked to end has not.
    pub(super) fn ignored(&mut self, now: u64, id: WorkerId, asked: Asked) {
        if defect!(self, OnlyAsks) {
            let since_ns = now;
            self.workers.at(id.index).asked = Some(Asked { since_ns, ..asked });
            return;
        }
        self.end_for(now, id, Some(asked.entry), asked.reason);
    }

    /// Sends SIGTERM, and after the grace period SIGKILL.
    pub(super) fn terminate(&mut self, now: u64, id: WorkerId, reason: KillReason) {
        let Some(worker) = self.workers.get_mut(id) else {
            return;
        };
        if matches!(worker.state, State::Ending { .. } | State::Killed) {
            return;
        }
        if !worker.capabilities.signal {
            return self.kill(now, id, reason);
        }
        self.starts.stopped(now, worker.state);
        self.standby.remove(&id.index);
        worker.state = State::Ending {
            reason,
            since_ns: now,
        };
        self.recall_rest(id.index);
        self.effects.push_back(Effect::Terminate(id, reason));
        self.idle.remove(&id.index);
        self.watch(id.index);
    }

    /// Sends SIGKILL, or disconnects a worker that cannot be signalled.
    pub(super) fn kill(&mut self, now: u64, id: WorkerId, reason: KillReason) {
        let Some(worker) = self.workers.get_mut(id) else {
            return;
        };
        if worker.state == State::Killed {
            return;
        }
        self.starts.stopped(now, worker.state);
        self.standby.remove(&id.index);
        worker.state = State::Killed;
        let signal = worker.capabilities.signal;
        self.recall_rest(id.index);
        self.effects.push_back(if signal {
            Effect::Kill(id, reason)
        } else {
            Effect::Disconnect(id, reason)
        });
        self.idle.remove(&id.index);
        self.watch(id.index);
    }

    /// What a worker that is being ended has not claimed goes to others before the signal.
    fn recall_rest(&mut self, index: u32) {
        let worker = self.workers.at(index);
        if worker.unclaimed > 0 {
            let below = worker.tail();
            self.recall(index, below);
        }
    }

    pub(super) fn closed(&mut self, now: u64, id: WorkerId) {
        let Some(worker) = self.workers.get_mut(id) else {
            return;
        };
        let state = worker.state;
        // One that was asked to leave or is being ended has its deadline already.
        let starting = match state {
            State::Starting { .. } => true,
            State::Standby | State::Serving { .. } | State::Checking { .. } => false,
            _ => return,
        };
        worker.state = State::Closed {
            starting,
            since_ns: now,
        };
        self.starts.stopped(now, state);
        self.standby.remove(&id.index);
        self.recall_rest(id.index);
        self.idle.remove(&id.index);
        self.watch(id.index);
    }

    pub(super) fn violation(&mut self, now: u64, id: WorkerId) {
        let Some(worker) = self.workers.get(id) else {
            return;
        };
        let starting = matches!(worker.state, State::Starting { .. });
        self.kill(now, id, KillReason::Violation);
        if starting {
            // It speaks another protocol, and so will the next.
            self.failed_to_start(now, id, true);
        }
    }

    /// A worker takes no more tasks, and leaves once it holds none.
    pub(super) fn retire(&mut self, index: u32) {
        let worker = self.workers.at(index);
        match &mut worker.state {
            State::Serving { retiring } | State::Checking { retiring, .. } => *retiring = true,
            _ => {}
        }
        self.idle.remove(&index);
        self.unpin(index);
    }

    /// What was pinned to a worker that takes no more tasks will not run.
    fn unpin(&mut self, index: u32) {
        let pinned = std::mem::take(&mut self.workers.at(index).pinned);
        if defect!(self, PinnedMoves) {
            let pinned: Vec<Piece> = pinned.into_iter().map(Piece::single).collect();
            return self.requeue(&pinned, true);
        }
        for task in pinned {
            self.resolve(task, Outcome::WorkerGone);
        }
    }

    pub(super) fn leave_if_empty(&mut self, now: u64, index: u32) {
        let worker = self.workers.at(index);
        if worker.open == 0 && worker.state == (State::Serving { retiring: true }) {
            self.leave(now, index);
        }
    }

    pub(super) fn leave(&mut self, now: u64, index: u32) {
        let id = self.workers.id(index);
        let worker = self.workers.at(index);
        self.starts.stopped(now, worker.state);
        worker.state = State::Leaving { since_ns: now };
        self.standby.remove(&index);
        self.effects.push_back(Effect::Leave(id));
        self.idle.remove(&index);
        self.watch(index);
    }

    pub(super) fn died(&mut self, now: u64, id: WorkerId, death: Death, not_begun: bool) {
        let Some(worker) = self.workers.get(id) else {
            return;
        };
        let state = worker.state;
        let entries = worker.by_fate();
        let unproved = worker.answered == 0 && worker.open == 0;
        self.set_offered(id.index, false);
        self.unpin(id.index);
        let mut back = Vec::new();
        for entry in entries {
            if let Holds::Again(task) = entry.holds {
                self.pause(now, task);
            } else {
                self.bereave(id, entry, death, not_begun, &mut back);
            }
        }
        self.workers.release(id);
        self.deadlines.disarm(id.index);
        self.idle.remove(&id.index);
        self.standby.remove(&id.index);
        self.heavy.remove(id.index);
        self.stalled.remove(id.index);
        self.starts.stopped(now, state);
        self.requeue(&back, !defect!(self, RequeueSilently));
        self.after_death(now, id, state, death, unproved);
    }

    /// What happens to the task of an entry that a dead worker had begun, or to the tasks of entries that it
    /// had not: `back` takes those that go back to the queue.
    fn bereave(
        &mut self,
        id: WorkerId,
        entry: Entry,
        death: Death,
        not_begun: bool,
        back: &mut Vec<Piece>,
    ) {
        let charge_next = defect!(self, ChargeUnbegun);
        let worker = self.workers.at(id.index);
        let lane = worker.capabilities.lane;
        let begun = entry.number < worker.begun && (lane || !not_begun);
        let first_unbegun = charge_next && entry.number == worker.begun && lane;
        let all = defect!(self, ChargeBatch) && entry.count > 1;
        if begun || first_unbegun || all {
            for number in entry.number..entry.end() {
                let task = self.begun_by_dead(id, number, death, begun);
                back.extend(task.map(Piece::single));
            }
        } else if let Some(piece) = entry.piece() {
            back.push(piece);
        }
    }

    fn begun_by_dead(
        &mut self,
        id: WorkerId,
        number: u64,
        death: Death,
        begun: bool,
    ) -> Option<TaskId> {
        let charge_done = defect!(self, ChargeDone);
        let rerun = defect!(self, RerunLostResult);
        let task = self.own_task(id, number)?;
        let worker = self.workers.at(id.index);
        let running = worker.running() == Some(number);
        let done = number < worker.done;
        let charged = (running && (!done || charge_done)) || !begun;
        if death == Death::InputChanged && charged {
            self.resolve(task, Outcome::InputChanged { worker: id });
            return None;
        }
        let more = u32::from(defect!(self, OneRetryMore));
        let known = self.tasks.get_mut(task)?;
        known.deaths += u32::from(charged);
        known.lost += u32::from(!charged);
        let (deaths, retries) = (known.deaths, known.spec.retries);
        if known.lost > retries && !rerun {
            self.resolve(task, Outcome::ResultLost { worker: id });
            return None;
        }
        if deaths > retries + more {
            self.resolve(task, Outcome::Died { worker: id, deaths });
            return None;
        }
        let retried = Effect::Retried {
            task,
            worker: id,
            charged,
        };
        self.effects.push_back(retried);
        Some(task)
    }
}
