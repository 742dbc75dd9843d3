//! Which cell is the fastest, and which are not significantly slower.
//!
//! The least of many medians is partly luck, so that it is never named alone: every cell whose interval
//! meets that of the fastest is tied with it. A cell with two modes has no place in an order, since its
//! median says how often either mode occurred.

use report::{Cell, CellReport, CellSummary, Matrix, Spread, Transport};

/// The order of a matrix's cells by wall time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ranking {
    best: Option<(Cell, Spread)>,
}

/// The place of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Its median is the smallest.
    Fastest,
    /// Its interval meets that of the fastest.
    Tied,
    /// It is slower.
    Slower,
    /// It has two modes, or no figures.
    Unranked,
}

impl Ranking {
    /// That of a matrix.
    pub(crate) fn of(matrix: &Matrix) -> Ranking {
        Ranking::among(&matrix.cells)
    }

    /// That of some cells.
    pub(crate) fn among<'a>(cells: impl IntoIterator<Item = &'a CellReport>) -> Ranking {
        let best = cells
            .into_iter()
            .filter_map(|cell| Some((cell.cell, ranked(cell)?.wall)))
            .min_by(|(_, one), (_, other)| one.median.total_cmp(&other.median));
        Ranking { best }
    }

    /// Where a cell stands.
    pub(crate) fn place(&self, cell: &CellReport) -> Place {
        let (Some((best, wall)), Some(summary)) = (self.best, ranked(cell)) else {
            return Place::Unranked;
        };
        if cell.cell == best {
            Place::Fastest
        } else if summary.wall.ends()[0] <= wall.ends()[1] {
            Place::Tied
        } else {
            Place::Slower
        }
    }
}

/// The figures of a cell that has a place in an order.
pub(crate) fn ranked(cell: &CellReport) -> Option<&CellSummary> {
    let summary = cell.summary.as_ref()?;
    summary.modes.is_none().then_some(summary)
}

/// The fastest of the cells with a transport that have a place in an order.
pub(crate) fn fastest_of<'a>(
    cells: impl IntoIterator<Item = &'a CellReport>,
    transport: Transport,
) -> Option<(&'a CellReport, &'a CellSummary)> {
    cells
        .into_iter()
        .filter(|cell| cell.cell.transport == transport)
        .filter_map(|cell| Some((cell, ranked(cell)?)))
        .min_by(|(_, one), (_, other)| one.wall.median.total_cmp(&other.wall.median))
}

#[cfg(test)]
mod tests {
    use super::super::{sample, summary};
    use super::*;

    #[test]
    fn what_cannot_be_told_apart_is_tied_and_two_modes_have_no_place() {
        let mut matrix = sample::matrix(&[1, 2, 4, 8]);
        let around =
            |middle: f64| -> Vec<f64> { (0..9).map(|i| middle + f64::from(i) / 100.0).collect() };
        sample::add_runs(&mut matrix.cells[0], &around(2.0));
        sample::add_runs(&mut matrix.cells[1], &around(2.05));
        sample::add_runs(&mut matrix.cells[2], &around(2.5));
        let modes = [0.1, 4.0, 0.11, 4.1, 0.1, 4.0, 0.12, 0.11, 4.2, 0.1];
        sample::add_runs(&mut matrix.cells[3], &modes);
        summary::summarise(&mut matrix);
        let ranking = Ranking::of(&matrix);
        let places: Vec<Place> = matrix
            .cells
            .iter()
            .map(|cell| ranking.place(cell))
            .collect();
        assert_eq!(
            places,
            [Place::Fastest, Place::Tied, Place::Slower, Place::Unranked]
        );
    }
}
