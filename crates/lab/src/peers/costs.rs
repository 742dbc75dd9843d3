//! What a task costs: the rates and delays of our pool, next to those of a straight loop over the same lane and of
//! a bare socket. Two examples of this repository measure and print them.

use report::CostLines;

use super::run::{Job, Trouble};
use harness::interrupt::{Interrupt, Interrupted};
use harness::process::{self, RunError};

/// Its name among the peers.
pub(crate) const NAME: &str = "costs";
/// The programs, in this order: the reference first.
const RUNS: [(&str, &[&str]); 4] = [
    ("throughput", &[]),
    ("rates", &["1000000", "2"]),
    ("rates", &["1000000", "64", "map"]),
    ("rates", &["1000000", "512", "map"]),
];

/// Runs all of them.
///
/// # Errors
///
/// Only where a signal asked to stop; what fails is reported in place of its lines.
pub(crate) fn measure(job: &Job<'_>, interrupt: &Interrupt) -> Result<Vec<CostLines>, Interrupted> {
    let mut costs = Vec::new();
    for (name, args) in RUNS {
        let mut command = job.binaries.command(name);
        command.args(args);
        let lines = match process::run(command, job.timeout, interrupt) {
            Ok(finished) => finished.stdout.lines().map(str::to_owned).collect(),
            Err(RunError::Interrupted(interrupted)) => return Err(interrupted),
            Err(error) => vec![Trouble::Run(error).to_string()],
        };
        let command = [&[name], args].concat().join(" ");
        costs.push(CostLines { command, lines });
    }
    Ok(costs)
}
