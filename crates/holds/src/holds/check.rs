//! The check of a worker's report at its receipt. Nothing changes here: a report is accepted as a whole or
//! refused as a whole.

use std::collections::BTreeSet;

use crate::defect::Defect;
use crate::error::{List, Reason, Violation};
use crate::range::{CallId, Entry, Range, RegionId, Worker};

use super::{Holds, Owner, Region, RegionKind, State};

/// Entries of a report that overlap each other: all of them mutable (then one alone), or none.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) region: RegionId,
    pub(super) range: Range,
    pub(super) mutable: bool,
    /// Entries of the result in it.
    pub(super) outputs: u64,
    /// Entries of the list of retained arrays in it.
    pub(super) retained: u64,
    pub(super) origin: Origin,
}

/// Where the memory of a cluster comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Origin {
    /// It lies in a frozen piece. (Not where that begins: another cluster of the report may enlarge it.)
    Held,
    /// It lies in mutable pieces that the call or the worker owns.
    Owned,
    /// It is lent from the worker's own arena.
    Lent,
}

/// What an accepted report changes.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) clusters: Vec<Cluster>,
    /// Mutable pieces whose owner was the call, or the worker where the report names a part of them. Of these,
    /// only what the report names is alive afterwards.
    pub(super) consumed: BTreeSet<(RegionId, u64)>,
}

#[derive(Clone, Copy)]
struct Claim {
    entry: Entry,
    list: List,
    index: usize,
}

impl Claim {
    fn violation(self, reason: Reason) -> Violation {
        Violation {
            list: self.list,
            index: self.index,
            reason,
        }
    }
}

/// Who reports, and what the call gave it to read.
struct Reporter {
    call: CallId,
    worker: Worker,
    /// Where the immutable arguments begin, sorted.
    readable: Vec<(RegionId, u64)>,
}

impl Reporter {
    fn owns(&self, state: &State) -> bool {
        match state {
            State::Mutable(Owner::Call(call)) => *call == self.call,
            State::Mutable(Owner::Worker(worker)) => *worker == self.worker,
            _ => false,
        }
    }

    /// Whether an argument of the call lies in this piece.
    fn was_given(&self, region: RegionId, piece: Range) -> bool {
        let at = self
            .readable
            .partition_point(|&argument| argument < (region, piece.offset));
        self.readable
            .get(at)
            .is_some_and(|&argument| argument < (region, piece.end()))
    }
}

impl Region {
    /// The pieces that cover `range`, if all of them satisfy `owned` and lie in one block.
    pub(super) fn cover(&self, range: Range, owned: impl Fn(&State) -> bool) -> Option<Vec<Range>> {
        let (block, _) = self.block_at(range.offset)?;
        if !block.contains(range) {
            return None;
        }
        let (mut pieces, mut at) = (Vec::new(), range.offset);
        while at < range.end() {
            let (piece, _) = self.piece_at(at).filter(|(_, state)| owned(state))?;
            pieces.push(piece);
            at = piece.end();
        }
        Some(pieces)
    }
}

impl Holds {
    pub(super) fn check(
        &self,
        call: CallId,
        worker: Worker,
        outputs: &[Entry],
        retained: &[Entry],
    ) -> Result<Plan, Violation> {
        let no_call = Violation {
            list: List::Outputs,
            index: 0,
            reason: Reason::NoSuchCall,
        };
        let open = self.calls.get(&call).ok_or(no_call)?;
        if open.sent != Some(worker)
            && !(open.sent.is_some() && self.defects.is(Defect::BelievesStrangers))
        {
            return Err(no_call);
        }
        let (owned, given): (Vec<&Entry>, Vec<&Entry>) =
            open.args.iter().partition(|entry| entry.mutable);
        let mut readable: Vec<_> = given
            .into_iter()
            .map(|entry| (entry.region, entry.range.offset))
            .collect();
        readable.sort_unstable();
        let reporter = Reporter {
            call,
            worker,
            readable,
        };
        let mut consumed: BTreeSet<_> = owned
            .into_iter()
            .map(|entry| (entry.region, entry.range.offset))
            .collect();

        let claims = self.claims(worker, outputs, retained)?;
        let mut clusters = Vec::new();
        let mut rest = claims.as_slice();
        while let Some(first) = rest.first() {
            let (count, end) = self.overlapping(rest)?;
            let range = Range::between(first.entry.range.offset, end);
            let (these, others) = rest.split_at(count);
            let origin = self.origin(&reporter, range, these, &mut consumed)?;
            let results = these
                .iter()
                .filter(|claim| claim.list == List::Outputs)
                .count() as u64;
            clusters.push(Cluster {
                region: first.entry.region,
                range,
                mutable: first.entry.mutable,
                outputs: results,
                retained: count as u64 - results,
                origin,
            });
            rest = others;
        }
        Ok(Plan { clusters, consumed })
    }

    /// All entries of a report, sorted by address, each of which lies in a region that the worker knows.
    fn claims(
        &self,
        worker: Worker,
        outputs: &[Entry],
        retained: &[Entry],
    ) -> Result<Vec<Claim>, Violation> {
        let mut claims = Vec::with_capacity(outputs.len() + retained.len());
        for (list, entries) in [(List::Outputs, outputs), (List::Retained, retained)] {
            for (index, &entry) in entries.iter().enumerate() {
                let claim = Claim { entry, list, index };
                self.in_region(worker, entry.region, entry.range)
                    .map_err(|reason| claim.violation(reason))?;
                claims.push(claim);
            }
        }
        claims.sort_by_key(|claim| claim.entry);
        Ok(claims)
    }

    /// Checks what can be checked without looking at what is alive.
    pub(super) fn in_region(
        &self,
        worker: Worker,
        region: RegionId,
        range: Range,
    ) -> Result<(), Reason> {
        let (Some(state), Some(found)) = (self.workers.get(&worker), self.regions.get(&region))
        else {
            return Err(Reason::UnknownRegion);
        };
        if !state.attached.contains_key(&region) {
            return Err(Reason::UnknownRegion);
        }
        if range.len == 0 {
            return Err(Reason::Empty);
        }
        let end = if self.defects.is(Defect::WrapsAround) {
            Some(range.offset.wrapping_add(range.len))
        } else {
            range.checked_end()
        };
        match end {
            Some(end) if end <= found.size => Ok(()),
            _ => Err(Reason::OutOfRange),
        }
    }

    /// How many of the claims, from the first on, overlap each other, and where the last of them ends.
    fn overlapping(&self, claims: &[Claim]) -> Result<(usize, u64), Violation> {
        let first = claims[0].entry;
        let (mut count, mut end) = (1, first.range.end());
        for claim in &claims[1..] {
            let entry = claim.entry;
            if entry.region != first.region || entry.range.offset >= end {
                break;
            }
            if (first.mutable || entry.mutable) && !self.defects.is(Defect::AcceptsDoubles) {
                return Err(claim.violation(Reason::Doubled));
            }
            count += 1;
            end = end.max(entry.range.end());
        }
        Ok((count, end))
    }

    /// Decides whether the worker may name this memory in this way, and adds the pieces that it consumes.
    fn origin(
        &self,
        reporter: &Reporter,
        range: Range,
        claims: &[Claim],
        consumed: &mut BTreeSet<(RegionId, u64)>,
    ) -> Result<Origin, Violation> {
        let Entry {
            region: id,
            mutable,
            ..
        } = claims[0].entry;
        let refuse = |reason| Err(claims[0].violation(reason));
        let Some(region) = self.regions.get(&id) else {
            return refuse(Reason::UnknownRegion);
        };
        let own = region.kind == RegionKind::Worker(reporter.worker);
        if !mutable && let Some((piece, shares)) = region.frozen_at(range) {
            let held = own
                || shares.retained.contains_key(&reporter.worker)
                || reporter.was_given(id, piece);
            return if held {
                Ok(Origin::Held)
            } else {
                refuse(Reason::NotHeld)
            };
        }
        if region
            .piece_at(range.offset)
            .is_some_and(|(_, state)| reporter.owns(state))
        {
            let Some(pieces) = region.cover(range, |state| reporter.owns(state)) else {
                return refuse(Reason::NotOwned);
            };
            consumed.extend(pieces.into_iter().map(|piece| (id, piece.offset)));
            return Ok(Origin::Owned);
        }
        if !own {
            return refuse(if mutable {
                Reason::NotOwned
            } else {
                Reason::NotHeld
            });
        }
        if claims.iter().all(|claim| claim.list == List::Retained) {
            return refuse(Reason::NotHeld);
        }
        self.lendable(region, range, claims)
    }

    /// Memory of the worker's own arena that is not alive here; immutable memory may also overlap what was
    /// lent as immutable before.
    fn lendable(
        &self,
        region: &Region,
        range: Range,
        claims: &[Claim],
    ) -> Result<Origin, Violation> {
        let mutable = claims[0].entry.mutable && !self.defects.is(Defect::AcceptsOverlap);
        let mut from = range.offset;
        while let Some((block, found)) = region.block_in(Range::between(from, range.end())) {
            if mutable || (!found.shared && !self.defects.is(Defect::AcceptsOverlap)) {
                return Err(claims[0].violation(Reason::Overlaps));
            }
            from = block.end();
            if from >= range.end() {
                break;
            }
        }
        let small = claims.iter().find(|claim| {
            let range = claim.entry.range;
            range.len < self.config.smallest && region.frozen_at(range).is_none()
        });
        match small {
            Some(claim) => Err(claim.violation(Reason::TooSmall)),
            None => Ok(Origin::Lent),
        }
    }
}
