//! Cuts a dataset into batches, as even as whole records allow.

use std::ops::Range;

/// Cuts `records` into `batches` contiguous ranges `[start, end)` of record indices, in order.
///
/// Together the ranges cover `0..records` exactly; their lengths differ by at most one, the longer
/// ones first. No range is empty, so there are fewer than asked for where there are fewer records.
/// The one exception is an empty dataset: it gives the single range `0..0`, so that every job has a
/// batch and its answer comes from a worker like any other. Zero batches count as one.
pub fn batches(records: u64, batches: u64) -> impl Iterator<Item = Range<u64>> + Clone {
    let count = batches.clamp(1, records.max(1));
    let (short, longer) = (records / count, records % count);
    let start = move |index: u64| index * short + index.min(longer);
    (0..count).map(move |index| start(index)..start(index + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn even_and_uneven() {
        assert_eq!(batches(6, 3).collect::<Vec<_>>(), [0..2, 2..4, 4..6]);
        assert_eq!(batches(7, 3).collect::<Vec<_>>(), [0..3, 3..5, 5..7]);
    }

    #[test]
    fn fewer_records_than_batches_and_none_at_all() {
        assert_eq!(batches(2, 5).collect::<Vec<_>>(), [0..1, 1..2]);
        assert_eq!(batches(0, 5).collect::<Vec<_>>(), [const { 0..0 }]);
        assert_eq!(batches(9, 0).collect::<Vec<_>>(), [const { 0..9 }]);
    }

    #[test]
    fn the_largest_dataset_does_not_overflow() {
        let last = batches(u64::MAX, u64::MAX).next();
        assert_eq!(last, Some(0..1));
        assert_eq!(
            batches(u64::MAX, 7).last().map(|range| range.end),
            Some(u64::MAX)
        );
    }

    proptest! {
        #[test]
        fn batches_partition_the_records(records in 0u64..5_000, wanted in 0u64..6_000) {
            let ranges: Vec<_> = batches(records, wanted).collect();
            prop_assert_eq!(ranges.len() as u64, wanted.clamp(1, records.max(1)));
            prop_assert_eq!(ranges[0].start, 0);
            prop_assert_eq!(ranges[ranges.len() - 1].end, records);
            for pair in ranges.windows(2) {
                prop_assert_eq!(pair[0].end, pair[1].start);
            }
            let lengths = ranges.iter().map(|range| range.end - range.start);
            let (min, max) = (lengths.clone().min().unwrap(), lengths.max().unwrap());
            prop_assert!(max - min <= 1);
            prop_assert!(records == 0 || min > 0);
        }
    }
}
