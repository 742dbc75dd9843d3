//! From raw runs to what tables show: medians, multiples of threads, and whether all results agree.

use std::collections::BTreeMap;

use harness::grid::binary_size;
use report::{
    Bench, BenchKey, BenchRow, BenchRun, BenchSummary, HandOver, Runner, StartMethod, TwoModes,
};

use crate::stats::{modes, spread};

/// Computes the validity and the summary of every row from its runs.
pub(crate) fn summarise(bench: &mut Bench) {
    for bytes in sizes(bench) {
        let of_size = |row: &&BenchRow| row.key.bytes == bytes;
        // The plain loop is what everybody has to agree with.
        let mut plain = bench.rows.iter().filter(of_size);
        let right = plain.find_map(|row| Some(row.runs.first()?.digest.clone()));
        let mut rows = bench.rows.iter().filter(of_size);
        let threads: BTreeMap<u32, f64> = rows
            .find(|row| row.key.runner == Runner::Threads)
            .map(|row| {
                let runs = row.runs.iter();
                runs.map(|run| (run.round, run.wall_seconds)).collect()
            })
            .unwrap_or_default();
        for row in bench.rows.iter_mut().filter(|row| row.key.bytes == bytes) {
            row.void = right.as_ref().and_then(|right| invalid(row, right));
            row.summary = match (&row.failed, &row.void) {
                (None, None) => medians(&row.runs, &threads),
                _ => None,
            };
        }
    }
}

fn invalid(row: &BenchRow, right: &str) -> Option<String> {
    let mut runs = row.runs.iter();
    let wrong = runs.find(|run| run.digest != right)?;
    Some(format!(
        "its results have the hash {}, those of the plain loop {right}",
        wrong.digest
    ))
}

fn medians(runs: &[BenchRun], threads: &BTreeMap<u32, f64>) -> Option<BenchSummary> {
    let of = |figure: fn(&BenchRun) -> f64| spread(runs.iter().map(figure));
    let walls: Vec<f64> = runs.iter().map(|run| run.wall_seconds).collect();
    Some(BenchSummary {
        wall: of(|run| run.wall_seconds)?,
        of_threads: spread(runs.iter().filter_map(|run| {
            let threads = threads.get(&run.round)?;
            Some(run.wall_seconds / threads)
        })),
        start: of(|run| run.start)?,
        fill: of(|run| run.first.fill)?,
        fill_reused: of(|run| run.again.fill)?,
        run: of(|run| run.first.run)?,
        run_again: of(|run| run.again.run)?,
        stop: of(|run| run.stop)?,
        modes: modes(&walls).and_then(|found| {
            Some(TwoModes {
                low: found.low,
                high: found.high,
                in_high: u64::try_from(found.in_high).ok()?,
            })
        }),
    })
}

/// The sizes of a job's data, the smallest first.
pub(crate) fn sizes(bench: &Bench) -> Vec<u64> {
    let mut sizes: Vec<u64> = bench.rows.iter().map(|row| row.key.bytes).collect();
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

/// The rows of a size.
pub(crate) fn of_size(bench: &Bench, bytes: u64) -> impl Iterator<Item = &BenchRow> {
    bench.rows.iter().filter(move |row| row.key.bytes == bytes)
}

/// The figures of threads.
pub(crate) fn threads_of(bench: &Bench, bytes: u64) -> Option<&BenchSummary> {
    of_size(bench, bytes)
        .find(|row| row.key.runner == Runner::Threads)?
        .summary
        .as_ref()
}

/// The row with processes that has the smallest wall time, of those that have one mode.
pub(crate) fn best_of_processes(bench: &Bench, bytes: u64) -> Option<(&BenchRow, &BenchSummary)> {
    of_size(bench, bytes)
        .filter(|row| row.key.runner == Runner::Processes)
        .filter_map(|row| Some((row, row.summary.as_ref()?)))
        .filter(|(_, summary)| summary.modes.is_none())
        .min_by(|(_, one), (_, other)| one.wall.median.total_cmp(&other.wall.median))
}

/// Of the largest size, the fastest row of each hand-over whose workers a pool watches; forks report nothing.
pub(super) fn fastest_with_pool(bench: &Bench) -> Vec<BenchKey> {
    let Some(bytes) = sizes(bench).last().copied() else {
        return Vec::new();
    };
    let pooled = HandOver::ALL.into_iter();
    let pooled = pooled.filter(|hand_over| *hand_over != HandOver::Inherit);
    let fastest = pooled.filter_map(|hand_over| {
        of_size(bench, bytes)
            .filter(|row| row.key.hand_over == Some(hand_over))
            .filter_map(|row| Some((row.key, row.summary.as_ref()?)))
            .filter(|(_, summary)| summary.modes.is_none())
            .map(|(key, summary)| (key, summary.wall.median))
            .min_by(|(_, one), (_, other)| one.total_cmp(other))
    });
    fastest.map(|(key, _)| key).collect()
}

/// The row that stands for a hand-over: spawn where there is spawn, as many workers as any row has.
pub(crate) fn typical(bench: &Bench, bytes: u64, hand_over: HandOver) -> Option<&BenchRow> {
    of_size(bench, bytes)
        .filter(|row| row.key.hand_over == Some(hand_over))
        .max_by_key(|row| {
            let spawned = row.key.start_method == Some(StartMethod::Spawn);
            (spawned, row.key.workers)
        })
}

/// A size as tables name it; nothing where there is no data to speak of.
pub(crate) fn label(bytes: u64) -> String {
    match bytes {
        0 => String::new(),
        _ => binary_size(bytes),
    }
}
