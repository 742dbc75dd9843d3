//! What the matrix of the sum over a file recommends.

use harness::grid::{seconds, size, times};
use report::{CellReport, CellSummary, Matrix, Spread};

use super::recommendation::Advice;
use crate::matrix::ranked;

/// A cell that has a place in an order.
type Measured<'a> = (&'a CellReport, &'a CellSummary);

/// The recommendations: for one job, and for further jobs on workers that are there.
pub(crate) fn of_matrix(matrix: &Matrix) -> Vec<Advice> {
    let cells: Vec<Measured<'_>> = matrix
        .cells
        .iter()
        .filter_map(|cell| Some((cell, ranked(cell)?)))
        .collect();
    let data = size(matrix.dataset.bytes);
    let mut advice = Vec::new();
    if let Some((cell, summary)) = chosen(&cells, |summary| summary.wall) {
        advice.push(Advice {
            situation: format!("{data} in a file, one job"),
            choose: name(cell),
            why: format!(
                "{} for the whole command{}.",
                seconds(summary.wall.median),
                of_threads(matrix, summary)
            ),
            code: command(matrix, cell),
        });
    }
    if let Some((cell, summary)) = chosen(&cells, |summary| summary.run) {
        advice.push(Advice {
            situation: format!("{data} in a file, further jobs by workers that are there"),
            choose: name(cell),
            why: format!(
                "{} for each job, after {} to load, fill and start.",
                seconds(summary.run.median),
                seconds(summary.load.median + summary.share.median + summary.start.median)
            ),
            code: format!("{} --repeat 10", command(matrix, cell)),
        });
    }
    advice
}

/// `mmap, spawn × 8`.
fn name(cell: &CellReport) -> String {
    let cell = cell.cell;
    format!(
        "{}, {} × {}",
        cell.transport, cell.start_method, cell.workers
    )
}

fn command(matrix: &Matrix, cell: &CellReport) -> String {
    let cell = cell.cell;
    format!(
        "coordinator sum {} --start-method {} --transport {} --workers {}",
        matrix.dataset.path, cell.start_method, cell.transport, cell.workers
    )
}

/// How that compares with threads, where they were measured.
fn of_threads(matrix: &Matrix, summary: &CellSummary) -> String {
    let threads = matrix.plain.iter().rfind(|plain| plain.threads > 1);
    let threads = threads.or(matrix.plain.last());
    let Some(wall) = threads.and_then(|threads| threads.wall) else {
        return String::new();
    };
    format!(
        ", {} the time of a program with threads",
        times(summary.wall.median / wall.median)
    )
}

/// The cell to recommend.
fn chosen<'a>(
    cells: &[Measured<'a>],
    figure: impl Fn(&CellSummary) -> Spread,
) -> Option<Measured<'a>> {
    super::choose::chosen(
        cells,
        |(_, summary)| figure(summary),
        |(cell, _)| Some(cell.cell.start_method),
    )
}
