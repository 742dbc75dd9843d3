//! What the pool and its workers have done, and the memory that they have.

use super::Shell;
use crate::counters::{self, Counters};
use crate::failure::PoolError;
use crate::ids::WorkerId;
use crate::settings::{Settings, nanoseconds};
use engine::KillReason;
use runtime::now_ns;
use std::collections::BTreeMap;
use std::time::Duration;
use wire::{Memory, ToWorker};

impl Shell {
    /// The counters, resident memory included: that takes some tens of microseconds for each worker.
    pub fn counters(&self) -> Counters {
        Counters {
            rss: counters::rss(self.pids()),
            ..self.tally()
        }
    }

    /// The workers' processes.
    pub fn pids(&self) -> impl Iterator<Item = u32> {
        let pids = self.crew.workers.values().map(|worker| worker.pid());
        pids.filter(|&pid| pid != 0)
    }

    /// A number that changes whenever [`pids`](Self::pids) may have.
    pub fn crew_version(&self) -> (WorkerId, u64, usize) {
        (self.crew.next, self.counters.died, self.crew.workers.len())
    }

    /// The counters that cost nothing.
    pub fn tally(&self) -> Counters {
        let (running, unresolved) = (self.engine.running(), self.engine.unresolved());
        let streaming = self.crew.workers.values();
        let streaming = streaming.map(|worker| worker.connection.outbox.streamed());
        Counters {
            queued: (unresolved - running) as u64,
            running: running as u64,
            workers: self.engine.workers() as u64,
            streamed: self.counters.streamed + streaming.sum::<u64>(),
            ..self.counters
        }
    }

    /// Asks all workers for their memory and waits until each has answered or died, though no longer
    /// than the grace period.
    pub fn memory(&mut self) -> Result<BTreeMap<WorkerId, Memory>, PoolError> {
        let ready = self.crew.workers.values().filter(|worker| worker.ready);
        let asked: Vec<WorkerId> = ready.map(|worker| worker.id).collect();
        for id in &asked {
            if let Some(worker) = self.crew.workers.get_mut(id) {
                worker.memory = None;
                let _ = worker.connection.outbox.push(&ToWorker::ReportMemory);
            }
            self.pump(*id);
        }
        let grace_ns = nanoseconds(self.settings.limits.grace);
        let deadline_ns = now_ns().saturating_add(grace_ns);
        loop {
            let told: BTreeMap<WorkerId, Memory> = asked
                .iter()
                .filter_map(|id| Some((*id, self.crew.workers.get(id)?.memory?)))
                .collect();
            let serves = |id: &&WorkerId| {
                let key = self.crew.workers.get(id).and_then(|worker| worker.key);
                key.is_some_and(|key| self.engine.is_serving(key))
            };
            let alive = asked.iter().filter(serves).count();
            let left = deadline_ns.saturating_sub(now_ns());
            if alive <= told.len() || left == 0 {
                return Ok(told);
            }
            self.drive(Some(Duration::from_nanos(left)))?;
        }
    }

    /// For how long the pool has been stopped, all in all.
    pub fn paused_ns(&self) -> u64 {
        self.health.paused_ns
    }

    /// What the pool was configured with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}

impl Settings {
    /// Why the coordinator ends a worker, in words; none where that is no part of its story.
    pub(super) fn reason(&self, reason: KillReason) -> Option<String> {
        let words = match reason {
            KillReason::Cancelled => "its task was cancelled",
            KillReason::TimedOut => "its task took too long",
            KillReason::OutputTooLong => "its output was too long",
            KillReason::Violation => "it violated the protocol",
            KillReason::Refused => "it refused to serve",
            KillReason::NotReady => "it was not ready in time",
            KillReason::Unresponsive => "it did not respond",
            KillReason::Closed | KillReason::NotGone | KillReason::ShutDown => {
                "it was not gone in time"
            }
        };
        Some(words.to_owned())
    }
}
