//! The vocabulary of the crate: ranges of regions, entries of array tables, and who is who. It leaves
//! every rule to the other modules.

use std::fmt;

/// Allocations begin and end on multiples of this many bytes: a cache line, and at least the alignment
/// of every element type.
pub const GRANULE: u64 = 64;

/// Arrays of fewer bytes travel as bytes and are not entered in a table, unless they are part of memory
/// that was handed over. A runtime may use a larger threshold, never a smaller one.
pub const SMALL_BYTES: u64 = 4096;

/// Whether an array of `bytes` bytes is entered in a table of arrays; otherwise it travels as bytes.
/// `handed_over` says that it is part of a mutable range that came from the other side.
pub fn entered(bytes: u64, handed_over: bool) -> bool {
    bytes > 0 && (bytes >= SMALL_BYTES || handed_over)
}

/// `len` bytes of a region, from `offset` on. Values from outside may overflow: use
/// [`Range::checked_end`] until they have been checked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Range {
    /// First byte, counted from the start of the region.
    pub offset: u64,
    /// Number of bytes.
    pub len: u64,
}

impl Range {
    /// The range of `len` bytes from `offset` on.
    pub const fn new(offset: u64, len: u64) -> Range {
        Range { offset, len }
    }

    /// The range between two offsets; empty where `end` is not above `offset`.
    pub const fn between(offset: u64, end: u64) -> Range {
        Range {
            offset,
            len: end.saturating_sub(offset),
        }
    }

    /// The offset after the last byte.
    pub const fn end(self) -> u64 {
        self.offset + self.len
    }

    /// The offset after the last byte, unless it does not fit.
    pub const fn checked_end(self) -> Option<u64> {
        self.offset.checked_add(self.len)
    }

    /// Whether `inner` lies within this range.
    pub const fn contains(self, inner: Range) -> bool {
        self.offset <= inner.offset && inner.end() <= self.end()
    }

    /// Whether the two have a byte in common.
    pub const fn overlaps(self, other: Range) -> bool {
        self.offset < other.end() && other.offset < self.end() && self.len > 0 && other.len > 0
    }

    /// The whole pages within this range. `page` is a power of two.
    pub(crate) const fn whole_pages(self, page: u64) -> Range {
        let start = self.offset.saturating_add(page - 1) & !(page - 1);
        Range::between(start, self.end() & !(page - 1))
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes at {}", self.len, self.offset)
    }
}

/// A shared-memory region (an arena), by the number that frames use for it. Never reused by a process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RegionId(pub u32);

/// A worker process. The replacement of a dead worker has the same `id` and a greater `epoch`, so late
/// news of the dead one is never taken for news of its successor.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Worker {
    /// Number of the worker, unique among all pools of the process.
    pub id: u32,
    /// How often the worker with this number has been replaced.
    pub epoch: u32,
}

/// A call of a task, from its submission until its result or its failure.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CallId(pub u64);

/// One line of the table of arrays that travels beside an encoded value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Entry {
    /// The region that the array lies in.
    pub region: RegionId,
    /// Where in the region.
    pub range: Range,
    /// The array is an `ArrayMut`: its ownership moves with the frame.
    pub mutable: bool,
}

/// Where an allocation may begin and end.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Placement {
    /// On multiples of [`GRANULE`].
    Granules,
    /// On pages of its own, for readers that map privately (copy on write).
    Pages,
}
