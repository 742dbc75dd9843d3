//! Process pools of Python beside `handoff_pool`: one program runs all of them in turns, so that each meets
//! the others in the same state of the machine.

use report::{ExecutorFigures, ExecutorRow, ExecutorsLine, Peers, SkippedPeer};

use super::python::Python;
use super::run::{Job, Trouble};
use crate::stats::spread;
use harness::interrupt::{Interrupt, Interrupted};
use harness::process::{self, RunError};

/// Its name among the peers.
pub(crate) const NAME: &str = "executors";
/// Whose figures the others are compared with.
const OURS: &str = "handoff_pool";

/// Installs what is measured. Our package is built from this clone; what cannot be installed is skipped by
/// the program that measures.
pub(crate) fn install(python: &mut Python) {
    python.add("handoff-pool", &["./python"]);
    python.add("pebble", &["pebble==5.2.3"]);
    python.add("ray", &["--only-binary", ":all:", "ray"]);
}

/// Measures all of them, and adds their rows.
///
/// # Errors
///
/// Only where a signal asked to stop.
pub(crate) fn measure(
    peers: &mut Peers,
    job: &Job<'_>,
    interrupt: &Interrupt,
) -> Result<(), Interrupted> {
    match line(peers.tiny_workers, job, interrupt) {
        Ok(line) => {
            peers.executors = rows(&line.rows);
            peers
                .skipped
                .extend(line.skipped.into_iter().map(|it| SkippedPeer {
                    name: it.executor,
                    reason: it.reason,
                }));
        }
        Err(Trouble::Run(RunError::Interrupted(interrupted))) => return Err(interrupted),
        Err(trouble) => peers.skipped.push(SkippedPeer {
            name: NAME.to_owned(),
            reason: trouble.to_string(),
        }),
    }
    Ok(())
}

fn line(workers: u32, job: &Job<'_>, interrupt: &Interrupt) -> Result<ExecutorsLine, Trouble> {
    let mut command = job.python.script("executors.py");
    command.args(["--workers", &workers.to_string()]);
    command.args(["--rounds", &job.runs.to_string()]);
    let finished = process::run(command, job.timeout, interrupt)?;
    Ok(serde_json::from_str(&finished.stdout)?)
}

fn rows(figures: &[ExecutorFigures]) -> Vec<ExecutorRow> {
    let ours = |case: &str| {
        let found = figures
            .iter()
            .find(|it| it.executor == OURS && it.case == case);
        found.map_or(&[][..], |it| &it.figures)
    };
    let row = |it: &ExecutorFigures| {
        let pairs = ours(&it.case).iter().zip(&it.figures);
        let times = |(&ours, &theirs): (&f64, &f64)| {
            if it.rate {
                ours / theirs
            } else {
                theirs / ours
            }
        };
        ExecutorRow {
            case: it.case.clone(),
            executor: it.executor.clone(),
            rate: it.rate,
            figures: spread(it.figures.iter().copied()),
            ratio: spread(pairs.map(times)).filter(|_| it.executor != OURS),
            void: it.void.clone(),
        }
    };
    figures.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_above_one_says_that_ours_is_the_faster() {
        let printed = r#"{"versions":{"python":"3.11"},"skipped":[{"executor":"ray","reason":"no"}],"rows":[
            {"case":"map","executor":"handoff_pool","rate":true,"figures":[40.0,20.0],"void":null},
            {"case":"map","executor":"executor","rate":true,"figures":[10.0,10.0],"void":null},
            {"case":"results","executor":"handoff_pool","rate":false,"figures":[1.0],"void":null},
            {"case":"results","executor":"loky","rate":false,"figures":[3.0],"void":null}]}"#;
        let line: ExecutorsLine = serde_json::from_str(printed).unwrap();
        let rows = rows(&line.rows);
        assert_eq!(rows[0].ratio, None);
        let ratio = rows[1].ratio.unwrap();
        assert_eq!((ratio.min, ratio.median, ratio.max), (2.0, 3.0, 4.0));
        assert_eq!(rows[3].ratio.unwrap().median, 3.0);
    }
}
