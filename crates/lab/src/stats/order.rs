//! The order of runs.

/// A fixed order that is random for all purposes here: the same seed gives the same order everywhere.
pub(crate) fn shuffle<T>(items: &mut [T], seed: u64) {
    fastrand::Rng::with_seed(seed).shuffle(items);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shuffle_keeps_every_item_and_its_seed_decides() {
        let sorted: Vec<u32> = (0..40).collect();
        let shuffled = |seed| {
            let mut items = sorted.clone();
            shuffle(&mut items, seed);
            items
        };
        assert_eq!(shuffled(1), shuffled(1));
        assert_ne!(shuffled(1), shuffled(2));
        let mut first = shuffled(1);
        assert_ne!(first, sorted);
        first.sort_unstable();
        assert_eq!(first, sorted);
    }
}
