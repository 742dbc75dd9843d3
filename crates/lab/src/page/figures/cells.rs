//! The cells that a figure shows, and their names.

use report::{CellReport, Matrix, Transport};

use crate::matrix::ranked;

/// The cells of a transport that have figures.
pub(crate) fn measured(matrix: &Matrix, transport: Transport) -> Vec<&CellReport> {
    matrix
        .cells
        .iter()
        .filter(|cell| cell.cell.transport == transport && cell.summary.is_some())
        .collect()
}

/// `forkserver 8`: a cell among those of its transport.
pub(crate) fn row_name(cell: &CellReport) -> String {
    format!("{} {}", cell.cell.start_method, cell.cell.workers)
}

/// The cell with the smallest wall time, of those that have a place in an order.
pub(crate) fn best<'a>(cells: &[&'a CellReport]) -> Option<&'a CellReport> {
    cells
        .iter()
        .filter_map(|cell| Some((*cell, ranked(cell)?)))
        .min_by(|(_, one), (_, other)| one.wall.median.total_cmp(&other.wall.median))
        .map(|(cell, _)| cell)
}
