//! The cells that a figure shows, and their names.

use report::{CellReport, Matrix, Transport};

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
