//! The jobs of two folders: each row's wall time as a multiple of that of threads in the same round.

use std::collections::BTreeMap;

use harness::grid::{binary_size, three_digits};
use report::{Bench, BenchKey, BenchRow, Runner};
use serde::Serialize;

use super::judge::LEAST;
use crate::stats::{Shift, holm, shift};

/// The probability that any row is reported by chance.
const LEVEL: f64 = 0.05;

/// What the test says of one row.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct JudgedRow {
    job: String,
    #[serde(flatten)]
    key: BenchKey,
    /// B over A.
    pub(crate) ratio: f64,
    interval: [f64; 2],
    p: f64,
    /// Whether that is a change.
    pub(crate) changed: bool,
}

/// Every row that both folders have.
pub(crate) fn judge(before: &[Bench], after: &[Bench]) -> Vec<JudgedRow> {
    let mut tests: Vec<(String, BenchKey, Shift)> = Vec::new();
    for one in before {
        let same = |other: &&Bench| other.job.name == one.job.name;
        let Some(other) = after.iter().find(same) else {
            continue;
        };
        for row in one
            .rows
            .iter()
            .filter(|row| row.key.runner != Runner::Threads)
        {
            let same = |other: &&BenchRow| other.key == row.key;
            let Some(again) = other.rows.iter().find(same) else {
                continue;
            };
            let (a, b) = (logarithms(one, row), logarithms(other, again));
            let shift = shift(&a, &b, LEAST.ln_1p());
            tests.extend(shift.map(|shift| (one.job.name.clone(), row.key, shift)));
        }
    }
    let corrected = holm(&tests.iter().map(|(.., shift)| shift.p).collect::<Vec<_>>());
    let judged = tests.into_iter().zip(corrected);
    judged
        .map(|((job, key, shift), p)| JudgedRow {
            job,
            key,
            ratio: shift.by.exp(),
            interval: shift.interval.map(f64::exp),
            p,
            changed: p <= LEVEL,
        })
        .collect()
}

/// The lines to print; none where no job is in both folders.
pub(crate) fn lines(judged: &[JudgedRow]) -> Vec<String> {
    if judged.is_empty() {
        return Vec::new();
    }
    let changed: Vec<&JudgedRow> = judged.iter().filter(|row| row.changed).collect();
    let mut lines = vec![format!(
        "Jobs: {} of {} rows have changed significantly, as multiples of threads",
        changed.len(),
        judged.len()
    )];
    lines.extend(changed.iter().map(|row| {
        let size = match row.key.bytes {
            0 => String::new(),
            bytes => format!(" {}", binary_size(bytes)),
        };
        format!(
            "- {}{size}, {}: {} × [{}–{}]",
            row.job,
            row.key,
            three_digits(row.ratio),
            three_digits(row.interval[0]),
            three_digits(row.interval[1])
        )
    }));
    lines
}

/// The wall times of a row over those of threads in the same round, as logarithms.
fn logarithms(bench: &Bench, row: &BenchRow) -> Vec<f64> {
    let mut rows = bench.rows.iter();
    let threads = rows.find(|it| it.key.runner == Runner::Threads && it.key.bytes == row.key.bytes);
    let runs = threads.iter().flat_map(|threads| &threads.runs);
    let threads: BTreeMap<u32, f64> = runs.map(|run| (run.round, run.wall_seconds)).collect();
    let runs = row.runs.iter();
    runs.filter_map(|run| Some((run.wall_seconds / threads.get(&run.round)?).ln()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bench() -> Bench {
        let text = include_str!("../../tests/results/job-memory.json");
        let mut bench: Bench = serde_json::from_str(text).unwrap();
        // As many runs as a comparison of this number of rows needs.
        for row in &mut bench.rows {
            let runs = row.runs.clone();
            let longer = (1..13).zip(runs.iter().cycle()).map(|(round, run)| {
                let mut run = run.clone();
                run.round = round;
                run
            });
            row.runs = longer.collect();
        }
        bench
    }

    #[test]
    fn the_same_job_has_not_changed_and_a_slower_row_has() {
        let before = bench();
        let judged = judge(std::slice::from_ref(&before), std::slice::from_ref(&before));
        assert!(judged.len() > 10 && judged.iter().all(|row| !row.changed));
        let mut after = before.clone();
        let last = after.rows.last_mut().unwrap();
        for run in &mut last.runs {
            run.wall_seconds *= 100.0;
        }
        let judged = judge(std::slice::from_ref(&before), &[after]);
        let changed: Vec<&JudgedRow> = judged.iter().filter(|row| row.changed).collect();
        assert_eq!(changed.len(), 1);
        assert!(changed[0].ratio > 50.0);
        let lines = lines(&judged);
        assert!(
            lines.len() == 2 && lines[1].starts_with("- memory "),
            "{lines:?}"
        );
    }
}
