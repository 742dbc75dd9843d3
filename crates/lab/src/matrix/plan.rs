//! From what was asked to the cells and the order of their runs.

use report::{Cell, Dataset, StartMethod, Transport};

use crate::stats::shuffle;

/// Bytes of a record in the study's layout, the only one that `serde` carries.
const STUDY_ITEMSIZE: u64 = 24;

/// A choice that leaves no cell of something that was asked for by name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PlanError {
    /// `inherit` without `fork`.
    #[error(
        "inherit reads the address space that a child was forked with, so it needs the start \
         method fork: add it to --start-methods, or take inherit out of --transports"
    )]
    InheritWithoutFork,
}

/// One run: which cell, in which round. Round 0 is the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Index of the cell.
    pub(crate) cell: usize,
    /// Round, counted from 0.
    pub(crate) round: u32,
}

/// The cells of every combination that can work, in the order of the table. An empty list of
/// methods or transports means all of them.
///
/// # Errors
///
/// [`PlanError`].
pub(crate) fn cells(
    start_methods: &[StartMethod],
    transports: &[Transport],
    workers: &[u32],
) -> Result<Vec<Cell>, PlanError> {
    let methods = if start_methods.is_empty() {
        &StartMethod::ALL[..]
    } else {
        start_methods
    };
    let asked_inherit = transports.contains(&Transport::Inherit);
    if asked_inherit && !methods.contains(&StartMethod::Fork) {
        return Err(PlanError::InheritWithoutFork);
    }
    let transports = if transports.is_empty() {
        &Transport::ALL[..]
    } else {
        transports
    };

    let mut cells = Vec::new();
    for &transport in transports {
        for &workers in workers {
            for &start_method in methods {
                let cell = Cell {
                    transport,
                    workers,
                    start_method,
                };
                if can_work(cell) && !cells.contains(&cell) {
                    cells.push(cell);
                }
            }
        }
    }
    cells.sort();
    Ok(cells)
}

/// Leaves out the cells that a dataset does not fit: `serde` carries the study's layout only.
pub(crate) fn without_unfit(cells: Vec<Cell>, dataset: &Dataset) -> Vec<Cell> {
    let fits = dataset.itemsize == STUDY_ITEMSIZE && dataset.field.as_deref() == Some("val");
    cells
        .into_iter()
        .filter(|cell| fits || cell.transport != Transport::Serde)
        .collect()
}

/// Every cell's warm-up, then round after round of all cells, each round in an order of its own, so
/// that what drifts in the machine meets all cells alike.
pub(crate) fn turns(cells: usize, runs: u32, seed: u64) -> Vec<Turn> {
    let mut turns = Vec::new();
    for round in 0..=runs {
        let mut order: Vec<Turn> = (0..cells).map(|cell| Turn { cell, round }).collect();
        shuffle(&mut order, seed.wrapping_add(u64::from(round)));
        turns.extend(order);
    }
    turns
}

fn can_work(cell: Cell) -> bool {
    cell.transport != Transport::Inherit || cell.start_method == StartMethod::Fork
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_that_can_work() {
        let all = cells(&[], &[], &[1, 4, 8]).unwrap();
        assert_eq!(all.len(), (4 * 3 + 1) * 3);
        assert!(all.iter().all(|cell| can_work(*cell)));
    }

    #[test]
    fn inherit_by_name_needs_fork() {
        let asked = [Transport::Inherit, Transport::Mmap];
        assert_eq!(
            cells(&[StartMethod::Spawn], &asked, &[1]),
            Err(PlanError::InheritWithoutFork)
        );
        let both = [StartMethod::Spawn, StartMethod::Fork];
        assert_eq!(cells(&both, &asked, &[1]).unwrap().len(), 3);
        // Nobody asked for inherit, so nothing is missing.
        assert_eq!(cells(&[StartMethod::Spawn], &[], &[1]).unwrap().len(), 4);
    }

    #[test]
    fn repeats_are_one_cell() {
        let twice = [StartMethod::Fork, StartMethod::Fork];
        assert_eq!(cells(&twice, &[Transport::Shm], &[2, 2]).unwrap().len(), 1);
    }

    #[test]
    fn each_round_holds_every_cell_once_and_the_seed_decides_the_order() {
        let order = turns(13, 3, 42);
        assert_eq!(order.len(), 13 * 4);
        for (round, chunk) in (0_u32..).zip(order.chunks(13)) {
            assert!(chunk.iter().all(|turn| turn.round == round));
            let mut indices: Vec<usize> = chunk.iter().map(|turn| turn.cell).collect();
            indices.sort_unstable();
            assert_eq!(indices, (0..13).collect::<Vec<_>>());
        }
        assert_eq!(order, turns(13, 3, 42));
        assert_ne!(order, turns(13, 3, 43));
    }

    #[test]
    fn serde_is_for_the_study_layout() {
        let dataset = |itemsize, field: &str| Dataset {
            path: "d.npy".to_owned(),
            shards: None,
            records: 1,
            itemsize,
            field: Some(field.to_owned()),
            bytes: itemsize,
        };
        let all = cells(&[], &[], &[1]).unwrap();
        assert_eq!(without_unfit(all.clone(), &dataset(24, "val")), all);
        let rest = without_unfit(all, &dataset(13, "val"));
        assert_eq!(rest.len(), 10);
    }
}
