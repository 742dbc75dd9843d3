//! Who does what: the records that are left, cut into even parts in order.
//!
//! Whole shards would leave ranks idle wherever their number or sizes do not fit the ranks'. A cut
//! costs nothing, since partials merge exactly; and as the parts lie in order, a rank has few.

use crate::checkpoint::Done;
use crate::shards::Shard;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Records of one shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part<S> {
    /// Which shard.
    pub(crate) shard: S,
    /// Which of its records.
    pub(crate) records: Range<u64>,
}

/// The parts of each rank: those records of `shards` that are not done.
pub(crate) fn spread(shards: &[Shard], done: &Done, ranks: u32) -> Vec<Vec<Part<Shard>>> {
    let left: Vec<Part<usize>> = shards
        .iter()
        .enumerate()
        .flat_map(|(shard, all)| {
            let done = done.ranges.get(shard).map_or(&[][..], Vec::as_slice);
            let gaps = gaps(all.records, done);
            gaps.into_iter().map(move |records| Part { shard, records })
        })
        .collect();
    cut(&left, ranks)
        .into_iter()
        .map(|parts| {
            let whole = |part: Part<usize>| Part {
                shard: shards[part.shard].clone(),
                records: part.records,
            };
            parts.into_iter().map(whole).collect()
        })
        .collect()
}

/// What `done`, in any order and without overlaps, leaves of `0..records`.
fn gaps(records: u64, done: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut done = done.to_vec();
    done.sort_by_key(|range| range.start);
    let mut at = 0;
    let mut gaps = Vec::new();
    for range in done.iter().chain([&(records..records)]) {
        if at < range.start {
            gaps.push(at..range.start);
        }
        at = range.end;
    }
    gaps
}

/// Cuts what is left into as many shares of even size as there are ranks, some of them empty where
/// there are fewer records than ranks.
fn cut(left: &[Part<usize>], ranks: u32) -> Vec<Vec<Part<usize>>> {
    let total: u64 = left
        .iter()
        .map(|part| part.records.end - part.records.start)
        .sum();
    let mut shares: Vec<Vec<Part<usize>>> = vec![Vec::new(); ranks as usize];
    let mut left = left.iter().cloned();
    let mut current: Option<Part<usize>> = None;
    for (share, range) in shares.iter_mut().zip(dataset::batches(total, ranks.into())) {
        let mut wanted = range.end - range.start;
        while wanted > 0 {
            let Some(mut part) = current.take().or_else(|| left.next()) else {
                break;
            };
            let end = part.records.end.min(part.records.start + wanted);
            wanted -= end - part.records.start;
            share.push(Part {
                shard: part.shard,
                records: part.records.start..end,
            });
            part.records.start = end;
            current = (part.records.start < part.records.end).then_some(part);
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn shards_that_fit_the_ranks_are_not_cut() {
        let left: Vec<_> = (0..4)
            .map(|shard| Part {
                shard,
                records: 0..10,
            })
            .collect();
        let shares = cut(&left, 4);
        for (share, part) in shares.iter().zip(&left) {
            assert_eq!(share, std::slice::from_ref(part));
        }
        assert_eq!(cut(&left, 2)[1], left[2..]);
    }

    #[test]
    fn what_is_done_is_left_out() {
        let nothing: Vec<Range<u64>> = Vec::new();
        assert_eq!(gaps(0, &nothing), nothing);
        assert_eq!(gaps(10, &[6..8, 0..2]), [2..6, 8..10]);
        assert_eq!(gaps(10, &[0..4, 4..10]), []);
    }

    proptest! {
        #[test]
        fn everything_is_done_once_and_evenly(sizes in prop::collection::vec(1u64..50, 0..20), ranks in 1u32..40) {
            let left: Vec<_> = sizes
                .iter()
                .enumerate()
                .map(|(shard, &records)| Part { shard, records: 0..records })
                .collect();
            let shares = cut(&left, ranks);
            prop_assert_eq!(shares.len(), ranks as usize);
            let total: u64 = sizes.iter().sum();
            for share in &shares {
                let has: u64 = share.iter().map(|p| p.records.end - p.records.start).sum();
                prop_assert!(has <= total.div_ceil(ranks.into()));
                prop_assert!(total < ranks.into() || has >= total / u64::from(ranks));
            }
            // Joined again, they are what was left.
            let mut joined: Vec<Part<usize>> = Vec::new();
            for part in shares.into_iter().flatten() {
                match joined.last_mut() {
                    Some(last) if last.shard == part.shard => {
                        prop_assert_eq!(last.records.end, part.records.start);
                        last.records.end = part.records.end;
                    }
                    _ => joined.push(part),
                }
            }
            prop_assert_eq!(joined, left);
        }
    }
}
