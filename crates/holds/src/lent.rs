//! A worker's view of its own arena: what its own code holds, and what it has lent to the coordinator.
//! A block is used again when neither has any of it left. What others hold is for `holds` to know.

use std::collections::BTreeMap;

use crate::alloc::{Alloc, AllocError, Allocated};
use crate::defect::Defect;
use crate::range::{Placement, Range};
use crate::units::Bytes;

#[derive(Clone, Copy, Debug)]
struct Block {
    len: u64,
    /// Holders in this process: arrays, parts and slices.
    local: u64,
    /// Entries of results that the coordinator received and did not report as freed.
    lent: u64,
}

/// The arena of one worker, in the worker.
///
/// The coordinator may free a range while a result that lends the same range again is on its way. So each
/// entry of a result counts ([`Lent::lend`]), and [`Effect::Freed`](crate::Effect::Freed) says how many it answers.
#[derive(Clone, Debug)]
pub struct Lent {
    alloc: Alloc,
    blocks: BTreeMap<u64, Block>,
    lent_bytes: u64,
}

/// An allocation in a worker's arena failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LentError {
    /// See [`AllocError::Empty`].
    #[error("an array of 0 bytes needs no memory")]
    Empty,
    /// The task gets this error; nothing waits.
    #[error("arena full: {} of {} are held by results, {} by this worker; {} were asked for, the longest free range is {}",
        Bytes(*lent), Bytes(*size), Bytes(*local), Bytes(*asked), Bytes(*longest))]
    Full {
        /// Bytes that were asked for.
        asked: u64,
        /// Bytes of the arena.
        size: u64,
        /// Bytes of blocks that the coordinator has not freed.
        lent: u64,
        /// Bytes of blocks that only this worker holds.
        local: u64,
        /// Bytes of the longest free range.
        longest: u64,
    },
    /// The range is not part of one block, or nothing is held or lent of it.
    #[error("{0} are not held in this arena")]
    NotHeld(Range),
}

impl Lent {
    /// An arena with everything in it free.
    pub fn new(alloc: Alloc) -> Lent {
        Lent {
            alloc,
            blocks: BTreeMap::new(),
            lent_bytes: 0,
        }
    }

    /// A new block with one local holder.
    pub fn allocate(&mut self, bytes: u64, placement: Placement) -> Result<Allocated, LentError> {
        let allocated = self
            .alloc
            .allocate(bytes, placement)
            .map_err(|error| match error {
                AllocError::Empty => LentError::Empty,
                AllocError::Exhausted {
                    asked,
                    free,
                    longest,
                    size,
                } => LentError::Full {
                    asked,
                    size,
                    lent: self.lent_bytes,
                    local: size - free - self.lent_bytes,
                    longest,
                },
            })?;
        self.blocks.insert(
            allocated.block.offset,
            Block {
                len: allocated.block.len,
                local: 1,
                lent: 0,
            },
        );
        Ok(allocated)
    }

    /// One more local holder of some part of a block: a slice, a part, or an argument that lies in this arena.
    pub fn hold(&mut self, range: Range) -> Result<(), LentError> {
        self.change(range, |block| {
            block.local += 1;
            true
        })?;
        Ok(())
    }

    /// A local holder is gone. Call [`Lent::lend`] first for what a result has taken.
    pub fn release(&mut self, range: Range, now_ns: u64) -> Result<(), LentError> {
        let start = self.change(range, |block| {
            let held = block.local > 0;
            block.local = block.local.saturating_sub(1);
            held
        })?;
        self.reuse(start, now_ns);
        Ok(())
    }

    /// One entry of a result names (a part of) this block.
    pub fn lend(&mut self, range: Range) -> Result<(), LentError> {
        let start = self.change(range, |block| {
            block.lent += 1;
            true
        })?;
        if let Some(block) = self.blocks.get(&start).filter(|block| block.lent == 1) {
            self.lent_bytes += block.len;
        }
        Ok(())
    }

    /// The coordinator has freed `range`, for which it had received `entries` entries.
    pub fn freed(&mut self, range: Range, entries: u64, now_ns: u64) -> Result<(), LentError> {
        let first_is_last = self.alloc.defects.is(Defect::TakesFirstForLast);
        let start = self.change(range, |block| {
            let lent = block.lent >= entries && entries > 0;
            block.lent = if first_is_last {
                0
            } else {
                block.lent.saturating_sub(entries)
            };
            lent
        })?;
        if let Some(block) = self.blocks.get(&start).filter(|block| block.lent == 0) {
            self.lent_bytes -= block.len;
        }
        self.reuse(start, now_ns);
        Ok(())
    }

    /// See [`Alloc::due`].
    pub fn due(&mut self, now_ns: u64) -> Vec<Range> {
        self.alloc.due(now_ns)
    }

    /// See [`Alloc::next_due_ns`].
    pub fn next_due_ns(&self) -> Option<u64> {
        self.alloc.next_due_ns()
    }

    /// The allocator of the arena, for its counters.
    pub fn alloc(&self) -> &Alloc {
        &self.alloc
    }

    /// Bytes of blocks that the coordinator has not freed.
    pub fn lent_bytes(&self) -> u64 {
        self.lent_bytes
    }

    /// Changes the block around `range`, whose offset it returns. `change` says whether it was right to.
    fn change(
        &mut self,
        range: Range,
        change: impl FnOnce(&mut Block) -> bool,
    ) -> Result<u64, LentError> {
        let found = self.blocks.range_mut(..=range.offset).next_back();
        let (&start, block) = found.ok_or(LentError::NotHeld(range))?;
        if range
            .checked_end()
            .is_none_or(|end| end > start + block.len)
        {
            return Err(LentError::NotHeld(range));
        }
        let mut changed = *block;
        if !change(&mut changed) {
            return Err(LentError::NotHeld(range));
        }
        *block = changed;
        Ok(start)
    }

    fn reuse(&mut self, start: u64, now_ns: u64) {
        if let Some(&Block {
            len,
            local: 0,
            lent: 0,
        }) = self.blocks.get(&start)
        {
            self.blocks.remove(&start);
            let freed = self.alloc.free(Range::new(start, len), now_ns);
            debug_assert_eq!(freed, Ok(()));
        }
    }

    #[cfg(feature = "defects")]
    pub(crate) fn set_defect(&mut self, defect: Option<Defect>) {
        self.alloc.defects = crate::defect::Chosen(defect);
    }
}
