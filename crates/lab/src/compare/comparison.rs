//! Two folders side by side, and what the tests say of the cells that both have.

use report::{CellReport, Limits, Matrix};

use super::judge::{self, Judged, Pair};

/// What a folder holds.
pub(crate) struct Folder {
    /// Its path, as given by the user.
    pub(crate) name: String,
    /// Its matrix.
    pub(crate) matrix: Matrix,
    /// Its reference measurements, where they were taken.
    pub(crate) limits: Option<Limits>,
}

/// Two folders, and what the tests say of their cells.
pub(crate) struct Comparison<'a> {
    /// A.
    pub(crate) before: &'a Folder,
    /// B.
    pub(crate) after: &'a Folder,
    /// The cells with figures in both.
    pub(crate) pairs: Vec<Pair<'a>>,
    /// Every figure of every pair.
    pub(crate) judged: Vec<Judged>,
}

impl<'a> Comparison<'a> {
    /// Of two folders.
    pub(crate) fn of(before: &'a Folder, after: &'a Folder) -> Comparison<'a> {
        let with_figures = |cell: &&CellReport| cell.summary.is_some();
        let pairs: Vec<Pair<'a>> = before
            .matrix
            .cells
            .iter()
            .filter(with_figures)
            .filter_map(|cell| {
                let same = |other: &&CellReport| other.cell == cell.cell;
                let mut others = after.matrix.cells.iter().filter(with_figures);
                Some((cell, others.find(same)?))
            })
            .collect();
        let judged = judge::judge(&before.matrix, &after.matrix, &pairs);
        Comparison {
            before,
            after,
            pairs,
            judged,
        }
    }

    /// The largest significant increase, in percent; 0 where there is none.
    pub(crate) fn worst(&self) -> f64 {
        let changed = self.judged.iter().filter(|judged| judged.changed);
        let increases = changed.map(|judged| (judged.ratio - 1.0) * 100.0);
        increases.fold(0.0, f64::max)
    }
}
