//! Runs the cells, round by round, and saves what there is after every one.

use std::path::Path;
use std::time::Duration;

use progress::Progress;
use report::{Beside, Cell, CellReport, CellRun, Limits, Matrix, Sum, format_count};

use super::plan::{self, Turn};
use super::{beside, save, summary};
use crate::limits;
use crate::page::{self, Timeline, Trace};
use harness::dataset;
use harness::interrupt::{Interrupt, Interrupted};
use harness::process::{self, RunError};
use harness::results::Results;
use harness::workspace::Binaries;

/// What every run of a matrix shares.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job<'a> {
    /// Whose coordinator is run.
    pub(crate) binaries: &'a Binaries,
    /// The dataset's path.
    pub(crate) data: &'a Path,
    /// The bytes of its records.
    pub(crate) bytes: u64,
    /// Its field, where it is not the default.
    pub(crate) field: Option<&'a str>,
    /// How long one run may take.
    pub(crate) timeout: Duration,
    /// What tells how to measure what runs are set beside.
    pub(crate) limits: Option<&'a Limits>,
    /// Where everything is saved.
    pub(crate) results: &'a Results,
    /// Where the traces of all runs are wanted.
    pub(crate) trace: Option<&'a Path>,
    /// Whether to draw no progress.
    pub(crate) quiet: bool,
}

/// A cell before its first run.
pub(crate) fn not_run_yet(cell: Cell) -> CellReport {
    CellReport {
        cell,
        runs: Vec::new(),
        summary: None,
        failed: None,
        void: None,
    }
}

/// Runs every turn of the matrix, until the end or until a signal.
///
/// # Errors
///
/// Where results cannot be saved.
pub(crate) fn all(
    mut matrix: Matrix,
    job: &Job<'_>,
    interrupt: &Interrupt,
) -> anyhow::Result<(Matrix, Option<Interrupted>)> {
    let turns = plan::turns(matrix.cells.len(), matrix.runs, matrix.seed);
    eprintln!(
        "{} cells × (1 warm-up + {} runs) over {} records, order drawn with seed {}",
        matrix.cells.len(),
        matrix.runs,
        format_count(matrix.dataset.records),
        matrix.seed,
    );
    let steps = turns.len() as u64;
    let mut progress = Progress::steps("", steps, progress::wanted(job.quiet)).ticking();
    let mut timelines = Vec::new();
    let mut trace = job.trace.map(|_| Trace::new()).transpose()?;
    let mut stopped = None;
    for (position, turn) in (0_u64..).zip(turns) {
        let cell = matrix.cells[turn.cell].cell;
        progress.about(label(cell));
        if matrix.cells[turn.cell].failed.is_none() {
            match pair(cell, turn, job, trace.as_ref(), interrupt) {
                Ok((mut run, sum)) => {
                    run.position = position;
                    // A warm-up proves that the cell can run at all; its figures are not the cell's.
                    if turn.round > 0 {
                        matrix.cells[turn.cell].runs.push(run);
                        timelines.push(Timeline::new(cell, position, &sum));
                        if let Some(trace) = &mut trace {
                            trace.take(&format!("{position}: {}", label(cell)))?;
                        }
                    }
                }
                Err(RunError::Interrupted(interrupted)) => {
                    stopped = Some(interrupted);
                    break;
                }
                Err(error) => {
                    progress.line(&format!("{}: {error}", label(cell)));
                    matrix.cells[turn.cell].failed = Some(error.to_string());
                }
            }
            summary::summarise(&mut matrix);
            save::matrix(&matrix, job.results)?;
            page::save_timelines(&timelines, job.results)?;
        }
        progress.step();
    }
    drop(progress);
    if let (Some(trace), Some(path)) = (&trace, job.trace) {
        trace.save(path)?;
    }
    Ok((matrix, stopped))
}

fn label(cell: Cell) -> String {
    format!(
        "{} {}, {} workers",
        cell.start_method, cell.transport, cell.workers
    )
}

/// A run of a cell and, next to it, the machine's own limit. Which of them goes first changes from
/// round to round: neither always finds what the other left behind.
fn pair(
    cell: Cell,
    turn: Turn,
    job: &Job<'_>,
    trace: Option<&Trace>,
    interrupt: &Interrupt,
) -> Result<(CellRun, Sum), RunError> {
    let beside = || match limit(cell, job, interrupt) {
        Err(interrupted @ RunError::Interrupted(_)) => Err(interrupted),
        // A run without its limit is still a run.
        limit => Ok(limit.unwrap_or_default()),
    };
    let (beside, (mut run, sum)) = if turn.round.is_multiple_of(2) {
        let ran = run(cell, job, trace, interrupt)?;
        (beside()?, ran)
    } else {
        (beside()?, run(cell, job, trace, interrupt)?)
    };
    run.beside = beside;
    Ok((run, sum))
}

fn limit(cell: Cell, job: &Job<'_>, interrupt: &Interrupt) -> Result<Vec<Beside>, RunError> {
    let Some(probe) = job.limits.and_then(|limits| beside::probe(cell, limits)) else {
        return Ok(Vec::new());
    };
    let order = limits::Order {
        probe,
        data: job.data.to_owned(),
        samples: 1,
    };
    let found = limits::in_a_process(&order, interrupt)?;
    Ok(beside::told(cell.transport, job.bytes, &found))
}

fn run(
    cell: Cell,
    job: &Job<'_>,
    trace: Option<&Trace>,
    interrupt: &Interrupt,
) -> Result<(CellRun, Sum), RunError> {
    let mut command = dataset::Job {
        start_method: cell.start_method,
        transport: cell.transport,
        workers: cell.workers,
        batches: None,
    }
    .command(job.binaries, job.data, job.field);
    if let Some(trace) = trace {
        command.arg("--trace").arg(trace.file());
    }
    let finished = process::run(command, job.timeout, interrupt)?;
    let sum: Sum = serde_json::from_str(&finished.stdout).map_err(|error| RunError::Failed {
        how: format!("stdout is not the JSON of a sum: {error}"),
        quote: String::new(),
    })?;
    let run = CellRun {
        position: 0,
        wall_seconds: finished.wall.as_secs_f64(),
        sum_hex: sum.result.sum_hex.clone(),
        count: sum.result.count,
        nan_count: sum.result.nan_count,
        retries: sum.retries,
        seconds: sum.seconds.clone(),
        memory: sum.memory.clone(),
        beside: Vec::new(),
    };
    Ok((run, sum))
}
