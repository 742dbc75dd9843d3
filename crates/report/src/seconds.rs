//! How long the phases of a run took.

use serde::{Deserialize, Serialize};

/// Seconds of each phase. Phases do not overlap; one that the transport does not have is 0.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Seconds {
    /// Opening the dataset; for `inherit`, reading it.
    pub load: f64,
    /// Filling a segment.
    pub share: f64,
    /// From the first start call to the last handshake.
    pub start: f64,
    /// From the first batch dispatched to the last result received.
    pub run: f64,
    /// `start` + `run`.
    pub total: f64,
    /// Of a run over several machines: from when the slowest rank had its sum to when the last one
    /// was merged. Otherwise left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gather: Option<f64>,
    /// From the coordinator's `main` to just before the result is printed.
    pub end_to_end: f64,
    /// With `--repeat`: `run` of every repetition, the first one included; otherwise empty and
    /// left out. `run` itself is the first one's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repeats: Vec<f64>,
    /// True, and present, where the run was stopped and continued: its timings mean nothing.
    #[serde(default, skip_serializing_if = "is_false")]
    pub void: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_false(flag: &bool) -> bool {
    !*flag
}
