//! Starting workers: how many, when again after a failure, and when to give up.

use super::*;
use crate::{Death, KillReason, PoolFailure};

impl Engine {
    /// An external worker is ready.
    pub fn join(&mut self, now: u64, capabilities: Capabilities) -> Option<WorkerId> {
        if !matches!(self.stage, Stage::Open | Stage::Draining) {
            return None;
        }
        let id = self
            .workers
            .insert(capabilities, State::Serving { retiring: false });
        self.starts.readied();
        self.starts.served();
        self.workers.at(id.index).ready_ns = now;
        self.settle(now, id.index);
        Some(id)
    }

    /// Starts as many workers as are missing; a single one while starts fail.
    pub(super) fn start_missing(&mut self, now: u64) {
        while self.start_at_ns().is_some_and(|at_ns| at_ns <= now) {
            // What it really can do is known when it is ready.
            let capabilities = Capabilities {
                signal: true,
                lane: false,
                replace: true,
                ask: false,
            };
            let state = State::Starting { since_ns: now };
            let id = self.workers.insert(capabilities, state);
            self.starts.begin(now);
            self.effects.push_back(Effect::Start(id));
            self.watch(id.index);
        }
    }

    /// When the next worker is to be started, if one is.
    pub(super) fn start_at_ns(&self) -> Option<u64> {
        let wanted = match self.stage {
            Stage::Open => true,
            Stage::Draining => self.tasks.len() > 0,
            Stage::Closing | Stage::Failed => false,
        };
        let starts = &self.starts;
        let replaced = !(starts.ever_ready && defect!(self, SpareIsNotReplaced));
        let spare = if replaced { self.config.spare } else { 0 };
        let present = starts.serving + starts.standby + starts.starting;
        let places = starts.max.saturating_add(spare) as usize;
        let missing = present < self.wanted().saturating_add(spare) && self.workers.len() < places;
        let allowed = starts.failures == 0 || starts.starting <= starts.recovered;
        (wanted && missing && allowed && !self.config.external).then_some(starts.not_before_ns)
    }

    pub(super) fn ready(&mut self, now: u64, id: WorkerId, capabilities: Capabilities) {
        let Some(worker) = self.workers.get_mut(id) else {
            return;
        };
        if !matches!(worker.state, State::Starting { .. }) {
            // It is being ended, and its deadline holds.
            return;
        }
        self.starts.stopped(now, worker.state);
        worker.capabilities = capabilities;
        worker.ready_ns = now;
        self.deadlines.disarm(id.index);
        worker.state = State::Standby;
        self.starts.standby += 1;
        self.starts.readied();
        self.standby.insert(id.index);
        self.staff(now);
    }

    pub(super) fn start_failed(&mut self, now: u64, id: WorkerId, permanent: bool) {
        let Some(worker) = self.workers.get(id) else {
            return;
        };
        let state = worker.state;
        self.starts.stopped(now, state);
        self.workers.release(id);
        self.deadlines.disarm(id.index);
        self.failed_to_start(now, id, permanent);
        self.start_missing(now);
    }

    pub(super) fn refused(&mut self, now: u64, id: WorkerId) {
        if self.workers.get(id).is_some() {
            self.kill(now, id, KillReason::Refused);
            self.failed_to_start(now, id, true);
        }
    }

    /// A worker was not ready in time.
    pub(super) fn late(&mut self, now: u64, id: WorkerId) {
        self.terminate(now, id, KillReason::NotReady);
        self.failed_to_start(now, id, false);
    }

    /// Counts a start that failed, and fails the pool where there is no hope.
    pub(super) fn failed_to_start(&mut self, now: u64, id: WorkerId, permanent: bool) {
        self.starts.failed(now, id);
        if defect!(self, NoBackoff) {
            self.starts.not_before_ns = 0;
        }
        let permanent = permanent || defect!(self, TransientIsPermanent);
        if permanent && !self.starts.ever_ready {
            return self.fail(now, PoolFailure::Permanent(id));
        }
        if !self.config.external && self.is_short_for_too_long(now) {
            self.fail(now, PoolFailure::NoWorker(Some(id)));
        }
    }

    fn is_short_for_too_long(&self, now: u64) -> bool {
        let timeout_ns = self.config.start_timeout_ns;
        let too_long = |since: u64| now >= since.saturating_add(timeout_ns);
        self.starts.short_since_ns.is_some_and(too_long) && !defect!(self, NeverFail)
    }

    /// By when enough external workers have to be here: at first, and whenever tasks wait for one.
    pub(super) fn external_deadline(&self) -> Option<u64> {
        let since = self.starts.short_since_ns?;
        let waits = self.starts.needed > 1 || !self.starts.ever_ready || self.tasks.len() > 0;
        let open = matches!(self.stage, Stage::Open | Stage::Draining);
        (self.config.external && waits && open && !defect!(self, NeverFail))
            .then(|| since.saturating_add(self.config.start_timeout_ns))
    }

    /// This number of tasks was submitted. Where there was none before and no external worker is there, waiting for
    /// one begins now; for those that are needed at first, it began with the pool.
    pub(super) fn demand(&mut self, now: u64, count: u32) {
        let first = self.tasks.len() == count as usize;
        let later = self.starts.ever_ready && self.starts.needed <= 1;
        if self.config.external && later && first {
            let waits = &mut self.starts.short_since_ns;
            *waits = waits.map(|_| now);
        }
    }

    pub(super) fn external_missing(&mut self, now: u64) {
        self.fail(now, PoolFailure::NoWorker(self.starts.last_failed));
    }

    /// What follows for the pool from the end of a worker that was in `state`.
    pub(super) fn after_death(
        &mut self,
        now: u64,
        id: WorkerId,
        state: State,
        death: Death,
        unproved: bool,
    ) {
        match state {
            State::Starting { .. } | State::Closed { starting: true, .. } => {
                self.failed_to_start(now, id, death == Death::Exit);
            }
            // Ready and gone without having done anything: starting again at once would be a storm.
            State::Standby | State::Serving { .. } | State::Closed { .. } if unproved => {
                self.starts.failed(now, id);
            }
            _ => {}
        }
        self.start_missing(now);
    }
}
