//! Recommendations, computed from what was measured: what to choose for a job, why, what it costs here, and
//! the lines of code that do it.

mod code;
mod file;
mod jobs;

pub(crate) use file::of_matrix;
pub(crate) use jobs::{lines, of_bench};

/// One recommendation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Advice {
    /// For whom it is.
    pub(crate) situation: String,
    /// What to choose.
    pub(crate) choose: String,
    /// Why.
    pub(crate) why: String,
    /// The lines that do it.
    pub(crate) code: String,
}
