//! The statistics of all tables and judgements: medians with intervals, when to stop repeating, whether a
//! quantity has two modes, and whether two samples differ.
//!
//! Nothing here assumes a distribution. Times of processes have heavy tails, several modes and outliers;
//! a mean with a standard error describes none of them. What is measured, and what a table says of it, is
//! left to the callers.
//!
//! | part | what it is |
//! | --- | --- |
//! | [`interval`] | the median's confidence interval |
//! | [`runs`] | how often to repeat a measurement |
//! | [`modes`] | whether values form two groups |
//! | [`ranks`] | the two-sample test, the size of a shift, the correction for many comparisons |

mod interval;
mod modes;
mod ranks;
mod runs;
#[cfg(test)]
pub(crate) mod series;

use report::Spread;

pub(crate) use interval::interval;
pub(crate) use modes::modes;
pub(crate) use ranks::{Shift, holm, shift};
pub(crate) use runs::{Precision, Repeat};

/// Median, ends, number and confidence interval of measurements; none where there are none.
pub(crate) fn spread(values: impl IntoIterator<Item = f64>) -> Option<Spread> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let (min, max) = (*values.first()?, *values.last()?);
    Some(Spread {
        median: middle(&values),
        min,
        max,
        n: u64::try_from(values.len()).ok(),
        interval: interval(&values),
    })
}

/// The median of at least one value.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    middle(&sorted)
}

/// The median of at least one value, in ascending order.
fn middle(sorted: &[f64]) -> f64 {
    let upper = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) {
        f64::midpoint(sorted[upper - 1], sorted[upper])
    } else {
        sorted[upper]
    }
}

/// A count as a number to calculate with.
#[expect(
    clippy::cast_precision_loss,
    reason = "no sample, memory or dataset has 2^53 of anything"
)]
pub(crate) fn float(count: impl Into<Count>) -> f64 {
    count.into().0 as f64
}

/// A count of any unsigned type.
pub(crate) struct Count(u64);

impl From<u64> for Count {
    fn from(count: u64) -> Count {
        Count(count)
    }
}

impl From<usize> for Count {
    fn from(count: usize) -> Count {
        Count(u64::try_from(count).unwrap_or(u64::MAX))
    }
}

/// A fixed order that is random for all purposes here: the same seed gives the same order everywhere.
pub(crate) fn shuffle<T>(items: &mut [T], seed: u64) {
    fastrand::Rng::with_seed(seed).shuffle(items);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_odd_and_even_numbers() {
        assert_eq!(spread([]), None);
        let three = spread([3.0, 1.0, 2.0]).unwrap();
        assert_eq!(
            (three.median, three.min, three.max, three.n),
            (2.0, 1.0, 3.0, Some(3))
        );
        assert_eq!(spread([4.0, 1.0]).unwrap().median, 2.5);
        assert_eq!(median(&[4.0, 1.0, 0.0, 9.0]), 2.5);
    }

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
