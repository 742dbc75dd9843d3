//! The coordinator's view: which range of which arena is held by handles, open calls and workers. This
//! file has the state and what is free; handles, calls, reports and workers have a file each.

mod apply;
mod calls;
mod check;
mod handles;
mod kinds;
mod region;
mod view;
mod workers;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::alloc::Alloc;
use crate::defect::{Chosen, Defect};
use crate::error::UseError;
use crate::range::{CallId, Entry, GRANULE, Range, RegionId, Worker};
use crate::usage::Usage;
use region::{Block, Owner, Region, Shares, State};

pub use kinds::{Access, Config, Effect, RegionKind, Start};
pub use view::{Holder, Piece};

#[derive(Clone, Debug)]
struct Call {
    args: Vec<Entry>,
    /// The worker that may have begun it.
    sent: Option<Worker>,
    cancelled: bool,
}

/// Who holds which range of which region, in one process. See the documentation of the crate.
#[derive(Clone, Debug)]
pub struct Holds {
    config: Config,
    now_ns: u64,
    /// Counts births of blocks.
    births: u64,
    regions: BTreeMap<RegionId, Region>,
    /// The regions that the coordinator allocates in.
    ours: Vec<RegionId>,
    workers: BTreeMap<Worker, kinds::Membership>,
    calls: BTreeMap<CallId, Call>,
    /// Pieces that workers retain, by worker.
    retained: BTreeSet<(Worker, RegionId, u64)>,
    /// Forked workers that live, by the number of their fork.
    forks: BTreeSet<(u64, Worker)>,
    /// Blocks without pieces that a forked worker inherited, by the number of their birth.
    inherited: BTreeSet<(u64, RegionId, u64)>,
    effects: VecDeque<Effect>,
    defects: Chosen,
}

impl Holds {
    /// No regions, workers or calls.
    pub fn new(config: Config) -> Holds {
        let page = config.page.max(GRANULE).next_power_of_two();
        let config = Config { page, ..config };
        Holds {
            config,
            now_ns: 0,
            births: 0,
            regions: BTreeMap::new(),
            ours: Vec::new(),
            workers: BTreeMap::new(),
            calls: BTreeMap::new(),
            retained: BTreeSet::new(),
            forks: BTreeSet::new(),
            inherited: BTreeSet::new(),
            effects: VecDeque::new(),
            defects: Chosen::default(),
        }
    }

    /// The same with one deliberate defect.
    #[cfg(feature = "defects")]
    pub fn with_defect(config: Config, defect: Option<Defect>) -> Holds {
        Holds {
            defects: Chosen(defect),
            ..Holds::new(config)
        }
    }

    /// Sets the time of the events that follow, in nanoseconds of any monotonic clock.
    pub fn advance(&mut self, now_ns: u64) {
        self.now_ns = self.now_ns.max(now_ns);
    }

    /// The next thing to do, in the order of the events.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Adds a region of `size` bytes, all of them free and fresh. The arena of a worker is known to that worker.
    pub fn add_region(
        &mut self,
        region: RegionId,
        kind: RegionKind,
        size: u64,
    ) -> Result<(), UseError> {
        if self.regions.contains_key(&region) {
            return Err(UseError::BadRegion(region));
        }
        let size = size / self.config.page * self.config.page;
        let mut alloc = None;
        if let RegionKind::Worker(worker) = kind {
            let state = self
                .workers
                .get_mut(&worker)
                .ok_or(UseError::BadRegion(region))?;
            if state.arena.is_some() {
                return Err(UseError::BadRegion(region));
            }
            state.arena = Some(region);
            state.attached.insert(region, Access::Write);
        } else {
            let Config {
                give_back_bytes,
                give_back_after_ns,
                ..
            } = self.config;
            let mut ours =
                Alloc::new(size, self.config.page).give_back(give_back_bytes, give_back_after_ns);
            ours.defects = self.defects;
            alloc = Some(ours);
            self.ours.push(region);
        }
        self.regions.insert(region, Region::new(kind, size, alloc));
        Ok(())
    }

    /// Ranges of the coordinator's regions that are to be given back to the system, before the next
    /// allocation. See [`Alloc::due`].
    pub fn due(&mut self) -> Vec<(RegionId, Range)> {
        let mut due = Vec::new();
        for &region in &self.ours {
            let alloc = self
                .regions
                .get_mut(&region)
                .and_then(|region| region.alloc.as_mut());
            due.extend(
                alloc
                    .into_iter()
                    .flat_map(|alloc| alloc.due(self.now_ns))
                    .map(|range| (region, range)),
            );
        }
        due
    }

    /// When [`Holds::due`] will have something to give back. `None`: no timer is needed.
    pub fn next_due_ns(&self) -> Option<u64> {
        self.ours
            .iter()
            .filter_map(|region| self.regions.get(region)?.alloc.as_ref()?.next_due_ns())
            .min()
    }

    /// Bytes of a region by who holds them.
    pub fn usage(&self, region: RegionId) -> Option<Usage> {
        Some(self.regions.get(&region)?.usage())
    }

    fn region(&mut self, region: RegionId) -> Option<&mut Region> {
        self.regions.get_mut(&region)
    }

    /// Removes a piece that nobody holds any more.
    fn drop_piece(&mut self, region: RegionId, start: u64) {
        let Some(found) = self.regions.get_mut(&region) else {
            return;
        };
        if found.take_piece(start).is_some() {
            self.settle(region, start);
        }
    }

    /// Removes a frozen piece if nobody holds it any more.
    fn drop_unheld(&mut self, region: RegionId, start: u64) {
        let piece = self
            .regions
            .get(&region)
            .and_then(|region| region.pieces.get(&start));
        let unheld = match piece.map(|piece| &piece.state) {
            Some(State::Frozen(shares)) if self.defects.is(Defect::FreesUnderCall) => {
                shares.handles == 0
            }
            Some(State::Frozen(shares)) => shares.is_empty(),
            _ => false,
        };
        if unheld {
            self.drop_piece(region, start);
        }
    }

    /// Frees the block around `offset` if no piece of it is left; keeps it where a forked worker inherited it.
    fn settle(&mut self, id: RegionId, offset: u64) {
        let newest_fork = self.newest_fork();
        let frees_parts = self.defects.is(Defect::FreesWithFirstPart);
        let Some(region) = self.regions.get_mut(&id) else {
            return;
        };
        let Some((range, block)) = region.block_at(offset) else {
            return;
        };
        if block.pieces > 0 && !frees_parts {
            return;
        }
        if newest_fork.is_some_and(|fork| block.born <= fork)
            && !self.defects.is(Defect::ForgetsForks)
        {
            if self.inherited.insert((block.born, id, range.offset)) {
                region.count_inherited(range.len, true);
            }
            return;
        }
        self.free_block(id, range.offset);
    }

    fn free_block(&mut self, id: RegionId, start: u64) {
        let now_ns = self.now_ns;
        let Some(region) = self.regions.get_mut(&id) else {
            return;
        };
        let Some(block) = region.take_block(start) else {
            return;
        };
        let range = Range::new(start, block.len);
        if let Some(alloc) = &mut region.alloc {
            let freed = alloc.free(range, now_ns);
            debug_assert!(freed.is_ok());
        }
        let entries = if self.defects.is(Defect::CountsOneEntry) {
            block.entries.min(1)
        } else {
            block.entries
        };
        self.effects.push_back(Effect::Freed {
            region: id,
            range,
            entries,
        });
        if region.dead {
            // The pages at its ends are free as a whole where its neighbours are gone.
            let (gap, page) = (region.gap(range), self.config.page);
            let start = gap.offset.max(range.offset / page * page);
            let end = gap.end().min(range.end().next_multiple_of(page));
            let pages = Range::between(start, end).whole_pages(page);
            if region.blocks.is_empty() {
                self.end_arena(id);
            } else if pages.len > 0 {
                self.effects.push_back(Effect::Punch {
                    region: id,
                    range: pages,
                });
            }
        }
    }

    /// Removes the arena of a dead worker.
    fn end_arena(&mut self, id: RegionId) {
        self.regions.remove(&id);
        for worker in self.workers.values_mut() {
            worker.attached.remove(&id);
        }
        self.effects.push_back(Effect::ArenaDone { region: id });
    }

    /// The number of the newest fork whose worker lives.
    fn newest_fork(&self) -> Option<u64> {
        self.forks.last().map(|&(fork, _)| fork)
    }

    /// The number of a new block.
    fn next_birth(&mut self) -> u64 {
        self.births += 1;
        self.births
    }

    /// One hold less on the frozen piece around `offset`.
    fn unshare(&mut self, region: RegionId, offset: u64, change: impl FnOnce(&mut Shares)) {
        let Some(found) = self.region(region) else {
            return;
        };
        let Some((piece, _)) = found.piece_at(offset) else {
            return;
        };
        found.share(piece.offset, change);
        self.drop_unheld(region, piece.offset);
    }
}
