//! Medians with what stands beside them in tables.

use report::Spread;

use super::interval::interval;

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
}
