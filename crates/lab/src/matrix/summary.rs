//! From raw runs to what a table shows: medians, whose sums agree, speed-ups and multiples.

use std::collections::BTreeMap;

use report::{
    CellReport, CellRun, CellSummary, Matrix, Memory, PlainReport, PlainRun, Seconds, Spread,
    TwoModes,
};

use super::beside;
use crate::stats::{float, modes, spread};

/// The answer of a run, as far as it has to be the same everywhere.
type Answer = (String, u64, u64);

/// Computes the validity and the summary of every cell from its runs.
pub(crate) fn summarise(matrix: &mut Matrix) {
    let agreed = agreed(&matrix.cells);
    for cell in &mut matrix.cells {
        cell.void = invalid(cell, agreed.as_ref());
        cell.summary = match (&cell.failed, &cell.void) {
            (None, None) => medians(&cell.runs),
            _ => None,
        };
    }
    for plain in &mut matrix.plain {
        plain.void = agreed.as_ref().and_then(|agreed| wrong(plain, agreed));
        plain.wall = match (&plain.failed, &plain.void) {
            (None, None) => spread(plain.runs.iter().map(|run| run.wall_seconds)),
            _ => None,
        };
    }
    of_threads(matrix);
    let alone: Vec<_> = matrix
        .cells
        .iter()
        .filter(|cell| cell.cell.workers == 1)
        .filter_map(|cell| Some((cell.cell, cell.summary.as_ref()?.total.median)))
        .collect();
    for cell in &mut matrix.cells {
        let Some(summary) = &mut cell.summary else {
            continue;
        };
        summary.speed_up = alone
            .iter()
            .find(|(one, _)| {
                (one.start_method, one.transport) == (cell.cell.start_method, cell.cell.transport)
            })
            .map(|(_, total)| total / summary.total.median);
    }
}

/// What is wrong with the sums of a plain program.
fn wrong(plain: &PlainReport, agreed: &Answer) -> Option<String> {
    let of = |run: &PlainRun| (run.sum_hex.clone(), run.count, run.nan_count);
    let run = plain.runs.iter().find(|run| of(run) != *agreed)?;
    Some(format!(
        "wrong sum: {} of {} values, where most cells have {} of {}",
        run.sum_hex, run.count, agreed.0, agreed.1
    ))
}

/// The walls of all cells as multiples of that of threads in the same round.
fn of_threads(matrix: &mut Matrix) {
    let threads = matrix.plain.iter().max_by_key(|plain| plain.threads);
    let Some(threads) = threads.filter(|threads| threads.wall.is_some()) else {
        return;
    };
    let runs = threads.runs.iter();
    let walls: BTreeMap<u32, f64> = runs.map(|run| (run.round, run.wall_seconds)).collect();
    for cell in &mut matrix.cells {
        let Some(summary) = &mut cell.summary else {
            continue;
        };
        let counting = cell.runs.iter().filter(|run| !run.seconds.void);
        summary.of_threads = spread(counting.filter_map(|run| {
            let threads = walls.get(&run.round?)?;
            Some(run.wall_seconds / threads)
        }));
    }
}

/// The answer that most runs gave; none where no answer has more than any other.
fn agreed(cells: &[CellReport]) -> Option<Answer> {
    let mut counts: Vec<(Answer, usize)> = Vec::new();
    for run in cells.iter().flat_map(|cell| &cell.runs) {
        match counts.iter_mut().find(|(known, _)| *known == answer(run)) {
            Some((_, count)) => *count += 1,
            None => counts.push((answer(run), 1)),
        }
    }
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    match &counts[..] {
        [(_, most), (_, next), ..] if most == next => None,
        [(answer, _), ..] => Some(answer.clone()),
        [] => None,
    }
}

fn answer(run: &CellRun) -> Answer {
    (run.sum_hex.clone(), run.count, run.nan_count)
}

fn invalid(cell: &CellReport, agreed: Option<&Answer>) -> Option<String> {
    if cell.runs.is_empty() {
        return None;
    }
    let Some(agreed) = agreed else {
        return Some("the cells disagree about the sum, and no sum has a majority".to_owned());
    };
    if let Some(run) = cell.runs.iter().find(|run| answer(run) != *agreed) {
        return Some(format!(
            "wrong sum: {} of {} values ({} NaN), where most cells have {} of {} ({} NaN)",
            run.sum_hex, run.count, run.nan_count, agreed.0, agreed.1, agreed.2,
        ));
    }
    cell.runs
        .iter()
        .all(|run| run.seconds.void)
        .then(|| "every run was stopped and continued".to_owned())
}

/// The medians of the runs whose timing counts; none where there is none.
fn medians(runs: &[CellRun]) -> Option<CellSummary> {
    let runs: Vec<&CellRun> = runs.iter().filter(|run| !run.seconds.void).collect();
    let of = |figure: &dyn Fn(&CellRun) -> f64| -> Option<Spread> {
        spread(runs.iter().map(|run| figure(run)))
    };
    let phase = |figure: fn(&Seconds) -> f64| of(&|run| figure(&run.seconds));
    let worker = |figure: fn(&Memory) -> u64| {
        of(&|run| float(run.memory.workers.iter().map(figure).max().unwrap_or(0)))
            .map(|spread| spread.median)
    };
    let coordinator = |figure: fn(&Memory) -> u64| {
        of(&|run| float(figure(&run.memory.coordinator))).map(|spread| spread.median)
    };
    let mut summary = CellSummary {
        wall: of(&|run| run.wall_seconds)?,
        end_to_end: phase(|seconds| seconds.end_to_end)?,
        load: phase(|seconds| seconds.load)?,
        share: phase(|seconds| seconds.share)?,
        start: phase(|seconds| seconds.start)?,
        run: phase(|seconds| seconds.run)?,
        total: phase(|seconds| seconds.total)?,
        other: of(&other_seconds),
        speed_up: None,
        modes: two_modes(&runs),
        of_threads: None,
        limit_multiple: None,
        limit_spread: None,
        limit: None,
        share_multiple: None,
        coordinator_heap_peak: coordinator(|memory| memory.heap_peak)?,
        coordinator_private: coordinator(|memory| memory.private)?,
        worker_heap_peak: worker(|memory| memory.heap_peak)?,
        worker_private: worker(|memory| memory.private)?,
        worker_rss_peak: worker(|memory| memory.rss_peak)?,
    };
    beside::fill_in(&mut summary, &runs);
    Some(summary)
}

/// The part of a run's wall time that no phase counts.
pub(crate) fn other_seconds(run: &CellRun) -> f64 {
    let seconds = &run.seconds;
    (run.wall_seconds - seconds.load - seconds.share - seconds.total).max(0.0)
}

/// The two groups of a cell's wall times, where there are two.
fn two_modes(runs: &[&CellRun]) -> Option<TwoModes> {
    let walls: Vec<f64> = runs.iter().map(|run| run.wall_seconds).collect();
    let found = modes(&walls)?;
    Some(TwoModes {
        low: found.low,
        high: found.high,
        in_high: u64::try_from(found.in_high).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn medians_and_speed_up() {
        let mut matrix = sample::matrix(&[1, 4]);
        sample::add_runs(&mut matrix.cells[0], &[4.0, 2.0, 3.0]);
        sample::add_runs(&mut matrix.cells[1], &[1.5, 1.0, 2.0]);
        summarise(&mut matrix);
        let (one, four) = (&matrix.cells[0].summary, &matrix.cells[1].summary);
        let total = one.as_ref().unwrap().total;
        assert_eq!((total.median, total.min, total.max), (3.0, 2.0, 4.0));
        assert_eq!((total.n, total.interval), (Some(3), None));
        assert_eq!(one.as_ref().unwrap().speed_up, Some(1.0));
        assert_eq!(four.as_ref().unwrap().speed_up, Some(2.0));
    }

    #[test]
    fn the_cell_that_stands_alone_with_its_sum_is_void() {
        let mut matrix = sample::matrix(&[1, 4, 8]);
        for cell in &mut matrix.cells {
            sample::add_runs(cell, &[1.0, 1.0]);
        }
        matrix.cells[1].runs[1].sum_hex = "0x1.0000000000001p+0".to_owned();
        summarise(&mut matrix);
        assert!(matrix.cells[0].summary.is_some());
        assert!(matrix.cells[1].summary.is_none());
        assert!(
            matrix.cells[1]
                .void
                .as_ref()
                .unwrap()
                .starts_with("wrong sum: 0x1.0000000000001")
        );
        assert!(matrix.cells[2].summary.is_some());
    }

    #[test]
    fn without_a_majority_every_timing_is_void() {
        let mut matrix = sample::matrix(&[1, 4]);
        for cell in &mut matrix.cells {
            sample::add_runs(cell, &[1.0]);
        }
        matrix.cells[1].runs[0].count += 1;
        summarise(&mut matrix);
        assert!(
            matrix
                .cells
                .iter()
                .all(|cell| cell.summary.is_none() && cell.void.is_some())
        );
    }

    #[test]
    fn a_stopped_run_does_not_count() {
        let mut matrix = sample::matrix(&[1]);
        sample::add_runs(&mut matrix.cells[0], &[1.0, 60.0]);
        matrix.cells[0].runs[1].seconds.void = true;
        summarise(&mut matrix);
        let summary = matrix.cells[0].summary.as_ref().unwrap();
        assert_eq!(summary.total.max, 1.0);
        matrix.cells[0].runs[0].seconds.void = true;
        summarise(&mut matrix);
        assert!(matrix.cells[0].void.is_some());
    }
}
