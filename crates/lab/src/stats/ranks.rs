//! Whether two samples differ, by how much, and how sure that is where many are compared.
//!
//! The test is that of Mann and Whitney: exact for any distribution, two modes and outliers included, where
//! measurements are independent. Measurements of one session are not quite: a machine drifts. What all rows
//! of a session have in common is removed before, by dividing by the baseline of the same round. For what is
//! left, the variance is widened by the correlation of neighbours, as for a process of first order.

use super::median::median;
use super::number::float;

/// An approximate probability above this needs no exact one: no test takes it for a change.
const SURELY_NONE: f64 = 0.2;

/// By how much a sample differs from another one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shift {
    /// The median of all differences (Hodges and Lehmann, 1963).
    pub(crate) by: f64,
    /// Its 95 % interval.
    pub(crate) interval: [f64; 2],
    /// The probability of such samples where the true shift is at most the one that was allowed.
    pub(crate) p: f64,
}

/// The shift from one sample to another, in the order of measuring, and whether it is beyond `allowed` in
/// either direction; none where a sample is empty.
pub(crate) fn shift(before: &[f64], after: &[f64], allowed: f64) -> Option<Shift> {
    let mut differences: Vec<f64> = before
        .iter()
        .flat_map(|before| after.iter().map(move |after| after - before))
        .collect();
    differences.sort_by(f64::total_cmp);
    let last = differences.len().checked_sub(1)?;
    let by = median(&differences);
    let widening = widening(before, after);
    let beyond = by.signum() * allowed.min(by.abs());
    let moved: Vec<f64> = after.iter().map(|value| value - beyond).collect();
    let (mean, deviation) = moments(before.len(), after.len());
    let left_out = (mean - 1.96 * deviation * widening.sqrt()).floor().max(0.0);
    let left_out = (0..=last / 2)
        .take_while(|index| float(*index) < left_out)
        .count();
    Some(Shift {
        by,
        interval: [differences[left_out], differences[last - left_out]],
        p: probability(before, &moved, widening),
    })
}

/// Two-sided probability of so unequal ranks.
fn probability(before: &[f64], after: &[f64], widening: f64) -> f64 {
    let (n, m) = (before.len(), after.len());
    let (mut above, mut ties) = (0.0, false);
    for one in before {
        for other in after {
            match other.total_cmp(one) {
                std::cmp::Ordering::Greater => above += 1.0,
                std::cmp::Ordering::Equal => {
                    above += 0.5;
                    ties = true;
                }
                std::cmp::Ordering::Less => {}
            }
        }
    }
    let (mean, deviation) = moments(n, m);
    let apart = ((above - mean).abs() - 0.5).max(0.0);
    let approximate = 2.0 * upper_tail(apart / (deviation * widening.sqrt()));
    if approximate > SURELY_NONE {
        return approximate.min(1.0);
    }
    // With ties: no order of the values is less probable than that in which one sample is above the other.
    let pairs = if ties {
        0.0
    } else {
        above.min(2.0 * mean - above)
    };
    approximate.max(exact(n, m, pairs)).min(1.0)
}

/// Mean and standard deviation of the number of pairs in which the second is greater.
fn moments(n: usize, m: usize) -> (f64, f64) {
    let pairs = float(n * m);
    (pairs / 2.0, (pairs * float(n + m + 1) / 12.0).sqrt())
}

/// The exact two-sided probability that at most `pairs` pairs have the second greater, or so few the first.
fn exact(n: usize, m: usize, pairs: f64) -> f64 {
    // ways[j][u]: orders of some values of the first sample and j of the second with u such pairs.
    let most = n * m;
    let mut ways = vec![vec![0.0_f64; most + 1]; m + 1];
    for of_second in &mut ways {
        of_second[0] = 1.0;
    }
    for _ in 0..n {
        for j in 1..=m {
            let (fewer, these) = ways.split_at_mut(j);
            for u in (0..=most).rev() {
                these[0][u] = if u >= j { these[0][u - j] } else { 0.0 };
            }
            for (this, fewer) in these[0].iter_mut().zip(&fewer[j - 1]) {
                *this += fewer;
            }
        }
    }
    let all: f64 = ways[m].iter().sum();
    let extreme: f64 = ways[m]
        .iter()
        .enumerate()
        .take_while(|(u, _)| float(*u) <= pairs)
        .map(|(_, ways)| ways)
        .sum();
    (2.0 * extreme / all).min(1.0)
}

/// By how much more the ranks vary than those of independent values: 1 where neighbours are unrelated.
fn widening(before: &[f64], after: &[f64]) -> f64 {
    let (mut together, mut alone) = (0.0, 0.0);
    for sample in [before, after] {
        let ranks = centred_ranks(sample);
        together += ranks.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>();
        alone += ranks.iter().map(|rank| rank * rank).sum::<f64>();
    }
    if alone == 0.0 {
        return 1.0;
    }
    // A short sample shows too small a correlation, by (1 + 3ρ) / n (Marriott and Pope, 1954).
    let n = float(before.len() + after.len()) / 2.0;
    let correlation = (n * together / alone + 1.0) / (n - 3.0).max(1.0);
    let correlation = correlation.clamp(0.0, 0.9);
    (1.0 + correlation) / (1.0 - correlation)
}

/// Each value's place among all, less the mean place.
fn centred_ranks(values: &[f64]) -> Vec<f64> {
    let below = |value: &f64| values.iter().filter(|other| *other < value).count();
    let equal = |value: &f64| values.iter().filter(|other| *other == value).count();
    values
        .iter()
        .map(|value| float(below(value)) + float(equal(value)) / 2.0 - float(values.len()) / 2.0)
        .collect()
}

/// The probability that a standard normal variable exceeds `z` ≥ 0: Abramowitz and Stegun, 26.2.17, with an
/// error below 7.5e-8.
fn upper_tail(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z);
    let series = [
        0.319_381_530,
        -0.356_563_782,
        1.781_477_937,
        -1.821_255_978,
        1.330_274_429,
    ];
    let polynomial = series.iter().rev().fold(0.0, |sum, c| (sum + c) * t);
    (-z * z / 2.0).exp() / (std::f64::consts::TAU).sqrt() * polynomial
}

/// Probabilities corrected for their number (Holm, 1979): with a threshold, the probability that any of them
/// is below it by chance is at most the threshold, however they depend on each other.
pub(crate) fn holm(probabilities: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|one, other| probabilities[*one].total_cmp(&probabilities[*other]));
    let mut corrected = vec![1.0; probabilities.len()];
    let mut least = 0.0_f64;
    for (place, index) in order.into_iter().enumerate() {
        let remaining = float(probabilities.len() - place);
        least = least.max(probabilities[index] * remaining).min(1.0);
        corrected[index] = least;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::super::series::Kind;
    use super::*;

    fn near(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-6
    }

    #[test]
    fn exact_probabilities_are_those_of_the_orders() {
        assert!(near(exact(3, 3, 0.0), 0.1));
        assert!(near(exact(5, 5, 0.0), 2.0 / 252.0));
        // Two of the 252 orders have one such pair or none, on either side.
        assert!(near(exact(5, 5, 1.0), 4.0 / 252.0));
        assert!(near(exact(1, 1, 0.0), 1.0));
        assert!(near(exact(4, 6, 12.0), 1.0));
    }

    #[test]
    fn the_normal_tail_is_that_of_the_tables() {
        assert!(near(upper_tail(0.0), 0.5));
        assert!(near(upper_tail(1.959_964), 0.025));
        assert!(near(upper_tail(3.0), 0.001_349_9));
    }

    #[test]
    fn holm_multiplies_by_what_remains_and_keeps_the_order() {
        assert_eq!(holm(&[0.01, 0.04, 0.03]), [0.03, 0.06, 0.06]);
        assert_eq!(holm(&[0.5, 0.9]), [1.0, 1.0]);
        assert!(holm(&[]).is_empty());
    }

    #[test]
    fn a_shift_has_its_size_and_its_interval() {
        // Neighbours differ as much as any two values do.
        let before: Vec<f64> = (0..12).map(|i| f64::from(i * 5 % 12) / 10.0).collect();
        let after: Vec<f64> = before.iter().map(|value| value + 10.0).collect();
        let shift = shift(&before, &after, 0.0).unwrap();
        assert!(near(shift.by, 10.0));
        let [low, high] = shift.interval;
        assert!(low < 10.0 && 10.0 < high && high - low < 1.2, "{shift:?}");
        assert!(shift.p < 1e-4, "{shift:?}");
        assert_eq!(super::shift(&[], &after, 0.0), None);
    }

    #[test]
    fn one_distribution_is_seldom_taken_for_two() {
        for kind in [
            Kind::Normal(0.05),
            Kind::LogNormal(0.3),
            Kind::Bimodal(0.4, 8.0),
            Kind::Drifting(0.3),
            Kind::Outliers,
        ] {
            let mut random = Rng::with_seed(5);
            for n in [5, 12, 20] {
                let found = (0..1_000)
                    .filter(|_| {
                        let [one, other] = [0, 1].map(|_| kind.series(n, &mut random));
                        shift(&one, &other, 0.0).unwrap().p <= 0.05
                    })
                    .count();
                assert!(found <= 60, "{kind:?}, n = {n}: {found} of 1000");
            }
        }
    }

    #[test]
    fn a_drift_that_nothing_else_shows_is_no_shift() {
        // Random walks: neighbours agree, sessions do not.
        let mut random = Rng::with_seed(6);
        let mut walk = || -> Vec<f64> {
            let mut at = 0.0;
            let steps = (0..20).map(|_| {
                at = 0.7 * at + super::super::series::normal(&mut random);
                at
            });
            steps.collect()
        };
        let (mut found, mut without) = (0, 0);
        for _ in 0..1_000 {
            let (one, other) = (walk(), walk());
            found += usize::from(shift(&one, &other, 0.0).unwrap().p <= 0.05);
            without += usize::from(probability(&one, &other, 1.0) <= 0.05);
        }
        assert!(found <= 120, "{found} of 1000");
        assert!(
            without >= 300,
            "{without} of 1000: the walk needs no widening"
        );
    }

    #[test]
    fn what_is_allowed_is_no_change() {
        let mut random = Rng::with_seed(8);
        let mut sample = |by: f64| -> Vec<f64> {
            let kind = Kind::Normal(0.01);
            kind.series(30, &mut random)
                .iter()
                .map(|v| v + by)
                .collect()
        };
        assert!(shift(&sample(0.0), &sample(0.015), 0.02).unwrap().p > 0.05);
        assert!(shift(&sample(0.0), &sample(0.015), 0.0).unwrap().p < 0.05);
        assert!(shift(&sample(0.0), &sample(-0.1), 0.02).unwrap().p < 0.001);
    }
}
