//! How often to repeat a measurement: a fixed number, or until its median is known well enough.

use std::time::Duration;

use super::median::spread;

/// When a measurement has been repeated often enough.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Repeat {
    /// This number of times.
    Fixed(u32),
    /// Until the median's interval is narrow, or the time is spent.
    Adaptive(Precision),
}

/// The terms of an adaptive number of runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Precision {
    /// How far, as a part of the median, either end of its interval may be from it.
    pub(crate) within: f64,
    /// Runs that are made in any case.
    pub(crate) min: u32,
    /// Runs that are never exceeded.
    pub(crate) max: u32,
    /// Time after which no run beyond the least number begins.
    pub(crate) budget: Duration,
}

impl Repeat {
    /// Whether to measure once more after these values, which took so long to get.
    pub(crate) fn again(&self, values: &[f64], spent: Duration) -> bool {
        let n = u32::try_from(values.len()).unwrap_or(u32::MAX);
        match self {
            Repeat::Fixed(runs) => n < *runs,
            Repeat::Adaptive(terms) if n < terms.min => true,
            Repeat::Adaptive(terms) => {
                n < terms.max && spent < terms.budget && !is_precise(values, terms.within)
            }
        }
    }

    /// The minimum and the maximum number of runs.
    pub(crate) fn range(&self) -> (u32, u32) {
        match self {
            Repeat::Fixed(runs) => (*runs, *runs),
            Repeat::Adaptive(terms) => (terms.min, terms.max),
        }
    }
}

/// Whether both ends of the median's interval are within this part of it.
pub(crate) fn is_precise(values: &[f64], within: f64) -> bool {
    let Some(spread) = spread(values.iter().copied()) else {
        return false;
    };
    spread.interval.is_some_and(|[low, high]| {
        let reach = (spread.median - low).max(high - spread.median);
        reach <= within * spread.median.abs()
    })
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::super::interval::interval;
    use super::super::median::median;
    use super::super::series::Kind;
    use super::*;

    const TERMS: Precision = Precision {
        within: 0.05,
        min: 9,
        max: 50,
        budget: Duration::from_secs(60),
    };

    /// The values of one cell whose runs take a second each.
    fn measured(kind: Kind, repeat: Repeat, random: &mut Rng) -> Vec<f64> {
        // A drift spans all runs that could be made.
        let series = kind.series(50, random);
        let mut n = 0;
        while repeat.again(&series[..n], Duration::from_secs(n as u64)) {
            n += 1;
        }
        series[..n].to_vec()
    }

    #[test]
    fn a_fixed_number_is_a_fixed_number() {
        let mut random = Rng::with_seed(1);
        let runs = measured(Kind::Bimodal(0.5, 9.0), Repeat::Fixed(3), &mut random);
        assert_eq!(runs.len(), 3);
        assert!(!Repeat::Fixed(0).again(&[], Duration::ZERO));
    }

    #[test]
    fn quiet_measurements_stop_at_the_least_number_and_noisy_ones_at_the_greatest() {
        let mut random = Rng::with_seed(2);
        let adaptive = Repeat::Adaptive(TERMS);
        let quiet = measured(Kind::Normal(0.01), adaptive, &mut random);
        assert_eq!(quiet.len(), 9);
        let noisy = measured(Kind::Uniform(0.9), adaptive, &mut random);
        assert_eq!(noisy.len(), 50);
        let between = measured(Kind::LogNormal(0.08), adaptive, &mut random);
        assert!((10..50).contains(&between.len()), "{}", between.len());
    }

    #[test]
    fn the_budget_ends_it_and_the_least_number_is_made_in_any_case() {
        let mut random = Rng::with_seed(3);
        let of = |seconds| {
            Repeat::Adaptive(Precision {
                budget: Duration::from_secs(seconds),
                ..TERMS
            })
        };
        assert_eq!(measured(Kind::Uniform(0.9), of(20), &mut random).len(), 20);
        assert_eq!(measured(Kind::Uniform(0.9), of(2), &mut random).len(), 9);
    }

    #[test]
    fn stopping_early_costs_little_of_the_confidence() {
        for kind in [Kind::LogNormal(0.05), Kind::LogNormal(0.1), Kind::Outliers] {
            let mut random = Rng::with_seed(4);
            let truth = median(&kind.series(200_001, &mut random));
            let covered = (0..1_000)
                .filter(|_| {
                    let mut values = measured(kind, Repeat::Adaptive(TERMS), &mut random);
                    values.sort_by(f64::total_cmp);
                    let [low, high] = interval(&values).unwrap();
                    (low..=high).contains(&truth)
                })
                .count();
            assert!(covered >= 900, "{kind:?}: {covered} of 1000");
        }
    }
}
