//! Seeded series of measurements for tests: those that a machine gives, and those that are hard.

use fastrand::Rng;

/// How measurements are distributed. All have a median near 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// Normal, with this standard deviation.
    Normal(f64),
    /// Log-normal, with this standard deviation of the logarithm.
    LogNormal(f64),
    /// Equally likely anywhere within this distance of 1.
    Uniform(f64),
    /// Log-normal around 1, or with this probability around this factor.
    Bimodal(f64, f64),
    /// Log-normal, and rising by this part from the first to the last.
    Drifting(f64),
    /// Log-normal, one in ten several times as long.
    Outliers,
}

/// The common relative noise of kinds that do not say theirs.
const NOISE: f64 = 0.03;

impl Kind {
    /// `n` measurements, in the order in which they are made.
    pub(crate) fn series(self, n: usize, random: &mut Rng) -> Vec<f64> {
        let noise = |random: &mut Rng, sd: f64| (sd * normal(random)).exp();
        (0..n)
            .map(|index| match self {
                Kind::Normal(sd) => 1.0 + sd * normal(random),
                Kind::LogNormal(sd) => noise(random, sd),
                Kind::Uniform(reach) => 1.0 + reach * (2.0 * random.f64() - 1.0),
                Kind::Bimodal(probability, factor) => {
                    let slow = random.f64() < probability;
                    noise(random, NOISE) * if slow { factor } else { 1.0 }
                }
                Kind::Drifting(part) => {
                    let at = super::number::float(index) / super::number::float(n.max(2) - 1);
                    noise(random, NOISE) * (1.0 + part * (at - 0.5))
                }
                Kind::Outliers => {
                    let late = random.u32(..10) == 0;
                    let factor = if late { 2.0 + 6.0 * random.f64() } else { 1.0 };
                    noise(random, NOISE) * factor
                }
            })
            .collect()
    }
}

/// A standard normal variable (Box and Muller, 1958).
pub(crate) fn normal(random: &mut Rng) -> f64 {
    let radius = (-2.0 * (1.0 - random.f64()).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.f64()).cos()
}
