//! A worker's books: its allocator, its mappings and its records.

use super::super::error::ArrayError;
use super::super::hold::Place;
use super::super::room::check_room;
use super::records::{Known, Mutable, Record};
use holds::alloc::Alloc;
use holds::lent::{Lent, LentError};
use holds::{Placement, Range};
use shmem::Arena;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;
use std::time::Instant;
use wire::{ArrayEntry, ArrayRange, CallArrays};

/// A mapped arena, or why it cannot be mapped.
type Mapped = Result<Arc<Arena>, String>;

pub(super) struct State {
    /// The number of the own arena.
    pub own: u32,
    pub lent: Lent,
    arenas: HashMap<u32, Mapped>,
    pub records: BTreeMap<u64, Record>,
    next: u64,
    /// Records that the coordinator counts as a part of the call that runs.
    pub fresh: Vec<u64>,
    mutable: Mutable,
    /// Retained arrays that have ended and were not reported yet.
    pub released: Vec<ArrayRange>,
    began: Instant,
}

impl State {
    pub(super) fn new(own: u32, arena: Arc<Arena>) -> State {
        State {
            own,
            lent: Lent::new(Alloc::new(arena.size(), shmem::page_size())),
            arenas: HashMap::from([(own, Ok(arena))]),
            records: BTreeMap::new(),
            next: 1,
            fresh: Vec::new(),
            mutable: Mutable::default(),
            released: Vec::new(),
            began: Instant::now(),
        }
    }

    fn now_ns(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    fn arena(&self, region: u32) -> Result<&Arc<Arena>, String> {
        match self.arenas.get(&region) {
            Some(Ok(arena)) => Ok(arena),
            Some(Err(why)) => Err(why.clone()),
            None => Err(format!("arena {region} was not sent")),
        }
    }

    /// Makes an arena known; what there was under its number is given back. A stronger mapping takes the
    /// place of a weaker one.
    pub(super) fn attach(&mut self, region: u32, arena: Mapped) -> Option<Mapped> {
        self.arenas.insert(region, arena)
    }

    /// What the coordinator says beside the arrays of a call.
    pub(super) fn take_in(&mut self, beside: &CallArrays) -> Result<(), String> {
        let now_ns = self.now_ns();
        for freed in &beside.freed {
            let range = Range::new(freed.offset, freed.len);
            let freed = self.lent.freed(range, freed.entries, now_ns);
            freed.map_err(|error| error.to_string())?;
        }
        for region in &beside.forget {
            if *region != self.own {
                self.arenas.remove(region);
            }
        }
        Ok(())
    }

    /// Makes records of a call's shared arrays; all of them, or none.
    pub(super) fn enter(
        &mut self,
        entries: &[ArrayEntry],
        epoch: u32,
    ) -> Result<Vec<(Arc<Arena>, Place)>, String> {
        let shared = entries.iter().filter_map(|entry| match entry {
            ArrayEntry::Shared(range) => Some(*range),
            ArrayEntry::Bytes { .. } => None,
        });
        let ranges: Vec<ArrayRange> = shared.collect();
        let arenas = ranges.iter().map(|range| self.check(range));
        let arenas = arenas.collect::<Result<Vec<_>, _>>()?;
        check_overlaps(&ranges)?;
        self.hold_own(&ranges)?;
        let mut places = Vec::with_capacity(ranges.len());
        for (range, arena) in ranges.iter().zip(arenas) {
            let id = self.next;
            let place = Place {
                region: range.region,
                range: Range::new(range.offset, range.len),
                id,
                block: id,
                epoch,
            };
            self.next += 1;
            let record = Record {
                region: range.region,
                range: place.range,
                mutable: range.mutable,
                known: Known::Call,
                argument: id,
            };
            if range.mutable {
                self.mutable.insert(place.region, place.range);
            }
            self.records.insert(id, record);
            self.fresh.push(id);
            places.push((arena, place));
        }
        Ok(places)
    }

    fn check(&self, range: &ArrayRange) -> Result<Arc<Arena>, String> {
        let ArrayRange {
            region,
            offset,
            len,
            mutable,
        } = *range;
        let arena = self.arena(region)?;
        let end = offset.checked_add(len);
        if len == 0 || end.is_none_or(|end| end > arena.size()) {
            return Err(format!(
                "{len} bytes at {offset} lie outside of arena {region}"
            ));
        }
        if mutable && !arena.is_writable() {
            return Err(format!("arena {region} cannot be written"));
        }
        if self.mutable.overlaps(region, Range::new(offset, len)) {
            return Err(format!(
                "{len} bytes at {offset} of arena {region} are an ArrayMut's here"
            ));
        }
        Ok(Arc::clone(arena))
    }

    /// One more holder for each range of the own arena; all of them, or none.
    fn hold_own(&mut self, ranges: &[ArrayRange]) -> Result<(), String> {
        let own = self.own;
        let ours = ranges.iter().filter(|range| range.region == own);
        let ours: Vec<Range> = ours
            .map(|range| Range::new(range.offset, range.len))
            .collect();
        for (n, &range) in ours.iter().enumerate() {
            if let Err(error) = self.lent.hold(range) {
                let now_ns = self.now_ns();
                for &range in &ours[..n] {
                    let _ = self.lent.release(range, now_ns);
                }
                return Err(error.to_string());
            }
        }
        Ok(())
    }

    pub(super) fn allocate(
        &mut self,
        bytes: u64,
        epoch: u32,
    ) -> Result<(Arc<Arena>, Place, usize), ArrayError> {
        self.give_back();
        let arena = self.arena(self.own).map_err(ArrayError::Books)?;
        let arena = Arc::clone(arena);
        let allocated = self.lent.allocate(bytes, Placement::Granules);
        let allocated = allocated.map_err(|error| match error {
            LentError::Full { .. } => ArrayError::Full(error.to_string()),
            error => ArrayError::Books(error.to_string()),
        })?;
        if let Err(error) = check_room(bytes - allocated.used) {
            let _ = self.lent.release(allocated.range, self.now_ns());
            return Err(error);
        }
        self.mutable.insert(self.own, allocated.range);
        let place = Place {
            region: self.own,
            range: allocated.range,
            id: 0,
            block: allocated.block.offset,
            epoch,
        };
        Ok((arena, place, allocated.used as usize))
    }

    pub(super) fn split(&mut self, low: Place, mut high: Place) -> (Place, Place) {
        if low.region == self.own {
            let held = self.lent.hold(high.range);
            debug_assert!(held.is_ok(), "{held:?}");
        }
        let whole = Range::between(low.range.offset, high.range.end());
        if self.mutable.remove(low.region, whole) {
            self.mutable.insert(low.region, low.range);
            self.mutable.insert(high.region, high.range);
        }
        if let Some(record) = self.records.get_mut(&low.id) {
            let rest = Record {
                range: high.range,
                ..record.clone()
            };
            record.range = low.range;
            high.id = self.next;
            self.next += 1;
            if rest.known == Known::Call {
                self.fresh.push(high.id);
            }
            self.records.insert(high.id, rest);
        }
        (low, high)
    }

    /// Both are of one block; nothing where the coordinator counts them as different things.
    pub(super) fn join(&mut self, first: &Place, next: &Place, range: Range) -> Option<Place> {
        if first.id != 0 {
            let second = self.records.get(&next.id)?.known;
            let record = self.records.get_mut(&first.id)?;
            if record.known != second {
                return None;
            }
            record.range = range;
            self.records.remove(&next.id);
        }
        if first.region == self.own {
            let released = self.lent.release(next.range, self.now_ns());
            debug_assert!(released.is_ok(), "{released:?}");
        }
        self.mutable.remove(first.region, first.range);
        self.mutable.remove(next.region, next.range);
        self.mutable.insert(first.region, range);
        Some(Place {
            range,
            ..first.clone()
        })
    }

    pub(super) fn freeze(&mut self, place: &Place) {
        self.mutable.remove(place.region, place.range);
        if let Some(record) = self.records.get_mut(&place.id) {
            record.mutable = false;
        }
    }

    pub(super) fn release(&mut self, place: &Place) {
        self.mutable.remove(place.region, place.range);
        if let Some(record) = self.records.remove(&place.id)
            && record.known != Known::Call
        {
            self.released.push(ArrayRange {
                mutable: false,
                ..record.to_range()
            });
        }
        if place.region == self.own {
            let released = self.lent.release(place.range, self.now_ns());
            debug_assert!(released.is_ok(), "{released:?}");
        }
    }

    /// Gives memory of the own arena back; nanoseconds until there is more.
    pub(super) fn give_back(&mut self) -> Option<u64> {
        // Most often there is nothing, and no need to look at the clock.
        self.lent.next_due_ns()?;
        let now_ns = self.now_ns();
        for range in self.lent.due(now_ns) {
            if let Ok(arena) = self.arena(self.own)
                && arena.punch(range.offset, range.len).is_err()
            {
                arena.clear(range.offset, range.len);
            }
        }
        Some(self.lent.next_due_ns()?.saturating_sub(now_ns))
    }

    pub(super) fn writable(&self) -> Vec<(Arc<Arena>, Range)> {
        let arena = |(region, range)| Some((Arc::clone(self.arena(region).ok()?), range));
        self.mutable.all().filter_map(arena).collect()
    }

    /// In a forked child: nothing that it writes is seen by others from now on.
    pub(super) fn make_private(&self) -> io::Result<()> {
        for (&region, arena) in &self.arenas {
            let Ok(arena) = arena else { continue };
            if !arena.is_writable() {
                continue;
            }
            let used = match region == self.own {
                true => self.lent.alloc().high_water(),
                false => arena.size(),
            };
            arena.make_private(used)?;
        }
        Ok(())
    }
}

/// Mutable arrays of one table overlap nothing.
fn check_overlaps(ranges: &[ArrayRange]) -> Result<(), String> {
    let mut sorted = ranges.to_vec();
    sorted.sort_unstable();
    let (mut region, mut end, mut mutable_end) = (None, 0, 0);
    for range in sorted {
        if region != Some(range.region) {
            (region, end, mutable_end) = (Some(range.region), 0, 0);
        }
        let clash = match range.mutable {
            true => range.offset < end,
            false => range.offset < mutable_end,
        };
        if clash {
            return Err(format!(
                "arrays overlap at {} of arena {}",
                range.offset, range.region
            ));
        }
        end = end.max(range.offset + range.len);
        if range.mutable {
            mutable_end = mutable_end.max(range.offset + range.len);
        }
    }
    Ok(())
}
