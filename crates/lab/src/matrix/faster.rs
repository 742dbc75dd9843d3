//! Cells that are faster than their reference, and why.
//!
//! A reference is a plain program, not a bound: a cell may do better where it does something else. Where a
//! cause is known it is named; where none is, that is said too, since it questions the measurement.

use report::{CellReport, Matrix, Spread, Transport};

use harness::grid::figures;

/// One line for each cell whose time is below its reference beyond the noise.
pub(crate) fn lines(matrix: &Matrix) -> Vec<String> {
    matrix
        .cells
        .iter()
        .filter_map(|cell| {
            let summary = cell.summary.as_ref()?;
            let multiple = summary.limit_spread.filter(is_below)?;
            let (time, reference) = summary.limit.as_ref()?.split_once(" / ")?;
            Some(format!(
                "{} {} {}: {} of {reference} ({time}). {}",
                cell.cell.transport,
                cell.cell.start_method,
                cell.cell.workers,
                figures(&multiple, "×"),
                cause(cell, matrix.machine.cores)
            ))
        })
        .collect()
}

/// Whether a multiple is below 1, chance excluded.
fn is_below(multiple: &Spread) -> bool {
    multiple.interval.is_some_and(|[_, high]| high < 1.0)
}

fn cause(cell: &CellReport, cores: u32) -> &'static str {
    let several = cell.cell.workers > 1;
    match cell.cell.transport {
        Transport::Bytes | Transport::Serde if several => {
            "The reference sends to one reader; here the sender serves the next worker while one wakes."
        }
        Transport::Mmap if several && cores > 1 => {
            "The reference reads with threads, whose page faults share one address space; each worker \
             has its own."
        }
        Transport::Shm if several => {
            "The reference's readers begin at the same instant; here workers begin one after the other \
             and compete less for the first access to each page."
        }
        _ => "No cause is known: other programs may have been at work during the reference.",
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::super::summary;
    use super::*;

    #[test]
    fn a_cell_below_its_reference_is_listed_with_its_cause_and_noise_is_not() {
        let mut matrix = sample::matrix(&[1, 4]);
        for (cell, factor) in matrix.cells.iter_mut().zip([1.0, 2.0]) {
            sample::add_runs(cell, &[2.0; 9]);
            for (index, run) in (0_u8..).zip(&mut cell.runs) {
                run.beside = vec![report::Beside {
                    time: report::CellTime::Run,
                    limit: "segment-read, 4 processes".to_owned(),
                    seconds: factor * (0.92 + 0.02 * f64::from(index)),
                }];
            }
        }
        summary::summarise(&mut matrix);
        let lines = lines(&matrix);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(
            lines[0].starts_with(
                "shm fork 4: 0.50 × [0.47–0.53] n 9 of segment-read, 4 processes (run)"
            ),
            "{lines:?}"
        );
        assert!(lines[0].contains("The reference's readers"), "{lines:?}");
    }
}
