//! What is known of an arena's bytes without looking at its allocator's tables: the address that first fit has to
//! find, and which bytes are not zero.

use crate::alloc::{Alloc, Allocated};
use crate::{GRANULE, Placement, Range};

use super::model::{CELL, cells};
use super::scale::PAGE;

/// For each cell, whether it was used since it was fresh or given back.
#[derive(Clone, Debug)]
pub(super) struct Ground {
    dirty: Vec<bool>,
}

impl Ground {
    pub(super) fn new(bytes: u64) -> Ground {
        Ground {
            dirty: vec![false; (bytes / CELL) as usize],
        }
    }

    /// Which cells an allocator says are used.
    pub(super) fn used(alloc: &Alloc) -> Vec<bool> {
        let mut used = vec![true; (alloc.size() / CELL) as usize];
        for range in alloc.free_ranges() {
            used[cells(range)].fill(false);
        }
        used
    }

    /// Checks an allocation against the cells that were used before it.
    pub(super) fn check(
        &mut self,
        used: &[bool],
        bytes: u64,
        placement: Placement,
        allocated: Option<Allocated>,
    ) -> Result<(), String> {
        let unit = if placement == Placement::Pages {
            PAGE
        } else {
            GRANULE
        };
        let block = bytes.next_multiple_of(unit);
        let fits = |offset: u64| {
            used.get(cells(Range::new(offset, block)))
                .is_some_and(|cells| !cells.contains(&true))
        };
        let expected = (0..used.len() as u64 * CELL)
            .step_by(unit as usize)
            .find(|&offset| fits(offset));
        if expected != allocated.map(|allocated| allocated.block.offset) {
            return Err(format!(
                "first fit for {bytes} bytes: expected {expected:?}, got {allocated:?}"
            ));
        }
        let Some(allocated) = allocated else {
            return Ok(());
        };
        let fresh = Range::between(
            allocated.range.offset + allocated.used,
            allocated.range.end(),
        );
        if allocated.range.len != bytes
            || allocated.block.len != block
            || self.dirty[cells(fresh)].contains(&true)
        {
            return Err(format!(
                "{allocated:?}: wrong size, or used bytes are taken for fresh ones"
            ));
        }
        self.dirty[cells(allocated.range)].fill(true);
        Ok(())
    }

    /// The range was given back.
    pub(super) fn punch(&mut self, range: Range) {
        self.dirty[cells(range)].fill(false);
    }
}
