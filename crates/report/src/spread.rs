//! Several measurements of one thing.

use serde::{Deserialize, Serialize};

/// The middle and the ends of several measurements, all in the unit of what was measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The middle one; with an even number of measurements the mean of the middle two.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}
