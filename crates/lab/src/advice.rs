//! Recommendations, computed from what was measured: what to choose for a job, why, what it costs here, the
//! lines of code that do it, and from where on another choice is the better one.

mod break_even;
mod choose;
mod code;
mod file;
mod jobs;
mod recommendation;

use report::{Bench, Matrix};

pub(crate) use break_even::of as break_even;
pub(crate) use file::of_matrix;
pub(crate) use jobs::of_bench;
pub(crate) use recommendation::Advice;

/// All recommendations, those for the sum over a file first.
pub(crate) fn of(matrix: Option<&Matrix>, jobs: &[Bench]) -> Vec<Advice> {
    let mut all: Vec<Advice> = matrix.map(of_matrix).unwrap_or_default();
    all.extend(jobs.iter().flat_map(of_bench));
    all
}

/// Everything as a list, with the code below each recommendation: what a terminal shows first.
pub(crate) fn list(matrix: Option<&Matrix>, jobs: &[Bench]) -> String {
    let mut text = String::new();
    for advice in of(matrix, jobs) {
        let Advice {
            situation,
            choose,
            why,
            code,
        } = advice;
        text += &format!("- {situation}: {choose}. {why}\n");
        for line in code.lines() {
            text += &format!("      {line}\n");
        }
    }
    for line in break_even(matrix, jobs) {
        text += &format!("- {line}\n");
    }
    text
}
