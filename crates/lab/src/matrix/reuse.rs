//! A second sum by the same workers, for the fastest cell of each transport: what memory costs that they have
//! already.
//!
//! A cell's own runs sum once, so that all of them find fresh memory: a new segment, new buffers, new page
//! tables. What is filled before (a segment, a copy of the dataset) is filled once in either case.

use harness::dataset;
use harness::interrupt::{Interrupt, Interrupted};
use harness::process::{self, RunError};
use report::{Cell, Matrix, Reuse, ReuseRun, Sum, Transport};

use super::rank::fastest_of;
use super::run::Job;
use crate::stats::spread;

/// Commands that are measured at most: enough for an interval.
const RUNS: u32 = 6;

/// Measures all of them; a transport without figures has none.
///
/// # Errors
///
/// Where a signal came.
pub(super) fn measure(
    matrix: &Matrix,
    job: &Job<'_>,
    interrupt: &Interrupt,
) -> Result<Vec<Reuse>, Interrupted> {
    let (least, _) = job.repeat.range();
    let cells = fastest(matrix).into_iter();
    cells
        .map(|cell| {
            let mut reuse = Reuse {
                cell,
                runs: Vec::new(),
                first: None,
                again: None,
                failed: None,
            };
            for _ in 0..least.min(RUNS) {
                match run(cell, job, interrupt) {
                    Ok(run) => reuse.runs.push(run),
                    Err(RunError::Interrupted(interrupted)) => return Err(interrupted),
                    Err(error) => {
                        reuse.failed = Some(error.to_string());
                        break;
                    }
                }
            }
            Ok(summarised(reuse))
        })
        .collect()
}

fn summarised(mut reuse: Reuse) -> Reuse {
    if reuse.failed.is_none() {
        reuse.first = spread(reuse.runs.iter().map(|run| run.first));
        reuse.again = spread(reuse.runs.iter().map(|run| run.again));
    }
    reuse
}

/// The fastest cell of each transport, in the order of the transports.
fn fastest(matrix: &Matrix) -> Vec<Cell> {
    let transports = Transport::ALL.into_iter();
    let best = transports.filter_map(|transport| fastest_of(&matrix.cells, transport));
    best.map(|(cell, _)| cell.cell).collect()
}

fn run(cell: Cell, job: &Job<'_>, interrupt: &Interrupt) -> Result<ReuseRun, RunError> {
    let mut command = dataset::Job {
        start_method: cell.start_method,
        transport: cell.transport,
        workers: cell.workers,
        batches: None,
    }
    .command(job.binaries, job.data, job.field);
    command.args(["--repeat", "2"]);
    let finished = process::run(command, job.timeout, interrupt)?;
    let sum = serde_json::from_str(&finished.stdout).map_err(|error| error.to_string());
    sum.and_then(|sum| found(&sum))
        .map_err(|how| RunError::Failed {
            how,
            quote: String::new(),
        })
}

/// The two times that a command reports.
fn found(sum: &Sum) -> Result<ReuseRun, String> {
    match sum.seconds.repeats[..] {
        [first, again] if !sum.seconds.void => Ok(ReuseRun { first, again }),
        [_, _] => Err("it was stopped and continued".to_owned()),
        _ => Err("the coordinator does not report two sums".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{sample, summary};
    use super::*;

    #[test]
    fn the_fastest_cell_of_a_transport_is_the_one_to_repeat() {
        let mut matrix = sample::matrix(&[1, 2, 4]);
        for (cell, total) in matrix.cells.iter_mut().zip([3.0, 1.0, 2.0]) {
            sample::add_runs(cell, &[total; 3]);
        }
        summary::summarise(&mut matrix);
        let workers: Vec<u32> = fastest(&matrix).iter().map(|cell| cell.workers).collect();
        assert_eq!(workers, [2]);
        matrix.cells[1].summary = None;
        assert_eq!(fastest(&matrix)[0].workers, 4);
    }

    #[test]
    fn both_sums_are_taken_from_the_report_of_one_command() {
        let text = include_str!("../../../report/tests/sum.json");
        let mut sum: Sum = serde_json::from_str(text).unwrap();
        assert!(found(&sum).is_err());
        sum.seconds.repeats = vec![2.0, 0.5];
        let expected = ReuseRun {
            first: 2.0,
            again: 0.5,
        };
        assert_eq!(found(&sum), Ok(expected));
        sum.seconds.void = true;
        assert!(found(&sum).is_err());
    }

    #[test]
    fn what_failed_has_no_figures() {
        let run = |first| ReuseRun { first, again: 1.0 };
        let mut reuse = Reuse {
            cell: sample::matrix(&[1]).cells[0].cell,
            runs: vec![run(2.0), run(3.0), run(4.0)],
            first: None,
            again: None,
            failed: None,
        };
        assert_eq!(summarised(reuse.clone()).first.unwrap().median, 3.0);
        assert_eq!(summarised(reuse.clone()).again.unwrap().median, 1.0);
        reuse.failed = Some("exit code 1".to_owned());
        assert_eq!(summarised(reuse).first, None);
    }
}
