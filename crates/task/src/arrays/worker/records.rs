//! What a worker was given, and how the coordinator sees it.

use holds::Range;
use std::collections::BTreeMap;
use wire::ArrayRange;

/// Something that the worker was given: an argument, or a part of one.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub region: u32,
    pub range: Range,
    /// It is an `ArrayMut`, here.
    pub mutable: bool,
    pub known: Known,
    /// The argument that it was, or is a part of.
    pub argument: u64,
}

/// As what the coordinator counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// As a part of the call that runs.
    Call,
    /// As retained by this worker, who owns it.
    Owned,
    /// As retained by this worker, among other readers.
    Read,
}

impl Record {
    pub(super) fn to_range(&self) -> ArrayRange {
        ArrayRange {
            region: self.region,
            offset: self.range.offset,
            len: self.range.len,
            mutable: self.mutable,
        }
    }
}

/// Mutable ranges that this process holds, by region and offset. They do not overlap.
#[derive(Debug, Default)]
pub(super) struct Mutable(BTreeMap<(u32, u64), u64>);

impl Mutable {
    pub(super) fn insert(&mut self, region: u32, range: Range) {
        self.0.insert((region, range.offset), range.len);
    }

    /// Removes exactly this range; whether it was there.
    pub(super) fn remove(&mut self, region: u32, range: Range) -> bool {
        let key = (region, range.offset);
        let is_there = self.0.get(&key) == Some(&range.len);
        is_there && self.0.remove(&key).is_some()
    }

    pub(super) fn overlaps(&self, region: u32, range: Range) -> bool {
        let before = self.0.range(..(region, range.end())).next_back();
        before.is_some_and(|(&(found, offset), &len)| {
            found == region && Range::new(offset, len).overlaps(range)
        })
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (u32, Range)> {
        self.0
            .iter()
            .map(|(&(region, offset), &len)| (region, Range::new(offset, len)))
    }
}
