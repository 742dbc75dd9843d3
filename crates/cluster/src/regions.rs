//! Which rank has which parts of which memory: a state machine without MPI and without bytes.
//!
//! A large array that many calls refer to is sent to a rank once: those granules of it that the rank does not
//! have go there before the first call that needs them. What a rank keeps is bounded; where it would be too
//! much, memory that no call in flight refers to is forgotten, that which was used longest ago first.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

/// Bytes of the smallest part that is sent by itself.
pub(crate) const GRANULE: u64 = 64 << 10;
/// Bytes of the largest part that is sent at once.
pub(crate) const PIECE: u64 = 1 << 20;

/// What ranks have.
#[derive(Debug, Default)]
pub(crate) struct Regions {
    ranks: BTreeMap<usize, Kept>,
    /// Bytes that a rank keeps at most.
    bound: u64,
}

#[derive(Debug, Default)]
struct Kept {
    regions: HashMap<u64, Region>,
    /// Address space that they take there.
    bytes: u64,
    uses: u64,
}

#[derive(Debug)]
struct Region {
    len: u64,
    /// Which granules are there.
    there: Vec<u64>,
    /// Calls in flight that refer to it.
    used_by: u32,
    last_use: u64,
}

/// What has to go to a rank before a call.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Needed {
    /// These are to be forgotten first.
    pub(crate) forget: Vec<u64>,
    /// These bytes of the region are to be sent.
    pub(crate) send: Vec<Range<u64>>,
}

impl Regions {
    /// Ranks keep at most `bound` bytes each, unless calls in flight need more.
    pub(crate) fn new(bound: u64) -> Regions {
        Regions {
            ranks: BTreeMap::new(),
            bound,
        }
    }

    /// A call that refers to these bytes of a region of `len` bytes goes to a rank.
    pub(crate) fn need(&mut self, rank: usize, id: u64, len: u64, bytes: Range<u64>) -> Needed {
        let kept = self.ranks.entry(rank).or_default();
        let mut needed = Needed::default();
        if !kept.regions.contains_key(&id) {
            needed.forget = kept.make_room(len, self.bound);
            kept.bytes += len;
            let words = len.div_ceil(GRANULE).div_ceil(64) as usize;
            let region = Region {
                len,
                there: vec![0; words],
                used_by: 0,
                last_use: 0,
            };
            kept.regions.insert(id, region);
        }
        kept.uses += 1;
        let uses = kept.uses;
        if let Some(region) = kept.regions.get_mut(&id) {
            region.used_by += 1;
            region.last_use = uses;
            needed.send = region.send(bytes);
        }
        needed
    }

    /// A call that referred to the region is not in flight to the rank any more.
    pub(crate) fn unused(&mut self, rank: usize, id: u64) {
        let kept = self.ranks.get_mut(&rank);
        if let Some(region) = kept.and_then(|kept| kept.regions.get_mut(&id)) {
            region.used_by -= 1;
        }
    }

    /// The region is gone on rank 0; gives the ranks that have to forget it, which no call in flight refers to
    /// there.
    pub(crate) fn gone(&mut self, id: u64) -> Vec<usize> {
        let mut ranks = Vec::new();
        for (&rank, kept) in &mut self.ranks {
            if let Some(region) = kept.regions.remove(&id) {
                kept.bytes -= region.len;
                ranks.push(rank);
            }
        }
        ranks
    }

    /// Whether a call in flight refers to it.
    pub(crate) fn is_used(&self, id: u64) -> bool {
        let regions = self.ranks.values().filter_map(|kept| kept.regions.get(&id));
        regions.into_iter().any(|region| region.used_by > 0)
    }

    /// The rank is gone.
    pub(crate) fn lost(&mut self, rank: usize) {
        self.ranks.remove(&rank);
    }
}

impl Kept {
    /// Forgets what is not used until `len` more bytes are within `bound`.
    fn make_room(&mut self, len: u64, bound: u64) -> Vec<u64> {
        let mut forgotten = Vec::new();
        while self.bytes.saturating_add(len) > bound {
            let unused = self
                .regions
                .iter()
                .filter(|(_, region)| region.used_by == 0);
            let Some((&id, _)) = unused.min_by_key(|(_, region)| region.last_use) else {
                break;
            };
            if let Some(region) = self.regions.remove(&id) {
                self.bytes -= region.len;
            }
            forgotten.push(id);
        }
        forgotten
    }
}

impl Region {
    /// The bytes among these that are not there, in pieces; from now on they are.
    fn send(&mut self, bytes: Range<u64>) -> Vec<Range<u64>> {
        let mut pieces: Vec<Range<u64>> = Vec::new();
        if bytes.is_empty() {
            return pieces;
        }
        for granule in bytes.start / GRANULE..bytes.end.div_ceil(GRANULE) {
            let (word, bit) = ((granule / 64) as usize, 1 << (granule % 64));
            if self.there[word] & bit != 0 {
                continue;
            }
            self.there[word] |= bit;
            let start = granule * GRANULE;
            let end = (start + GRANULE).min(self.len);
            match pieces.last_mut() {
                Some(last) if last.end == start && end - last.start <= PIECE => last.end = end,
                _ => pieces.push(start..end),
            }
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_region_is_sent_to_a_rank_once() {
        let mut regions = Regions::new(u64::MAX);
        let len = 5 * PIECE + 100;
        let needed = regions.need(1, 7, len, 0..len);
        assert_eq!(needed.send.len(), 6);
        let sent: u64 = needed
            .send
            .iter()
            .map(|piece| piece.end - piece.start)
            .sum();
        assert_eq!(sent, len);
        assert_eq!(regions.need(1, 7, len, 10..len), Needed::default());
        assert_eq!(regions.need(2, 7, len, 0..1).send, vec![0..GRANULE]);
        assert_eq!(regions.gone(7), [1, 2]);
        assert_eq!(regions.need(1, 7, len, 0..1).send, vec![0..GRANULE]);
    }

    #[test]
    fn what_is_used_is_not_forgotten() {
        let mut regions = Regions::new(100);
        regions.need(1, 1, 60, 0..60);
        // More than the bound, since a call needs both.
        assert_eq!(regions.need(1, 2, 60, 0..60).forget, [0u64; 0]);
        regions.unused(1, 1);
        assert_eq!(regions.need(1, 3, 30, 0..30).forget, [1]);
        assert!(regions.is_used(2) && !regions.is_used(1));
    }

    proptest! {
        #[test]
        fn what_a_call_needs_is_there(uses in prop::collection::vec((0u64..4, 0u64..400_000, 0u64..400_000, any::<bool>()), 1..60)) {
            const LEN: u64 = 400_000;
            let mut regions = Regions::new(2 * LEN);
            let mut there = vec![vec![0u32; LEN as usize]; 4];
            let mut open = Vec::new();
            for (id, a, b, end) in uses {
                let bytes = a.min(b)..a.max(b);
                let needed = regions.need(1, id, LEN, bytes.clone());
                for id in needed.forget {
                    prop_assert!(!open.contains(&id));
                    there[id as usize].fill(0);
                }
                for piece in needed.send {
                    prop_assert!(piece.end <= LEN && piece.end - piece.start <= PIECE);
                    for byte in &mut there[id as usize][piece.start as usize..piece.end as usize] {
                        *byte += 1;
                    }
                }
                let all = &there[id as usize];
                prop_assert!(all[bytes.start as usize..bytes.end as usize].iter().all(|&times| times == 1));
                open.push(id);
                if end {
                    let id = open.swap_remove(0);
                    regions.unused(1, id);
                }
            }
        }
    }
}
