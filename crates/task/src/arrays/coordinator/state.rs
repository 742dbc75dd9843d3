//! Regions with their mappings, and what the books want done.

use super::super::error::ArrayError;
use super::super::hold::Kind;
use super::super::room::check_room;
use holds::alloc::Allocated;
use holds::{Config, Effect, Holds, Placement, Range, RegionId, RegionKind, UseError, Worker};
use shmem::{Arena, default_arena_size};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::time::Instant;
use wire::{CallArrays, FreedRange};

/// A worker's report is not to be believed: it has to be killed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Violated(pub(super) String);

pub(super) struct State {
    pub holds: Holds,
    regions: BTreeMap<RegionId, Region>,
    own: [Option<RegionId>; 2],
    next_region: u32,
    next_call: u64,
    next_worker: u32,
    /// What the living workers have to receive with their next calls.
    news: BTreeMap<Worker, News>,
    /// How many of these things there are.
    untold: usize,
    began: Instant,
}

struct Region {
    arena: Arc<Arena>,
    /// Whose arena it is.
    worker: Option<Worker>,
    /// Who has been sent it, its worker left out.
    sent_to: BTreeSet<Worker>,
}

/// What a worker has to receive with its next call.
#[derive(Default)]
pub(super) struct News {
    pub freed: Vec<FreedRange>,
    pub forget: Vec<u32>,
}

impl News {
    fn len(&self) -> usize {
        self.freed.len() + self.forget.len()
    }
}

impl State {
    pub(super) fn new() -> State {
        State {
            holds: Holds::new(Config::default()),
            regions: BTreeMap::new(),
            own: [None; 2],
            next_region: 0,
            next_call: 0,
            next_worker: 0,
            news: BTreeMap::new(),
            untold: 0,
            began: Instant::now(),
        }
    }

    pub(super) fn arena(&self, region: u32) -> Option<&Arc<Arena>> {
        Some(&self.regions.get(&RegionId(region))?.arena)
    }

    pub(super) fn held_bytes(&self) -> u64 {
        let usage = |region| self.holds.usage(region).map_or(0, |usage| usage.held());
        self.regions.keys().copied().map(usage).sum()
    }

    /// The region that arrays of this process lie in; created with the first of them.
    pub(super) fn own_region(&mut self, kind: Kind, bytes: u64) -> Result<RegionId, ArrayError> {
        if let Some(region) = self.own[kind as usize] {
            return Ok(region);
        }
        let size = match bytes {
            0 => default_arena_size(4),
            bytes => bytes,
        };
        let holder = match kind {
            Kind::Array => RegionKind::Array,
            Kind::ArrayMut => RegionKind::ArrayMut,
        };
        let region = self.add_region(Arena::create(size)?, holder)?;
        self.own[kind as usize] = Some(region);
        Ok(region)
    }

    pub(super) fn add_region(
        &mut self,
        arena: Arena,
        kind: RegionKind,
    ) -> Result<RegionId, ArrayError> {
        let region = RegionId(self.next_region);
        self.holds
            .add_region(region, kind, arena.size())
            .map_err(books)?;
        self.next_region += 1;
        let worker = match kind {
            RegionKind::Worker(worker) => Some(worker),
            _ => None,
        };
        let found = Region {
            arena: Arc::new(arena),
            worker,
            sent_to: BTreeSet::new(),
        };
        self.regions.insert(region, found);
        Ok(region)
    }

    pub(super) fn allocate(
        &mut self,
        region: RegionId,
        bytes: u64,
        placement: Placement,
    ) -> Result<Allocated, ArrayError> {
        self.give_back();
        let allocated =
            self.holds
                .allocate(region, bytes, placement)
                .map_err(|error| match error {
                    UseError::Full(_) => ArrayError::Full(error.to_string()),
                    error => books(error),
                })?;
        let fresh = bytes - allocated.used;
        if let Err(error) = check_room(fresh) {
            let _ = self.holds.drop_handle(region, allocated.range);
            return Err(error);
        }
        Ok(allocated)
    }

    pub(super) fn next_call(&mut self) -> holds::CallId {
        self.next_call += 1;
        holds::CallId(self.next_call)
    }

    pub(super) fn next_worker(&mut self) -> Worker {
        self.next_worker += 1;
        let worker = Worker {
            id: self.next_worker,
            epoch: 0,
        };
        self.news.insert(worker, News::default());
        worker
    }

    pub(super) fn was_sent(&mut self, region: RegionId, worker: Worker) {
        if let Some(region) = self.regions.get_mut(&region) {
            region.sent_to.insert(worker);
        }
    }

    pub(super) fn forget_worker(&mut self, worker: Worker) {
        let untold = self.news.remove(&worker);
        self.untold -= untold.map_or(0, |news| news.len());
        for region in self.regions.values_mut() {
            region.sent_to.remove(&worker);
        }
    }

    pub(super) fn say_again(&mut self, worker: Worker, unsaid: CallArrays) {
        if let Some(news) = self.news.get_mut(&worker) {
            self.untold += unsaid.freed.len() + unsaid.forget.len();
            news.freed.extend(unsaid.freed);
            news.forget.extend(unsaid.forget);
        }
    }

    pub(super) fn has_news(&self) -> bool {
        self.untold > 0
    }

    /// What `worker` has to receive.
    pub(super) fn take_news(&mut self, worker: Worker) -> News {
        let news = self.news.get_mut(&worker).map(std::mem::take);
        let news = news.unwrap_or_default();
        self.untold -= news.len();
        news
    }

    fn advance(&mut self) -> u64 {
        let now_ns = self.began.elapsed().as_nanos() as u64;
        self.holds.advance(now_ns);
        now_ns
    }

    /// Gives memory back that has been free for a while; nanoseconds until there is more.
    pub(super) fn give_back(&mut self) -> Option<u64> {
        let now_ns = self.advance();
        for (region, range) in self.holds.due() {
            self.punch(region, range);
        }
        Some(self.holds.next_due_ns()?.saturating_sub(now_ns))
    }

    /// Does what the books want done.
    pub(super) fn execute(&mut self) {
        while let Some(effect) = self.holds.poll_effect() {
            match effect {
                Effect::Freed {
                    region,
                    range,
                    entries,
                } => {
                    let worker = self.regions.get(&region).and_then(|region| region.worker);
                    if let Some(news) = worker.and_then(|worker| self.news.get_mut(&worker)) {
                        let freed = FreedRange {
                            offset: range.offset,
                            len: range.len,
                            entries,
                        };
                        news.freed.push(freed);
                        self.untold += 1;
                    }
                }
                Effect::Punch { region, range } => self.punch(region, range),
                Effect::ArenaDone { region } => {
                    if let Some(gone) = self.regions.remove(&region) {
                        for worker in gone.sent_to {
                            if let Some(news) = self.news.get_mut(&worker) {
                                news.forget.push(region.0);
                                self.untold += 1;
                            }
                        }
                    }
                }
            }
        }
    }

    fn punch(&mut self, region: RegionId, range: Range) {
        if let Some(region) = self.regions.get(&region) {
            // What cannot be given back stays; but its bytes would count as zero.
            if region.arena.punch(range.offset, range.len).is_err() {
                region.arena.clear(range.offset, range.len);
            }
        }
    }

    /// The mutable arrays of this process's own code.
    pub(super) fn writable(&self) -> Vec<(Arc<Arena>, Range)> {
        let arena =
            |entry: holds::Entry| Some((Arc::clone(self.arena(entry.region.0)?), entry.range));
        self.holds.mutable_handles().filter_map(arena).collect()
    }

    /// In a forked child: nothing that it writes is seen by others from now on.
    pub(super) fn make_private(&self) -> io::Result<()> {
        for (&id, region) in &self.regions {
            region.arena.make_private(self.holds.high_water(id))?;
        }
        Ok(())
    }
}

pub(super) fn books(error: UseError) -> ArrayError {
    ArrayError::Books(error.to_string())
}
