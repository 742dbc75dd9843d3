//! Workers: their start, what they have attached, what they release, and their confirmed death.

use std::collections::{BTreeMap, BTreeSet};

use crate::defect::Defect;
use crate::error::{List, Reason, UseError, Violation};
use crate::range::{Range, RegionId, Worker};

use super::Holds;
use super::kinds::{Access, Effect, Membership, Start};
use super::region::{Owner, State as PieceState};

impl Holds {
    /// Adds a worker. For a forked one, call this before the fork and allocate nothing until it has happened:
    /// whatever is alive now counts as retained by that worker until it dies.
    pub fn add_worker(&mut self, worker: Worker, start: Start) -> Result<(), UseError> {
        if self.workers.contains_key(&worker) {
            return Err(UseError::WorkerExists(worker));
        }
        let fork = start.forked.then_some(self.births);
        self.forks.extend(fork.map(|fork| (fork, worker)));
        let state = Membership {
            writable: start.writable,
            fork,
            arena: None,
            attached: BTreeMap::new(),
            calls: BTreeSet::new(),
        };
        self.workers.insert(worker, state);
        Ok(())
    }

    /// The worker has been sent a descriptor of the region. The stronger access counts.
    pub fn attach(
        &mut self,
        worker: Worker,
        region: RegionId,
        access: Access,
    ) -> Result<(), UseError> {
        if !self.regions.contains_key(&region) {
            return Err(UseError::NoSuchRegion(region));
        }
        let state = self
            .workers
            .get_mut(&worker)
            .ok_or(UseError::NoSuchWorker(worker))?;
        if access == Access::Write && !state.writable {
            return Err(UseError::NoWritableMemory(worker));
        }
        let has = state.attached.entry(region).or_insert(access);
        *has = (*has).max(access);
        Ok(())
    }

    /// The worker reports that it no longer holds one array that it had reported as retained: an `Array`, or (a
    /// part of) an `ArrayMut`.
    pub fn released(
        &mut self,
        worker: Worker,
        region: RegionId,
        range: Range,
    ) -> Result<(), Violation> {
        let violation = |reason| Violation {
            list: List::Released,
            index: 0,
            reason,
        };
        self.in_region(worker, region, range).map_err(violation)?;
        let found = self
            .regions
            .get(&region)
            .ok_or(violation(Reason::UnknownRegion))?;
        if let Some((piece, shares)) = found.frozen_at(range) {
            if !shares.retained.contains_key(&worker) && !self.defects.is(Defect::ReleasesUnheld) {
                return Err(violation(Reason::NotHeld));
            }
            self.release_share(worker, region, piece.offset);
            return Ok(());
        }
        let owned = |state: &PieceState| matches!(state, PieceState::Mutable(Owner::Worker(w)) if *w == worker);
        let pieces = found
            .cover(range, owned)
            .ok_or(violation(Reason::NotHeld))?;
        for piece in pieces {
            self.carve(worker, region, piece, range);
        }
        self.settle(region, range.offset);
        Ok(())
    }

    /// The death of the worker is confirmed: it can touch no memory any more. What it retained, owned and inherited
    /// is no longer held. Its calls are as if they had not been sent, those that were cancelled are closed.
    /// Its arena stays until the last array in it is dropped.
    pub fn died(&mut self, worker: Worker) -> Result<(), UseError> {
        let state = self
            .workers
            .remove(&worker)
            .ok_or(UseError::NoSuchWorker(worker))?;
        for call in state.calls {
            if let Some(open) = self.calls.get_mut(&call) {
                open.sent = None;
                if open.cancelled {
                    self.close(call);
                }
            }
        }
        let none = (worker, RegionId(0), 0);
        while let Some(&(found, region, start)) = self.retained.range(none..).next() {
            if found != worker {
                break;
            }
            self.retained.remove(&(worker, region, start));
            self.forget(worker, region, start);
        }
        if let Some(fork) = state.fork {
            self.forks.remove(&(fork, worker));
            self.drop_inherited();
        }
        if let Some(arena) = state.arena {
            self.leave_arena(arena);
        }
        Ok(())
    }

    /// One report of a retained `Array` less.
    fn release_share(&mut self, worker: Worker, region: RegionId, start: u64) {
        let mut last = false;
        if let Some(found) = self.region(region) {
            found.share(start, |shares| {
                if let Some(count) = shares.retained.get_mut(&worker) {
                    *count -= 1;
                    last = *count == 0;
                } else {
                    shares.handles = shares.handles.saturating_sub(1);
                }
                if last {
                    shares.retained.remove(&worker);
                }
            });
        }
        if last {
            self.retained.remove(&(worker, region, start));
        }
        self.drop_unheld(region, start);
    }

    /// Removes `range` from a mutable piece of the worker, which keeps what lies before and after it.
    fn carve(&mut self, worker: Worker, id: RegionId, piece: Range, range: Range) {
        self.retained.remove(&(worker, id, piece.offset));
        let rest = [
            Range::between(piece.offset, range.offset),
            Range::between(range.end(), piece.end()),
        ];
        let Some(region) = self.regions.get_mut(&id) else {
            return;
        };
        region.take_piece(piece.offset);
        for part in rest.into_iter().filter(|part| part.len > 0) {
            region.put_piece(part, PieceState::Mutable(Owner::Worker(worker)));
            self.retained.insert((worker, id, part.offset));
        }
    }

    /// Removes all that a dead worker held of a piece.
    fn forget(&mut self, worker: Worker, region: RegionId, start: u64) {
        let Some(found) = self.region(region) else {
            return;
        };
        match found.pieces.get(&start).map(|piece| &piece.state) {
            Some(PieceState::Mutable(Owner::Worker(owner))) if *owner == worker => {
                self.drop_piece(region, start)
            }
            Some(PieceState::Frozen(_)) => self.unshare(region, start, |shares| {
                shares.retained.remove(&worker);
            }),
            _ => {}
        }
    }

    /// Frees what no living forked worker has inherited any more.
    fn drop_inherited(&mut self) {
        let newest_fork = self.newest_fork();
        while let Some(&(born, region, start)) = self.inherited.last() {
            if newest_fork.is_some_and(|fork| born <= fork) {
                break;
            }
            self.disinherit(region, start, born);
            self.free_block(region, start);
        }
    }

    /// A block is no longer held by forked workers alone.
    pub(super) fn disinherit(&mut self, region: RegionId, start: u64, born: u64) {
        let was = self.inherited.remove(&(born, region, start));
        if let Some(found) = self.region(region).filter(|_| was)
            && let Some(len) = found.blocks.get(&start).map(|block| block.len)
        {
            found.count_inherited(len, false);
        }
    }

    /// The worker of this arena is dead: all of it that holds no array is given back.
    fn leave_arena(&mut self, id: RegionId) {
        let ends_early = self.defects.is(Defect::EndsArenaEarly);
        let punches_live = self.defects.is(Defect::PunchesLive);
        let page = self.config.page;
        let Some(region) = self.regions.get_mut(&id) else {
            return;
        };
        region.dead = true;
        if region.blocks.is_empty() || ends_early {
            self.end_arena(id);
            return;
        }
        let (mut from, mut gaps) = (0, Vec::new());
        for (&start, block) in &region.blocks {
            gaps.push(Range::between(from, start));
            from = if punches_live {
                start
            } else {
                start + block.len
            };
        }
        gaps.push(Range::between(from, region.size));
        for range in gaps
            .into_iter()
            .map(|gap| gap.whole_pages(page))
            .filter(|pages| pages.len > 0)
        {
            self.effects.push_back(Effect::Punch { region: id, range });
        }
    }
}
