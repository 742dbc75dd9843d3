//! The simulated process: its arrays, its calls and its workers, beside the state machine and the model of it.

use std::collections::BTreeMap;

use fastrand::Rng;

use crate::alloc::Alloc;
use crate::defect::Defect;
use crate::lent::Lent;
use crate::{Access, Config, Effect, Entry, Holds, Range, RegionId, RegionKind, Start, Worker};

use super::ground::Ground;
use super::model::{Model, cells, runs};
use super::scale::{Counts, PAGE, SMALLEST};
use super::worker::{FromWorker, SimWorker, ToWorker};

/// The coordinator's regions.
pub(super) const ARRAYS: RegionId = RegionId(0);
pub(super) const MUTABLES: RegionId = RegionId(1);

const BYTES: u64 = 4096;
const GIVE_BACK: u64 = 2 * PAGE;
pub(super) const AFTER_NS: u64 = 1000;

pub(super) type Step = Result<(), String>;

pub(super) struct World {
    pub(super) rng: Rng,
    pub(super) holds: Holds,
    pub(super) model: Model,
    pub(super) now_ns: u64,
    /// The arrays of the coordinator's code: an entry for each handle.
    pub(super) handles: Vec<Entry>,
    pub(super) workers: BTreeMap<Worker, SimWorker>,
    /// Of the coordinator's regions.
    pub(super) ground: BTreeMap<RegionId, Ground>,
    pub(super) regions: u32,
    pub(super) calls: u64,
    pub(super) epochs: [u32; 4],
    pub(super) counts: Counts,
    defect: Option<Defect>,
}

impl World {
    pub(super) fn new(seed: u64, defect: Option<Defect>) -> Result<World, String> {
        let config = Config {
            page: PAGE,
            smallest: SMALLEST,
            give_back_bytes: GIVE_BACK,
            give_back_after_ns: AFTER_NS,
        };
        let mut world = World {
            rng: Rng::with_seed(seed),
            holds: new_holds(config, defect),
            model: Model::default(),
            now_ns: 0,
            handles: Vec::new(),
            workers: BTreeMap::new(),
            ground: BTreeMap::new(),
            regions: 2,
            calls: 0,
            epochs: [0; 4],
            counts: Counts::default(),
            defect,
        };
        for (region, kind) in [
            (ARRAYS, RegionKind::Array),
            (MUTABLES, RegionKind::ArrayMut),
        ] {
            world.holds.add_region(region, kind, BYTES).map_err(text)?;
            world.model.add_region(region, kind, BYTES);
            world.ground.insert(region, Ground::new(BYTES));
        }
        Ok(world)
    }

    pub(super) fn add_worker(&mut self) -> Step {
        let id = self.rng.usize(..self.epochs.len());
        let worker = Worker {
            id: id as u32,
            epoch: self.epochs[id],
        };
        if self.workers.contains_key(&worker) {
            return Ok(());
        }
        let start = Start {
            forked: self.rng.bool(),
            writable: self.rng.u8(..4) > 0,
        };
        let arena = RegionId(self.regions);
        self.regions += 1;
        self.holds.add_worker(worker, start).map_err(text)?;
        self.holds
            .add_region(arena, RegionKind::Worker(worker), BYTES / 2)
            .map_err(text)?;
        self.model.add_worker(worker, start);
        self.model
            .add_region(arena, RegionKind::Worker(worker), BYTES / 2);
        let mut inherited = Vec::new();
        if start.forked {
            for (&id, region) in &self.model.regions {
                inherited.extend(
                    runs(&region.block)
                        .into_iter()
                        .map(|(range, _)| (id, range)),
                );
            }
        }
        let mut lent = Lent::new(Alloc::new(BYTES / 2, PAGE).give_back(GIVE_BACK, AFTER_NS));
        set_defect(&mut lent, self.defect);
        let new = SimWorker {
            start,
            arena,
            lent,
            ground: Ground::new(BYTES / 2),
            inbox: Default::default(),
            outbox: Default::default(),
            kept: Vec::new(),
            inherited,
            rogue: false,
        };
        self.workers.insert(worker, new);
        self.counts.workers += 1;
        Ok(())
    }

    /// Takes the oldest message of a worker.
    pub(super) fn deliver(&mut self, worker: Worker) -> Step {
        let Some(message) = self
            .workers
            .get_mut(&worker)
            .and_then(|found| found.outbox.pop_front())
        else {
            return Ok(());
        };
        match message {
            FromWorker::Result {
                call,
                outputs,
                retained,
            } => {
                if !self
                    .model
                    .accepts(call, worker, &outputs, &retained, SMALLEST)
                {
                    return Err(format!(
                        "the model refuses an honest result: {outputs:?}, {retained:?}"
                    ));
                }
                self.holds
                    .finished(call, worker, &outputs, &retained)
                    .map_err(|violation| {
                        format!(
                            "an honest result is refused: {violation}; {outputs:?}, {retained:?}"
                        )
                    })?;
                self.model.finish(call, worker, &outputs, &retained);
                self.counts.results += 1;
                self.counts.arrays += outputs.len() as u64;
                self.handles.extend(outputs);
            }
            FromWorker::Released(entry) => {
                if !self.model.released(worker, entry) {
                    return Err(format!("the model refuses an honest release of {entry:?}"));
                }
                self.holds
                    .released(worker, entry.region, entry.range)
                    .map_err(|violation| {
                        format!("an honest release is refused: {violation}; {entry:?}")
                    })?;
            }
        }
        Ok(())
    }

    /// A worker dies. Some of what it has sent is lost; late news of it must not be believed.
    pub(super) fn kill(&mut self, worker: Worker, received: usize) -> Step {
        for _ in 0..received {
            self.deliver(worker)?;
            self.settle()?;
        }
        let Some(dead) = self.workers.remove(&worker) else {
            return Ok(());
        };
        self.holds.died(worker).map_err(text)?;
        self.model.died(worker);
        self.epochs[worker.id as usize] += 1;
        self.counts.deaths += 1;
        self.settle()?;
        for message in dead.outbox {
            let believed = match message {
                FromWorker::Result {
                    call,
                    outputs,
                    retained,
                } => self
                    .holds
                    .finished(call, worker, &outputs, &retained)
                    .is_ok(),
                FromWorker::Released(entry) => self
                    .holds
                    .released(worker, entry.region, entry.range)
                    .is_ok(),
            };
            if believed {
                return Err("news of a dead worker is believed".into());
            }
        }
        self.settle()
    }

    /// Carries out the effects, and compares everything with the model and with what is really in use.
    pub(super) fn settle(&mut self) -> Step {
        self.model.sweep();
        let mut reported = Vec::new();
        while let Some(effect) = self.holds.poll_effect() {
            match effect {
                Effect::Punch { region, range } => self.check_punch(region, range)?,
                Effect::Freed {
                    region,
                    range,
                    entries,
                } => {
                    let owner = self
                        .workers
                        .values_mut()
                        .find(|worker| worker.arena == region);
                    if let Some(owner) = owner.filter(|owner| !owner.rogue) {
                        owner.inbox.push_back(ToWorker::Freed { range, entries });
                    }
                    reported.push(effect);
                }
                Effect::ArenaDone { .. } => reported.push(effect),
            }
        }
        let mut expected = std::mem::take(&mut self.model.effects);
        let key = |effect: &Effect| format!("{effect:?}");
        reported.sort_by_key(key);
        expected.sort_by_key(key);
        if reported != expected {
            return Err(format!(
                "effects: expected {expected:?}, found {reported:?}"
            ));
        }
        self.model.compare(&self.holds)?;
        self.check_owners()
    }

    /// Attaches what a worker lacks for a call.
    pub(super) fn attach(&mut self, worker: Worker, missing: &[(RegionId, Access)]) -> Step {
        let writable = self
            .workers
            .get(&worker)
            .is_some_and(|found| found.start.writable);
        for &(region, access) in missing {
            let may = writable || access == Access::Read;
            if self.holds.attach(worker, region, access).is_ok() != may {
                return Err(format!(
                    "attaching {region:?} for {access:?} to {worker:?}: expected {may}"
                ));
            }
            if may {
                self.model.attach(worker, region, access);
            }
        }
        Ok(())
    }

    /// Memory that is given back must not be in use by anybody.
    pub(super) fn check_punch(&mut self, region: RegionId, range: Range) -> Step {
        let in_use = self
            .model
            .regions
            .get(&region)
            .is_some_and(|found| found.block[cells(range)].iter().any(|&block| block != 0));
        if in_use {
            return Err(format!("{range} of {region:?} are given back while in use"));
        }
        if let Some(ground) = self.ground.get_mut(&region) {
            ground.punch(range);
        }
        Ok(())
    }
}

pub(super) fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(feature = "defects")]
fn new_holds(config: Config, defect: Option<Defect>) -> Holds {
    Holds::with_defect(config, defect)
}

#[cfg(not(feature = "defects"))]
fn new_holds(config: Config, _: Option<Defect>) -> Holds {
    Holds::new(config)
}

#[cfg(feature = "defects")]
fn set_defect(lent: &mut Lent, defect: Option<Defect>) {
    lent.set_defect(defect);
}

#[cfg(not(feature = "defects"))]
fn set_defect(_: &mut Lent, _: Option<Defect>) {}
