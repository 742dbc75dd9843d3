//! The confidence interval of a median, from order statistics.
//!
//! The number of values below the true median is binomial with probability ½, whatever the distribution.
//! Hence the k-th smallest and the k-th largest value enclose the median with a probability that is known
//! exactly. A bootstrap needs more values for its nominal coverage (it is too narrow below about 20), and
//! gives another interval with every seed. The cost is that fewer than 6 values have no 95 % interval at
//! all: with n values the widest one, from the smallest to the largest, covers 1 − 2^(1−n).

use super::number::float;

/// The probability, at least, that an interval encloses the median.
const CONFIDENCE: f64 = 0.95;

/// The narrowest interval of at least [`CONFIDENCE`] around the median of ascending values; none where
/// there are too few.
pub(crate) fn interval(sorted: &[f64]) -> Option<[f64; 2]> {
    let rank = ranked_interval(sorted.len())?;
    Some([sorted[rank], sorted[sorted.len() - 1 - rank]])
}

/// How many values at either end the interval of `n` values leaves out; none where there is no interval.
fn ranked_interval(n: usize) -> Option<usize> {
    let mut outside = 0.0;
    let mut last = None;
    // P(at most k values below the median) on either side.
    let mut term = 0.5_f64.powf(float(n));
    for k in 0..n.div_ceil(2) {
        outside += 2.0 * term;
        if outside > 1.0 - CONFIDENCE {
            break;
        }
        last = Some(k);
        term *= float(n - k) / float(k + 1);
    }
    last
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::super::median::median;
    use super::super::series::Kind;
    use super::*;

    #[test]
    fn ranks_are_those_of_the_binomial_table() {
        // Leaving out k values at either end: known from tables of the sign test.
        for (n, rank) in [
            (0, None),
            (1, None),
            (5, None),
            (6, Some(0)),
            (8, Some(0)),
            (9, Some(1)),
            (11, Some(1)),
            (12, Some(2)),
            (20, Some(5)),
            (50, Some(17)),
            (100, Some(39)),
        ] {
            assert_eq!(ranked_interval(n), rank, "{n}");
        }
    }

    #[test]
    fn the_interval_covers_the_median_of_any_distribution() {
        let kinds = [
            Kind::Normal(0.05),
            Kind::LogNormal(0.5),
            Kind::Outliers,
            Kind::Bimodal(0.3, 5.0),
        ];
        for kind in kinds {
            let mut random = Rng::with_seed(7);
            let truth = median(&kind.series(200_001, &mut random));
            for n in [6, 9, 20] {
                let covered = (0..2_000)
                    .filter(|_| {
                        let mut values = kind.series(n, &mut random);
                        values.sort_by(f64::total_cmp);
                        let [low, high] = interval(&values).unwrap();
                        (low..=high).contains(&truth)
                    })
                    .count();
                // 0.95 less three standard errors of 2,000 draws.
                assert!(covered >= 1_870, "{kind:?}, n = {n}: {covered}");
            }
        }
    }
}
