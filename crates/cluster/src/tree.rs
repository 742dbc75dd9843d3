//! Who talks to whom: a binomial tree of ranks with rank 0 at its root.
//!
//! Values come up merged and go down split, each in as many rounds as the number of ranks has
//! binary digits, so that no rank ever hears from more than that many others.

use std::ops::Range;

/// The ranks whose values a rank brings up: itself and those below it, which follow it.
pub(crate) fn subtree(rank: u32, size: u32) -> Range<u32> {
    let span = match rank {
        0 => size,
        rank => 1 << rank.trailing_zeros(),
    };
    rank..rank.saturating_add(span).min(size)
}

/// The rank above; none above rank 0.
pub(crate) fn parent(rank: u32) -> Option<u32> {
    // Without its lowest one-bit.
    (rank > 0).then(|| rank & (rank - 1))
}

/// The ranks right below, nearest first.
pub(crate) fn children(rank: u32, size: u32) -> impl DoubleEndedIterator<Item = u32> {
    let end = subtree(rank, size).end;
    (0..u32::BITS)
        .map(move |bit| (rank, 1 << bit))
        .filter(|(rank, bit): &(u32, u32)| *rank == 0 || *bit < 1 << rank.trailing_zeros())
        .filter_map(|(rank, bit)| rank.checked_add(bit))
        .filter(move |child| *child < end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen() {
        assert_eq!(children(0, 16).collect::<Vec<_>>(), [1, 2, 4, 8]);
        assert_eq!(children(8, 16).collect::<Vec<_>>(), [9, 10, 12]);
        assert_eq!(children(15, 16).count(), 0);
        assert_eq!(parent(15), Some(14));
        assert_eq!(parent(8), Some(0));
    }

    #[test]
    fn everyone_has_one_parent_and_subtrees_divide_among_children() {
        for size in 1..70 {
            for rank in 0..size {
                let mut covered = vec![rank];
                for child in children(rank, size) {
                    assert_eq!(parent(child), Some(rank), "{child} of {size}");
                    covered.extend(subtree(child, size));
                }
                covered.sort_unstable();
                let expected: Vec<u32> = subtree(rank, size).collect();
                assert_eq!(covered, expected, "{rank} of {size}");
            }
        }
    }
}
