//! What is alive, for reports, for the child after a fork, and for tests that compare with a model. O(n).

use crate::range::{CallId, Entry, Range, RegionId, Worker};

use super::{Holds, Owner, State};

/// A part of an allocation that somebody holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Piece {
    /// Where it lies.
    pub range: Range,
    /// Who holds it.
    pub holder: Holder,
}

/// Who holds a piece.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Holder {
    /// One handle of the coordinator, mutable.
    Handle,
    /// An open call that owns the memory.
    Call(CallId),
    /// A worker that kept mutable memory.
    Worker(Worker),
    /// Readers.
    Shared {
        /// Handles of the coordinator.
        handles: u64,
        /// References from open calls.
        calls: u64,
        /// Workers that retain it, with the number of their reports.
        retained: Vec<(Worker, u64)>,
    },
}

impl Holds {
    /// The held parts of a region in the order of their addresses.
    pub fn pieces(&self, region: RegionId) -> impl Iterator<Item = Piece> {
        self.regions
            .get(&region)
            .into_iter()
            .flat_map(|region| &region.pieces)
            .map(|(&start, piece)| Piece {
                range: Range::new(start, piece.len),
                holder: match &piece.state {
                    State::Mutable(Owner::Coordinator) => Holder::Handle,
                    State::Mutable(Owner::Call(call)) => Holder::Call(*call),
                    State::Mutable(Owner::Worker(worker)) => Holder::Worker(*worker),
                    State::Frozen(shares) => Holder::Shared {
                        handles: shares.handles,
                        calls: shares.calls,
                        retained: shares
                            .retained
                            .iter()
                            .map(|(&worker, &count)| (worker, count))
                            .collect(),
                    },
                },
            })
    }

    /// The allocations of a region in the order of their addresses.
    pub fn blocks(&self, region: RegionId) -> impl Iterator<Item = Range> {
        let blocks = self
            .regions
            .get(&region)
            .into_iter()
            .flat_map(|region| &region.blocks);
        blocks.map(|(&start, block)| Range::new(start, block.len))
    }

    /// The mutable arrays of the coordinator's own code. A forked child needs copies of them: it sees later
    /// changes of the parent in every page that it has not written to itself.
    pub fn mutable_handles(&self) -> impl Iterator<Item = Entry> {
        self.regions.iter().flat_map(|(&id, region)| {
            region
                .pieces
                .iter()
                .filter_map(move |(&start, piece)| match piece.state {
                    State::Mutable(Owner::Coordinator) => Some(Entry {
                        region: id,
                        range: Range::new(start, piece.len),
                        mutable: true,
                    }),
                    _ => None,
                })
        })
    }

    /// No live array reaches beyond this offset. A forked child has to protect the region up to here.
    pub fn high_water(&self, region: RegionId) -> u64 {
        let Some(found) = self.regions.get(&region) else {
            return 0;
        };
        match &found.alloc {
            Some(alloc) => alloc.high_water(),
            None => found
                .blocks
                .last_key_value()
                .map_or(0, |(&start, block)| start + block.len),
        }
    }

    /// No region has a block, no call is open, and no worker lives.
    pub fn is_idle(&self) -> bool {
        self.calls.is_empty()
            && self.workers.is_empty()
            && self.retained.is_empty()
            && self.inherited.is_empty()
            && self.regions.values().all(|region| region.blocks.is_empty())
    }
}
