//! Whether measurements form two groups: memory that is at hand or not, a cache that is warm or not.
//!
//! The median of such a series says how often either case occurred, not how long anything takes, so that it
//! must not be ranked. The test measures how far the empirical distribution is from the nearest one with a
//! single mode, as the dip test does (Hartigan and Hartigan, 1985): for each value as the mode, the distance
//! from the greatest convex minorant to its left and from the least concave majorant to its right. Its
//! critical values are those of the uniform distribution, which of all with one mode is the hardest to tell
//! from two. Single outliers are no second mode: their share of the values bounds the distance.

use super::median::median;
use super::number::float;

/// Fewer values cannot show two modes with any certainty.
const LEAST: usize = 8;
/// Modes that are nearer to each other are one for every practical purpose.
const APART: f64 = 1.10;

/// Two groups of values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Modes {
    /// The median of the lower group.
    pub(crate) low: f64,
    /// The median of the upper group.
    pub(crate) high: f64,
    /// Values in the upper group.
    pub(crate) in_high: usize,
}

/// The two groups of positive values, where one mode is improbable (below about 1 %) and the two are apart.
pub(crate) fn modes(values: &[f64]) -> Option<Modes> {
    let n = values.len();
    if n < LEAST {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    if distance(&sorted) <= critical(n) {
        return None;
    }
    let (low, high) = sorted.split_at(split(&sorted));
    let modes = Modes {
        low: median(low),
        high: median(high),
        in_high: high.len(),
    };
    (modes.high > APART * modes.low).then_some(modes)
}

/// What the distance of `n` uniform values exceeds with a probability of about 1 %: fitted to simulations
/// of 8 to 50 values.
fn critical(n: usize) -> f64 {
    let n = float(n);
    0.54 * (1.0 - 0.8 / n) / n.sqrt()
}

/// The distance of ascending values from any distribution with one mode.
fn distance(sorted: &[f64]) -> f64 {
    let mirrored: Vec<f64> = sorted.iter().rev().map(|value| -value).collect();
    let left = from_convex(sorted);
    let right = from_convex(&mirrored);
    let least = left
        .iter()
        .zip(right.iter().rev())
        .map(|(left, right)| left.max(*right))
        .fold(f64::INFINITY, f64::min);
    least / 2.0
}

/// For each value, how far the distribution up to there is above the greatest convex minorant.
fn from_convex(sorted: &[f64]) -> Vec<f64> {
    let n = float(sorted.len());
    let mut hull: Vec<usize> = Vec::new();
    (0..sorted.len())
        .map(|next| {
            while let [.., first, last] = hull[..] {
                let run = |from: usize, to: usize| sorted[to] - sorted[from];
                let rise = |from: usize, to: usize| float(to - from);
                if rise(first, last) * run(first, next) < rise(first, next) * run(first, last) {
                    break;
                }
                hull.pop();
            }
            hull.push(next);
            let above = hull
                .windows(2)
                .flat_map(|edge| above(sorted, edge[0], edge[1]));
            above.fold(0.0, f64::max) / n
        })
        .collect()
}

/// How far, in values, the distribution is above an edge of the hull, after each value on it.
fn above(sorted: &[f64], from: usize, to: usize) -> impl Iterator<Item = f64> {
    let width = sorted[to] - sorted[from];
    (from..to).map(move |index| {
        let part = if width > 0.0 {
            (sorted[index] - sorted[from]) / width
        } else {
            0.0
        };
        float(index + 1 - from) - float(to - from) * part
    })
}

/// Where two groups are the most different: the split with the largest variance between them.
fn split(sorted: &[f64]) -> usize {
    let total: f64 = sorted.iter().sum();
    let mut below = 0.0;
    let mut best = (0.0, 1);
    for at in 1..sorted.len() {
        below += sorted[at - 1];
        let (low, high) = (float(at), float(sorted.len() - at));
        let between = low * high * ((total - below) / high - below / low).powi(2);
        if between > best.0 {
            best = (between, at);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::super::series::Kind;
    use super::*;

    /// How many of 1,000 series are found to have two modes.
    fn found(kind: Kind, n: usize) -> usize {
        let mut random = Rng::with_seed(11);
        (0..1_000)
            .filter(|_| modes(&kind.series(n, &mut random)).is_some())
            .count()
    }

    #[test]
    fn one_mode_is_rarely_taken_for_two() {
        for kind in [
            Kind::Normal(0.2),
            Kind::LogNormal(0.5),
            Kind::Uniform(0.9),
            Kind::Drifting(1.0),
            Kind::Outliers,
        ] {
            for n in [8, 9, 12, 20, 50] {
                let found = found(kind, n);
                assert!(found <= 25, "{kind:?}, n = {n}: {found} of 1000");
            }
        }
    }

    #[test]
    fn two_modes_are_found() {
        for (n, least) in [(9, 600), (20, 950), (50, 995)] {
            let found = found(Kind::Bimodal(0.5, 7.0), n);
            assert!(found >= least, "n = {n}: {found} of 1000");
        }
    }

    #[test]
    fn the_groups_are_named_by_their_medians() {
        // Seconds of `inherit`, which finds memory at hand or has to wait for it.
        let load = [0.47, 4.24, 5.11, 5.09, 4.52, 0.48, 0.46, 4.07, 0.47, 0.49];
        assert_eq!(
            modes(&load),
            Some(Modes {
                low: 0.47,
                high: 4.52,
                in_high: 5
            })
        );
        assert_eq!(modes(&load[..7]), None, "too few");
    }

    #[test]
    fn modes_that_are_near_each_other_are_one() {
        let near: Vec<f64> = (0..20)
            .map(|i| if i % 2 == 0 { 1.0 } else { 1.05 })
            .collect();
        assert_eq!(modes(&near), None);
        assert_eq!(modes(&[1.0; 20]), None);
    }
}
