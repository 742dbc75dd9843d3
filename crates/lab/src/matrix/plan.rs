//! From the command line to the cells, and the order of the runs of a round.

use report::{Cell, CellReport, Dataset, StartMethod, Transport};

use crate::stats::shuffle;
use harness::dataset::{GENERATED_FIELD, GENERATED_ITEMSIZE};

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

/// One turn of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Turn {
    /// The baseline that all runs of the round are compared with.
    Baseline,
    /// A run of the plain program with this index.
    Plain(usize),
    /// A run of the cell with this index.
    Cell(usize),
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

/// The default numbers of workers: those of the original study, and as many as there are processors.
pub(crate) fn default_workers(cores: u32) -> Vec<u32> {
    let mut workers = vec![1, 4, 8, cores];
    workers.sort_unstable();
    workers.dedup();
    workers
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

/// Leaves out the cells that a dataset does not fit: `serde` carries the layout of generated data only.
pub(crate) fn without_unfit(cells: Vec<Cell>, dataset: &Dataset) -> Vec<Cell> {
    let fits =
        dataset.itemsize == GENERATED_ITEMSIZE && dataset.field.as_deref() == Some(GENERATED_FIELD);
    cells
        .into_iter()
        .filter(|cell| fits || cell.transport != Transport::Serde)
        .collect()
}

/// The turns of a round in an order of its own, so that what drifts in the machine affects all alike.
pub(crate) fn order(mut turns: Vec<Turn>, round: u32, seed: u64) -> Vec<Turn> {
    shuffle(&mut turns, seed.wrapping_add(u64::from(round)));
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
    fn a_round_holds_every_turn_once_and_the_seed_decides_the_order() {
        let turns: Vec<Turn> = std::iter::once(Turn::Baseline)
            .chain((0..13).map(Turn::Cell))
            .collect();
        let first = order(turns.clone(), 1, 42);
        assert_eq!(first, order(turns.clone(), 1, 42));
        assert_ne!(first, order(turns.clone(), 2, 42));
        assert_ne!(first, order(turns.clone(), 1, 52));
        let mut sorted = first.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, turns);
        assert_ne!(first, turns);
    }

    #[test]
    fn the_default_has_a_row_for_all_processors() {
        assert_eq!(default_workers(2), [1, 2, 4, 8]);
        assert_eq!(default_workers(8), [1, 4, 8]);
        assert_eq!(default_workers(64), [1, 4, 8, 64]);
    }

    #[test]
    fn serde_is_for_the_layout_of_generated_data() {
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
