//! Address-ordered first fit over one sparse arena of fixed size. The state lies in private memory, never in
//! the arena. Who may use a range is for `holds` and `lent` to know; giving pages back is for the caller.

mod tree;

use std::collections::BTreeSet;

use crate::defect::{Chosen, Defect};
use crate::range::{GRANULE, Placement, Range};
use tree::{Free, Tree};

/// A free range is given back when at least this many of its bytes may lie in pages that are in use.
pub const GIVE_BACK_BYTES: u64 = 1 << 20;

/// A free range is given back when it was not allocated for this long.
pub const GIVE_BACK_AFTER_NS: u64 = 1_000_000_000;

/// What [`Alloc::allocate`] returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Allocated {
    /// The bytes that were asked for.
    pub range: Range,
    /// The same, rounded up to granules or pages. [`Alloc::free`] takes this range.
    pub block: Range,
    /// The first `used` bytes of `range` may have been used before; all others are fresh, and zero.
    pub used: u64,
}

/// An allocation failed. Waiting does not help: somebody has to release memory first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AllocError {
    /// No bytes were asked for: an empty array needs no memory.
    #[error("an array of 0 bytes needs no memory")]
    Empty,
    /// No free range is long enough.
    #[error(
        "no free range of {asked} bytes: {free} of {size} bytes are free, at most {longest} in one range"
    )]
    Exhausted {
        /// Bytes that were asked for.
        asked: u64,
        /// Free bytes in all.
        free: u64,
        /// The longest free range (of whole pages, where those were asked for).
        longest: u64,
        /// Bytes of the arena.
        size: u64,
    },
}

/// The range that was to be freed is not allocated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0} are not allocated, or not in whole granules")]
pub struct NotAllocated(pub Range);

/// The free and the used ranges of one arena. All operations take O(log n) for n free ranges.
#[derive(Clone, Debug)]
pub struct Alloc {
    size: u64,
    page: u64,
    tree: Tree,
    /// Free ranges that are worth giving back, by the time since when they are free.
    idle: BTreeSet<(u64, u64)>,
    high_water: u64,
    free: u64,
    give_back_bytes: u64,
    give_back_after_ns: u64,
    pub(crate) defects: Chosen,
}

impl Alloc {
    /// An arena of `size` bytes, all of them fresh. `page` is the page size of the system; the size is
    /// rounded down to whole pages.
    pub fn new(size: u64, page: u64) -> Alloc {
        let page = page.max(GRANULE).next_power_of_two();
        let size = size / page * page;
        let mut tree = Tree::new(page);
        if size > 0 {
            tree.insert(Free {
                range: Range::new(0, size),
                dirty: 0,
                since_ns: 0,
            });
        }
        Alloc {
            size,
            page,
            tree,
            idle: BTreeSet::new(),
            high_water: 0,
            free: size,
            give_back_bytes: GIVE_BACK_BYTES,
            give_back_after_ns: GIVE_BACK_AFTER_NS,
            defects: Chosen::default(),
        }
    }

    /// Sets which free ranges are given back, instead of [`GIVE_BACK_BYTES`] and [`GIVE_BACK_AFTER_NS`].
    pub fn give_back(self, bytes: u64, after_ns: u64) -> Alloc {
        Alloc {
            give_back_bytes: bytes.max(1),
            give_back_after_ns: after_ns,
            ..self
        }
    }

    /// Takes `bytes` bytes from the free range with the lowest address that is long enough.
    pub fn allocate(&mut self, bytes: u64, placement: Placement) -> Result<Allocated, AllocError> {
        let pages = placement == Placement::Pages;
        let unit = if pages { self.page } else { GRANULE };
        if bytes == 0 {
            return Err(AllocError::Empty);
        }
        let rounded = bytes.checked_next_multiple_of(unit).unwrap_or(u64::MAX);
        let found = self
            .tree
            .first_fit(rounded, pages)
            .ok_or_else(|| self.exhausted(bytes, pages))?;
        let block = Range::new(found.range.offset.next_multiple_of(unit), rounded);
        let before = Range::between(found.range.offset, block.offset);
        let after = Range::between(block.end(), found.range.end());
        self.unlist(found);
        match (before.len, after.len) {
            (0, 0) => self.tree.remove(found.range.offset),
            (0, _) => self.shrink(found, after),
            (_, 0) => self.shrink(found, before),
            _ => {
                self.shrink(found, before);
                self.put(self.part(found, after));
            }
        }
        self.free -= rounded;
        let used = if self.defects.is(Defect::TrustsUsedBytes) {
            0
        } else {
            self.high_water.clamp(block.offset, block.offset + bytes) - block.offset
        };
        self.high_water = self.high_water.max(block.end());
        Ok(Allocated {
            range: Range::new(block.offset, bytes),
            block,
            used,
        })
    }

    /// Returns a block, and joins it with the free ranges before and after it.
    pub fn free(&mut self, block: Range, now_ns: u64) -> Result<(), NotAllocated> {
        let end = block
            .checked_end()
            .filter(|&end| end <= self.size && block.len > 0)
            .ok_or(NotAllocated(block))?;
        let before = self.tree.at_or_below(block.offset);
        let after = self.tree.above(block.offset);
        if !block.offset.is_multiple_of(GRANULE)
            || !block.len.is_multiple_of(GRANULE)
            || before.is_some_and(|free| free.range.end() > block.offset)
            || after.is_some_and(|free| free.range.offset < end)
            || end > self.high_water
        {
            return Err(NotAllocated(block));
        }
        self.free += block.len;
        let before = before.filter(|free| free.range.end() == block.offset);
        let after = after
            .filter(|free| free.range.offset == end && !self.defects.is(Defect::DoesNotCoalesce));
        let mut joined = Free {
            range: block,
            dirty: block.len,
            since_ns: now_ns,
        };
        let mut longest = block.len;
        for neighbour in [before, after].into_iter().flatten() {
            self.unlist(neighbour);
            joined.range = Range::between(
                joined.range.offset.min(neighbour.range.offset),
                joined.range.end().max(neighbour.range.end()),
            );
            joined.dirty += neighbour.dirty;
            // A small range that is freed next to a large one does not make the large one wait again.
            if neighbour.range.len > longest && neighbour.dirty > 0 {
                (longest, joined.since_ns) = (neighbour.range.len, neighbour.since_ns);
            }
        }
        match (before, after) {
            (Some(before), after) => {
                if let Some(after) = after {
                    self.tree.remove(after.range.offset);
                }
                self.tree.replace(before.range.offset, joined);
                self.list(joined);
            }
            (None, Some(after)) => {
                self.tree.replace(after.range.offset, joined);
                self.list(joined);
            }
            (None, None) => self.put(joined),
        }
        Ok(())
    }

    /// The ranges of whole pages that are to be given back to the system now. They count as given back when
    /// this returns: the caller has to do so before its next allocation.
    pub fn due(&mut self, now_ns: u64) -> Vec<Range> {
        let mut due = Vec::new();
        while let Some(&(since_ns, offset)) = self.idle.first() {
            if since_ns.saturating_add(self.give_back_after_ns) > now_ns {
                break;
            }
            self.idle.remove(&(since_ns, offset));
            let Some(free) = self
                .tree
                .at_or_below(offset)
                .filter(|free| free.range.offset == offset)
            else {
                if self.defects.is(Defect::PunchesAllocated) {
                    due.push(Range::new(offset, self.give_back_bytes));
                }
                continue;
            };
            // Above the high-water mark nothing was ever used, so the page of the mark is free as a whole.
            let end = free
                .range
                .end()
                .min(self.high_water.next_multiple_of(self.page));
            let pages = Range::between(offset, end).whole_pages(self.page);
            // Pages at the edges that are not free as a whole stay in use.
            let edges = Range::between(offset, end).len - pages.len;
            self.tree.replace(
                offset,
                Free {
                    dirty: free.dirty.min(edges),
                    ..free
                },
            );
            if free.range.end() >= self.high_water {
                self.high_water = self.high_water.min(offset.next_multiple_of(self.page));
            }
            if pages.len > 0 {
                due.push(pages);
            }
        }
        due
    }

    /// When [`Alloc::due`] will have something to give back, if nothing is allocated or freed until then.
    pub fn next_due_ns(&self) -> Option<u64> {
        self.idle
            .first()
            .map(|&(since_ns, _)| since_ns.saturating_add(self.give_back_after_ns))
    }

    /// No byte at or above this offset has been used since it was fresh or given back.
    pub fn high_water(&self) -> u64 {
        self.high_water
    }

    /// Bytes of the arena.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes that are not allocated.
    pub fn free_bytes(&self) -> u64 {
        self.free
    }

    /// Bytes of the longest free range.
    pub fn longest_free(&self) -> u64 {
        self.tree.longest(false)
    }

    /// The free ranges in the order of their addresses, no two of which touch. O(n): for tests and reports.
    pub fn free_ranges(&self) -> Vec<Range> {
        self.tree.all().into_iter().map(|free| free.range).collect()
    }

    fn exhausted(&self, asked: u64, pages: bool) -> AllocError {
        AllocError::Exhausted {
            asked,
            free: self.free,
            longest: self.tree.longest(pages),
            size: self.size,
        }
    }

    /// What remains of a free range when only `range` of it stays free.
    fn part(&self, free: Free, range: Range) -> Free {
        let used = Range::between(range.offset, range.end().min(self.high_water)).len;
        Free {
            range,
            dirty: free.dirty.min(used),
            since_ns: free.since_ns,
        }
    }

    fn shrink(&mut self, free: Free, range: Range) {
        let part = self.part(free, range);
        self.tree.replace(free.range.offset, part);
        self.list(part);
    }

    fn put(&mut self, free: Free) {
        self.tree.insert(free);
        self.list(free);
    }

    fn list(&mut self, free: Free) {
        if free.dirty >= self.give_back_bytes {
            self.idle.insert((free.since_ns, free.range.offset));
        }
    }

    fn unlist(&mut self, free: Free) {
        if !self.defects.is(Defect::PunchesAllocated) {
            self.idle.remove(&(free.since_ns, free.range.offset));
        }
    }
}
