//! Who wakes whom: the coordinator a worker that sleeps at its lane, and a worker the coordinator.

use super::Shell;
use crate::connection::Lane;
use crate::ids::WorkerId;
use crate::settings::nanoseconds;
use runtime::now_ns;
use std::time::Duration;
use wire::ToWorker;

/// How often lanes are looked at between two looks at the clock.
const SPINS: usize = 32;
/// How often the descriptors are looked at meanwhile, nanoseconds.
const LOOK_NS: u64 = 50_000;
/// How many calls are submitted between two looks at results.
const PASSING: u32 = 64;

impl Shell {
    /// Wakes workers that sleep and have entries.
    pub(super) fn send_wakes(&mut self, now: u64) {
        for at in 0..self.crew.listed.len() {
            let id = self.crew.listed[at];
            if self.crew.lane(id).is_some_and(|lane| lane.wake_if_due(now)) {
                self.wake(id);
            }
        }
    }

    /// Looks for results for a while, without being woken by anybody. Whether there are some.
    pub(super) fn spin(&mut self, timeout: Option<Duration>) -> bool {
        let longest_ns = timeout.map_or(u64::MAX, nanoseconds);
        let longest_ns = longest_ns.min(self.settings.spin_ns);
        if self.crew.listed.is_empty() || longest_ns == 0 {
            return false;
        }
        for at in 0..self.crew.listed.len() {
            let id = self.crew.listed[at];
            if let Some(lane) = self.crew.lane(id) {
                lane.disarm();
            }
        }
        self.crew.unarmed = true;
        let began_ns = now_ns();
        let mut looked_ns = began_ns;
        loop {
            for _ in 0..SPINS {
                if self.crew.has_results() {
                    return true;
                }
                std::hint::spin_loop();
            }
            let now_ns = now_ns();
            let deadline = self.engine.next_deadline();
            let due = deadline.is_some_and(|at_ns| at_ns <= self.now());
            if due || now_ns.saturating_sub(began_ns) > longest_ns {
                return false;
            }
            // Deaths, interrupts and what goes by sockets do not wait until it has ended.
            if now_ns.saturating_sub(looked_ns) > LOOK_NS {
                looked_ns = now_ns;
                if self.reactor.has_events() {
                    return false;
                }
            }
        }
    }

    /// Looks for results now and then while the caller does nothing but submit.
    pub(super) fn collect_in_passing(&mut self) {
        if self.crew.passed >= PASSING {
            self.crew.passed = 0;
            self.collect_all();
            self.settle();
        }
    }

    /// Sends a wake message.
    pub(super) fn wake(&mut self, id: WorkerId) {
        if let Some(worker) = self.crew.workers.get_mut(&id) {
            let _ = worker.connection.outbox.push(&ToWorker::Wake);
        }
        self.pump(id);
    }

    /// A worker that sleeps was asked to wake us, and has.
    pub(super) fn woken_by(&mut self, id: WorkerId) -> Result<(), String> {
        let Some(lane) = self.crew.lane(id) else {
            return Err("a wake message without a lane".to_owned());
        };
        lane.woken();
        Ok(())
    }

    /// Asks the workers of all lanes in use to wake us. Gives by when to look all the same, by the
    /// engine's clock: at once where there is something to take.
    pub(super) fn ask_for_wakes(&mut self, now: u64) -> Option<u64> {
        let mut earliest = None;
        for at in (0..self.crew.listed.len()).rev() {
            let id = self.crew.listed[at];
            let Some(lane) = self.crew.lane(id) else {
                continue;
            };
            match lane.arm(now) {
                Ok(None) => {}
                Ok(Some(look)) => earliest = Some(look.min(earliest.unwrap_or(u64::MAX))),
                Err(violation) => self.lane_violated(id, violation),
            }
        }
        earliest
    }
}

impl super::Crew {
    /// The lane of a worker that uses one.
    pub(super) fn lane(&mut self, id: WorkerId) -> Option<&mut Lane> {
        let worker = self.workers.get_mut(&id).filter(|worker| worker.ready)?;
        worker.lane.as_deref_mut()
    }

    /// Whether there seems to be a result in a lane.
    pub(super) fn has_results(&mut self) -> bool {
        (0..self.listed.len()).any(|at| {
            let id = self.listed[at];
            self.lane(id).is_some_and(|lane| lane.has_results())
        })
    }

    /// Whether one more call may be written into this worker's lane.
    pub(super) fn has_room(&self, key: engine::WorkerId) -> bool {
        let id = self.names.get(key.index());
        let worker = id.and_then(|id| self.workers.get(id));
        let worker = worker.filter(|worker| worker.ready && worker.key == Some(key));
        let lane = worker.and_then(|worker| worker.lane.as_deref());
        lane.is_some_and(|lane| lane.room() > 0)
    }

    /// Results are looked for in this worker's lane from now on.
    pub(super) fn list(&mut self, id: WorkerId) {
        if let Some(lane) = self.lane(id)
            && !std::mem::replace(&mut lane.listed, true)
        {
            self.listed.push(id);
            self.unarmed = true;
        }
    }
}
