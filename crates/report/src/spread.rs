//! Several measurements of one thing.

use serde::{Deserialize, Serialize};

/// The median and the ends of several measurements, all in the unit of what was measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The middle one; with an even number of measurements the mean of the middle two.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// Number of measurements; left out in files of versions that did not count them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<u64>,
    /// Ends of the 95 % confidence interval of the median; left out where there are too few measurements
    /// for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
}

impl Spread {
    /// A median with its ends, and nothing else known.
    pub fn of(median: f64, min: f64, max: f64) -> Spread {
        Spread {
            median,
            min,
            max,
            n: None,
            interval: None,
        }
    }

    /// The ends of the interval, or of all measurements where there is none.
    pub fn ends(&self) -> [f64; 2] {
        self.interval.unwrap_or([self.min, self.max])
    }

    /// The same measurements in another unit.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Spread {
        Spread {
            median: self.median * factor,
            min: self.min * factor,
            max: self.max * factor,
            n: self.n,
            interval: self.interval.map(|ends| ends.map(|end| end * factor)),
        }
    }
}
