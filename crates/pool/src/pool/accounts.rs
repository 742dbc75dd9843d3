//! What the pool and its workers have done, and the memory that they have.

use super::*;
use crate::counters;

impl Pool {
    /// What the pool has done and is doing. Reads the kernel's figures of every worker, which
    /// takes some tens of microseconds each.
    pub fn counters(&self) -> Counters {
        Counters {
            rss: counters::rss(self.pids()),
            ..self.tally()
        }
    }

    /// The workers' processes.
    pub(crate) fn pids(&self) -> impl Iterator<Item = u32> {
        self.workers
            .values()
            .map(|worker| worker.pid())
            .filter(|&pid| pid != 0)
    }

    /// The counters that cost nothing.
    pub(crate) fn tally(&self) -> Counters {
        Counters {
            queued: self.scheduler.queued() as u64,
            running: self.scheduler.sent() as u64,
            workers: self.workers.values().filter(|it| !it.is_strange()).count() as u64,
            streamed: self.counters.streamed
                + self
                    .workers
                    .values()
                    .map(|w| w.link.outbox.streamed())
                    .sum::<u64>(),
            ..self.counters
        }
    }

    /// Asks all workers for their memory and waits until each has told or died, though no longer
    /// than the grace period: who is busy or does not tell is left out. For `pss` and `private` they
    /// read smaps, so no clock should be running. By worker.
    ///
    /// # Errors
    /// [`PoolError`].
    pub fn memory(&mut self) -> Result<BTreeMap<WorkerId, Memory>, PoolError> {
        let asked: Vec<WorkerId> = self.serving().collect();
        for id in &asked {
            let worker = self.workers.get_mut(id).expect("a worker just listed");
            worker.memory = None;
            worker
                .link
                .outbox
                .push(&wire::ToWorker::ReportMemory)
                .expect("a short frame");
        }
        self.pump_all();
        let deadline = after(now_ns(), self.limits.grace);
        loop {
            let told: BTreeMap<WorkerId, Memory> = asked
                .iter()
                .filter_map(|id| Some((*id, self.workers.get(id)?.memory?)))
                .collect();
            let alive = asked.iter().filter(|&id| {
                self.workers
                    .get(id)
                    .is_some_and(|worker| worker.phase == Phase::Serving)
            });
            let left = deadline.saturating_sub(now_ns());
            if alive.count() <= told.len() || left == 0 {
                return Ok(told);
            }
            self.drive(Some(Duration::from_nanos(left)))?;
        }
    }

    pub(super) fn serving(&self) -> impl Iterator<Item = WorkerId> {
        let serving = self
            .workers
            .values()
            .filter(|worker| worker.phase == Phase::Serving);
        serving.map(|worker| worker.id)
    }
}
