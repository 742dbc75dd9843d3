//! One region: its blocks (what is freed as a whole), the pieces of blocks (what is held), and their
//! accounting. It knows no workers' or calls' tables and decides nothing.

use std::collections::BTreeMap;

use crate::alloc::Alloc;
use crate::range::{CallId, Range, Worker};
use crate::usage::Usage;

use super::kinds::RegionKind;

/// An allocation. It is free when none of its pieces is left and no forked worker inherited it.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) len: u64,
    /// The number of its birth: forks that happened later have inherited it.
    pub(super) born: u64,
    /// Entries of results by which the arena's own worker has lent it.
    pub(super) entries: u64,
    /// Pieces that are left.
    pub(super) pieces: u64,
    /// It was immutable when its worker lent it; so the worker may lend it again, in part or with more.
    pub(super) shared: bool,
}

/// A part of a block that somebody holds.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) len: u64,
    pub(super) state: State,
}

#[derive(Clone, Debug)]
pub(super) enum State {
    Mutable(Owner),
    Frozen(Shares),
}

/// Who alone may use a mutable piece.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Owner {
    Coordinator,
    Call(CallId),
    Worker(Worker),
}

/// Who may read a frozen piece.
#[derive(Clone, Default, Debug)]
pub(super) struct Shares {
    pub(super) handles: u64,
    pub(super) calls: u64,
    pub(super) retained: BTreeMap<Worker, u64>,
}

impl Shares {
    pub(super) fn is_empty(&self) -> bool {
        self.handles == 0 && self.calls == 0 && self.retained.is_empty()
    }
}

#[derive(Clone, Debug)]
pub(super) struct Region {
    pub(super) kind: RegionKind,
    pub(super) size: u64,
    /// The worker of this arena is dead.
    pub(super) dead: bool,
    /// For regions that the coordinator allocates in.
    pub(super) alloc: Option<Alloc>,
    pub(super) blocks: BTreeMap<u64, Block>,
    pub(super) pieces: BTreeMap<u64, Piece>,
    /// Bytes of all blocks.
    total: u64,
    /// `rest` is not kept up to date here.
    usage: Usage,
}

impl Region {
    pub(super) fn new(kind: RegionKind, size: u64, alloc: Option<Alloc>) -> Region {
        Region {
            kind,
            size,
            dead: false,
            alloc,
            blocks: BTreeMap::new(),
            pieces: BTreeMap::new(),
            total: 0,
            usage: Usage {
                size,
                ..Usage::default()
            },
        }
    }

    pub(super) fn usage(&self) -> Usage {
        let rest = self.total - self.usage.held();
        Usage { rest, ..self.usage }
    }

    /// The piece that `offset` lies in.
    pub(super) fn piece_at(&self, offset: u64) -> Option<(Range, &State)> {
        let (&start, piece) = self.pieces.range(..=offset).next_back()?;
        let range = Range::new(start, piece.len);
        (offset < range.end()).then_some((range, &piece.state))
    }

    /// The frozen piece that contains `range`.
    pub(super) fn frozen_at(&self, range: Range) -> Option<(Range, &Shares)> {
        match self.piece_at(range.offset)? {
            (piece, State::Frozen(shares)) if piece.contains(range) => Some((piece, shares)),
            _ => None,
        }
    }

    /// The block that `offset` lies in.
    pub(super) fn block_at(&self, offset: u64) -> Option<(Range, &Block)> {
        let (&start, block) = self.blocks.range(..=offset).next_back()?;
        let range = Range::new(start, block.len);
        (offset < range.end()).then_some((range, block))
    }

    /// The first block that has a byte in common with `range`.
    pub(super) fn block_in(&self, range: Range) -> Option<(Range, &Block)> {
        self.block_at(range.offset).or_else(|| {
            let (&start, block) = self.blocks.range(range.offset..range.end()).next()?;
            Some((Range::new(start, block.len), block))
        })
    }

    /// The free bytes around `range`, which lies in no block.
    pub(super) fn gap(&self, range: Range) -> Range {
        let before = self.blocks.range(..=range.offset).next_back();
        let after = self.blocks.range(range.offset..).next();
        Range::between(
            before.map_or(0, |(&start, block)| start + block.len),
            after.map_or(self.size, |(&start, _)| start),
        )
    }

    pub(super) fn put_block(&mut self, start: u64, block: Block) {
        self.total += block.len;
        self.blocks.insert(start, block);
    }

    pub(super) fn take_block(&mut self, start: u64) -> Option<Block> {
        let block = self.blocks.remove(&start)?;
        self.total -= block.len;
        Some(block)
    }

    /// Adds a piece to the block around it.
    pub(super) fn put_piece(&mut self, range: Range, state: State) {
        if let Some((_, block)) = self.blocks.range_mut(..=range.offset).next_back() {
            block.pieces += 1;
        }
        *counter(&mut self.usage, &state) += range.len;
        self.pieces.insert(
            range.offset,
            Piece {
                len: range.len,
                state,
            },
        );
    }

    /// Removes a piece from the block around it, which may be left with none.
    pub(super) fn take_piece(&mut self, start: u64) -> Option<Piece> {
        let piece = self.pieces.remove(&start)?;
        *counter(&mut self.usage, &piece.state) -= piece.len;
        if let Some((_, block)) = self.blocks.range_mut(..=start).next_back() {
            block.pieces -= 1;
        }
        Some(piece)
    }

    /// Changes the state of the piece that begins at `start`.
    pub(super) fn change(&mut self, start: u64, change: impl FnOnce(&mut State)) {
        let Some(piece) = self.pieces.get_mut(&start) else {
            return;
        };
        *counter(&mut self.usage, &piece.state) -= piece.len;
        change(&mut piece.state);
        *counter(&mut self.usage, &piece.state) += piece.len;
    }

    /// Changes the shares of the frozen piece that begins at `start`.
    pub(super) fn share(&mut self, start: u64, change: impl FnOnce(&mut Shares)) {
        self.change(start, |state| {
            if let State::Frozen(shares) = state {
                change(shares);
            }
        });
    }

    /// Counts a block without pieces for the forked workers that inherited it, or no longer.
    pub(super) fn count_inherited(&mut self, bytes: u64, inherited: bool) {
        if inherited {
            self.usage.inherited += bytes;
        } else {
            self.usage.inherited -= bytes;
        }
    }
}

/// The counter for a piece in this state.
fn counter<'u>(usage: &'u mut Usage, state: &State) -> &'u mut u64 {
    match state {
        State::Mutable(Owner::Coordinator) => &mut usage.handles,
        State::Mutable(Owner::Call(_)) => &mut usage.calls,
        State::Mutable(Owner::Worker(_)) => &mut usage.retained,
        State::Frozen(shares) if shares.handles > 0 => &mut usage.handles,
        State::Frozen(shares) if shares.calls > 0 => &mut usage.calls,
        State::Frozen(_) => &mut usage.retained,
    }
}
