//! The little statistics that tables need.

use report::Spread;

/// The middle and the ends of several measurements; none where there are none.
pub(crate) fn spread(values: impl IntoIterator<Item = f64>) -> Option<Spread> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let (min, max) = (*values.first()?, *values.last()?);
    let upper = values.len() / 2;
    let median = if values.len().is_multiple_of(2) {
        f64::midpoint(values[upper - 1], values[upper])
    } else {
        values[upper]
    };
    Some(Spread { median, min, max })
}

/// A fixed order that looks like chance: the same seed gives the same order everywhere.
///
/// Fisher-Yates over SplitMix64 (Steele, Lea and Flood, OOPSLA 2014). The bias of the remainder is
/// below 2⁻⁵⁰ for any table that fits a screen.
pub(crate) fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut state = seed;
    for last in (1..items.len()).rev() {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^= word >> 31;
        let bound = u64::try_from(last + 1).expect("usize fits in u64");
        let other = usize::try_from(word % bound).expect("below the length");
        items.swap(last, other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_odd_and_even() {
        assert_eq!(spread([]), None);
        assert_eq!(
            spread([3.0, 1.0, 2.0]),
            Some(Spread {
                median: 2.0,
                min: 1.0,
                max: 3.0
            })
        );
        assert_eq!(
            spread([4.0, 1.0]),
            Some(Spread {
                median: 2.5,
                min: 1.0,
                max: 4.0
            })
        );
    }

    #[test]
    fn a_shuffle_keeps_every_item_and_its_seed_decides() {
        let sorted: Vec<u32> = (0..40).collect();
        let mut first = sorted.clone();
        let mut second = sorted.clone();
        let mut other = sorted.clone();
        shuffle(&mut first, 1);
        shuffle(&mut second, 1);
        shuffle(&mut other, 2);
        assert_eq!(first, second);
        assert_ne!(first, other);
        assert_ne!(first, sorted);
        first.sort_unstable();
        assert_eq!(first, sorted);
    }
}
