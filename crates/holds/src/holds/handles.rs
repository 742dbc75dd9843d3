//! The coordinator's own arrays: allocate, split, join, freeze, share, drop. Every array that the
//! coordinator's code can reach has a handle here; what is inside a handle (clones, slices) is the caller's.

use crate::alloc::{AllocError, Allocated};
use crate::error::{Full, UseError};
use crate::range::{Placement, Range, RegionId};

use super::{Block, Holds, Owner, Region, Shares, State};

impl Holds {
    /// Allocates in a region of the coordinator. The result is mutable, with one handle; what becomes an
    /// `Array` is filled first, and then frozen.
    pub fn allocate(
        &mut self,
        region: RegionId,
        bytes: u64,
        placement: Placement,
    ) -> Result<Allocated, UseError> {
        let born = self.next_birth();
        let found = self.region(region).ok_or(UseError::NoSuchRegion(region))?;
        let usage = found.usage();
        let alloc = found.alloc.as_mut().ok_or(UseError::NoSuchRegion(region))?;
        let allocated = alloc
            .allocate(bytes, placement)
            .map_err(|error| match error {
                AllocError::Empty => UseError::Empty,
                AllocError::Exhausted { asked, longest, .. } => UseError::Full(Full {
                    asked,
                    longest,
                    usage,
                }),
            })?;
        let Range { offset, len } = allocated.block;
        found.put_block(
            offset,
            Block {
                len,
                born,
                entries: 0,
                pieces: 0,
                shared: false,
            },
        );
        found.put_piece(allocated.range, State::Mutable(Owner::Coordinator));
        Ok(allocated)
    }

    /// A mutable array becomes an `Array` with one handle.
    pub fn freeze(&mut self, region: RegionId, range: Range) -> Result<(), UseError> {
        self.owned(region, range)?;
        if let Some(found) = self.region(region) {
            found.change(range.offset, |state| {
                *state = State::Frozen(Shares {
                    handles: 1,
                    ..Shares::default()
                });
            });
        }
        Ok(())
    }

    /// Splits a mutable array after its first `bytes` bytes. Both parts have a handle of their own. The memory
    /// is free when no part of the allocation is left.
    pub fn split(
        &mut self,
        region: RegionId,
        range: Range,
        bytes: u64,
    ) -> Result<(Range, Range), UseError> {
        let found = self.owned(region, range)?;
        if bytes == 0 || bytes >= range.len {
            return Err(UseError::BadSplit(range));
        }
        let parts = (
            Range::new(range.offset, bytes),
            Range::between(range.offset + bytes, range.end()),
        );
        found.take_piece(range.offset);
        found.put_piece(parts.0, State::Mutable(Owner::Coordinator));
        found.put_piece(parts.1, State::Mutable(Owner::Coordinator));
        Ok(parts)
    }

    /// Joins mutable arrays that follow each other in one allocation, in this order. On an error the caller
    /// still has all of them.
    pub fn join(&mut self, region: RegionId, parts: &[Range]) -> Result<Range, UseError> {
        let (Some(first), Some(last)) = (parts.first(), parts.last()) else {
            return Err(UseError::NotAdjacent);
        };
        for &part in parts {
            self.owned(region, part)?;
        }
        let found = self.region(region).ok_or(UseError::NoSuchRegion(region))?;
        let block = found.block_at(first.offset).map(|(block, _)| block);
        if parts.windows(2).any(|pair| pair[0].end() != pair[1].offset)
            || !block.is_some_and(|b| b.contains(*last))
        {
            return Err(UseError::NotAdjacent);
        }
        for part in parts {
            found.take_piece(part.offset);
        }
        let joined = Range::between(first.offset, last.end());
        found.put_piece(joined, State::Mutable(Owner::Coordinator));
        Ok(joined)
    }

    /// One more handle for (a slice of) an `Array`. A caller that counts its clones itself needs none.
    pub fn share(&mut self, region: RegionId, range: Range) -> Result<(), UseError> {
        let piece = self.shared(region, range)?;
        if let Some(found) = self.region(region) {
            found.share(piece.offset, |shares| shares.handles += 1);
        }
        Ok(())
    }

    /// A handle is gone: of exactly this mutable array, or of (a slice of) this `Array`.
    pub fn drop_handle(&mut self, region: RegionId, range: Range) -> Result<(), UseError> {
        if self.owned(region, range).is_ok() {
            self.drop_piece(region, range.offset);
            return Ok(());
        }
        let piece = self.shared(region, range)?;
        self.unshare(region, piece.offset, |shares| shares.handles -= 1);
        Ok(())
    }

    /// The region, if the coordinator owns exactly this mutable range of it.
    pub(super) fn owned(
        &mut self,
        region: RegionId,
        range: Range,
    ) -> Result<&mut Region, UseError> {
        let found = self
            .regions
            .get_mut(&region)
            .ok_or(UseError::NoHandle(region, range))?;
        match found.pieces.get(&range.offset) {
            Some(piece)
                if piece.len == range.len
                    && matches!(piece.state, State::Mutable(Owner::Coordinator)) =>
            {
                Ok(found)
            }
            _ => Err(UseError::NoHandle(region, range)),
        }
    }

    /// The frozen piece around `range`, if the coordinator has a handle of it.
    pub(super) fn shared(&self, region: RegionId, range: Range) -> Result<Range, UseError> {
        let error = UseError::NoHandle(region, range);
        if range.len == 0 || range.checked_end().is_none() {
            return Err(error);
        }
        let found = self
            .regions
            .get(&region)
            .and_then(|found| found.frozen_at(range));
        found
            .filter(|(_, shares)| shares.handles > 0)
            .map(|(piece, _)| piece)
            .ok_or(error)
    }
}
