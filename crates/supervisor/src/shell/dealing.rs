//! Entries of lanes: dealt before the caller goes away, recalled, and taken after a violation or a death.

use super::Shell;
use super::arrays::take_back;
use crate::connection::Marker;
use crate::ids::WorkerId;
use engine::Event;
use runtime::now_ns;
use wire::lane::Violation;

/// The most entries that a lane is given in a row while others wait for their share.
const SHARE: usize = 64;

impl Shell {
    /// Deals what is queued to lanes before the caller goes away: it runs meanwhile. For small tasks as many workers
    /// are enough as there are processors: first those of them that have little ahead get enough to be worth
    /// waking, then these get their share, and others what is left.
    pub(super) fn fill_lanes(&mut self, now: u64) {
        while self.engine.queued() > 0 && !self.crew.full {
            let workers = self.crew.laned.len();
            let worth = self.engine.worth_waking();
            let few = match worth {
                0 | 1 => workers,
                _ => workers.min(self.crew.processors),
            };
            if worth > 1 {
                let topped_up = (0..few).any(|at| self.top_up(now, at, worth));
                if topped_up || self.share(now, few) {
                    continue;
                }
                // A caller that drives the pool soon gives them more then.
                if few < workers && self.crew.lazy {
                    self.crew.full = true;
                    return;
                }
            }
            self.crew.full = !self.share(now, workers);
        }
    }

    /// Gives one of the first `among` workers in turn its share. Whether there was one with room.
    fn share(&mut self, now: u64, among: usize) -> bool {
        let share = self.engine.queued() / among.max(1);
        let most = share.clamp(1, SHARE);
        (0..among).any(|_| {
            self.crew.turn = (self.crew.turn + 1) % among;
            let id = self.crew.laned[self.crew.turn];
            let key = self.crew.workers.get(&id).and_then(|worker| worker.key);
            key.is_some_and(|key| self.feed_lane(now, (id, key), Some(most)))
        })
    }

    /// Gives the worker at this place of `laned` entries where it has little ahead. Whether it got any.
    fn top_up(&mut self, now: u64, at: usize, entries: usize) -> bool {
        let id = self.crew.laned[at];
        let key = self.crew.workers.get(&id).and_then(|worker| worker.key);
        let key = key.filter(|&key| !self.engine.is_worth_waking(key));
        key.is_some_and(|key| self.feed_lane(now, (id, key), Some(entries)))
    }

    /// Claims entries for the engine, then reports what the worker did meanwhile.
    pub(super) fn recall(&mut self, key: engine::WorkerId, below: u64) {
        let mut entries = 0..0;
        if let Some(id) = self.find(key) {
            let lane = self.crew.lane(id);
            let recalled = lane.map_or(Ok(0..0), |lane| lane.recall(below));
            match recalled {
                Ok(recalled) => {
                    entries = recalled;
                    if let Some(worker) = self.crew.workers.get_mut(&id) {
                        for entry in entries.clone() {
                            take_back(worker, entry);
                        }
                    }
                    self.crew.full = false;
                    self.collect_below(id, entries.start);
                    self.report_begun(id, key, entries.start);
                }
                Err(violation) => self.lane_violated(id, violation),
            }
        }
        let now = self.now();
        let worker = key;
        self.handle(now, Event::Recalled { worker, entries });
    }

    /// What a recall did not get back, the worker has begun. Where its result cannot be taken yet, since the body
    /// of one before it is on its way, the engine has to hear of that: it would recall it again at once.
    fn report_begun(&mut self, id: WorkerId, key: engine::WorkerId, below: u64) {
        let lane = self.crew.lane(id);
        let open = lane.map_or(Vec::new(), |lane| lane.undelivered(lane.began, below));
        // Each of them: to the engine, some are nothing any more.
        for index in open {
            let claimed = wire::lane::Claimed {
                index,
                began_ns: now_ns(),
                returned: false,
            };
            self.report_claimed(self.now(), (id, key), claimed);
        }
    }

    /// Nobody knows what the worker has begun: everything counts as begun.
    pub(super) fn lane_violated(&mut self, id: WorkerId, violation: Violation) {
        let Some(worker) = self.crew.workers.get_mut(&id) else {
            return;
        };
        // Nothing in it is believed any more.
        let lane = worker.lane.take();
        let newest = lane.and_then(|lane| lane.newest_open());
        if let (Some(worker), Some(entry)) = (worker.key, newest) {
            let now = self.now();
            let event = Event::Began {
                worker,
                entry,
                at_ns: now,
            };
            self.handle(now, event);
        }
        self.violated(id, violation.to_string());
    }

    /// Takes what a dead worker left in its lane.
    pub(super) fn drain_lane(&mut self, id: WorkerId) {
        self.collect(id);
        let Some(key) = self.crew.workers.get(&id).and_then(|worker| worker.key) else {
            return;
        };
        let Some(lane) = self.crew.lane(id) else {
            return;
        };
        if let Some(Marker { entry, .. }) = lane.marker {
            // Its body was not read to the end: it is too long.
            let now = self.now();
            let began = Event::Began {
                worker: key,
                entry,
                at_ns: now,
            };
            self.handle(now, began);
            return;
        }
        match lane.after_death() {
            Ok(Some(claimed)) => self.report_claimed(self.now(), (id, key), claimed),
            Ok(None) => {}
            Err(violation) => self.lane_violated(id, violation),
        }
    }
}
