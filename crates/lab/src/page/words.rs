//! What the figures say, in words: computed, so that it is true on every machine.

use report::{CellReport, CellSummary, Matrix, Spread, StartMethod, Transport};

use super::names::people;
use crate::matrix::{Place, Ranking, Status, ranked, two_modes};
use harness::grid::{seconds, seconds_spread, size, times};

/// A cell that has figures.
type Measured<'a> = (&'a CellReport, &'a CellSummary);

/// What the figures say and about what, the most important first.
pub(crate) fn findings(matrix: &Matrix) -> Vec<(&'static str, String)> {
    let measured: Vec<Measured<'_>> = matrix
        .cells
        .iter()
        .filter_map(|cell| Some((cell, cell.summary.as_ref()?)))
        .collect();
    let mut findings = Vec::new();
    let mut say = |about, text: Option<String>| {
        findings.extend(text.map(|text| (about, text)));
    };
    let in_order: Vec<Measured<'_>> = measured
        .iter()
        .copied()
        .filter(|(cell, _)| ranked(cell).is_some())
        .collect();
    if let Some(best) = least(&in_order, |summary| &summary.wall) {
        say("Fastest", Some(fastest(matrix, best)));
        say("By how much", others(best, &in_order));
        say("Not ranked", unranked(&measured));
        say("Start and run alone", totals(&in_order));
        say("Compared with the reference", Some(reference(best)));
        say("Memory", Some(memory(matrix, best, &measured)));
        say("Starting workers", starting(&measured));
    }
    say("Without figures", missing(matrix));
    findings
}

/// `fork + mmap, 4 workers`.
pub(crate) fn name(cell: &CellReport) -> String {
    let cell = cell.cell;
    format!(
        "{} + {}, {}",
        cell.start_method,
        cell.transport,
        of_workers(cell.workers)
    )
}

fn of_workers(workers: u32) -> String {
    match workers {
        1 => "1 worker".to_owned(),
        _ => format!("{workers} workers"),
    }
}

fn least<'a>(
    measured: &[Measured<'a>],
    by: impl Fn(&CellSummary) -> &Spread,
) -> Option<Measured<'a>> {
    measured
        .iter()
        .copied()
        .min_by(|(_, one), (_, other)| by(one).median.total_cmp(&by(other).median))
}

fn fastest(matrix: &Matrix, best: Measured<'_>) -> String {
    let (cell, summary) = best;
    let mut text = format!(
        "{} takes {} from exec to exit for {} records ({}).",
        name(cell),
        seconds_spread(&summary.wall),
        people(matrix.dataset.records),
        size(matrix.dataset.bytes),
    );
    let ranking = Ranking::of(matrix);
    let tied: Vec<String> = matrix
        .cells
        .iter()
        .filter(|cell| ranking.place(cell) == Place::Tied)
        .map(name)
        .collect();
    if let Some(first) = tied.first() {
        let more = match tied.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        text += &format!(" Tied with it: {first}{more}; their intervals overlap.");
    }
    text
}

/// Cells whose runs form two groups.
fn unranked(measured: &[Measured<'_>]) -> Option<String> {
    let said: Vec<String> = measured
        .iter()
        .filter_map(|(cell, summary)| {
            let modes = summary.modes.as_ref()?;
            Some(format!(
                "{} ({})",
                name(cell),
                two_modes(modes, summary.wall.n)
            ))
        })
        .collect();
    (!said.is_empty()).then(|| {
        format!(
            "{}: a median of two groups says only which of them was larger.",
            said.join("; ")
        )
    })
}

/// The best cell of every other transport compared with the best of all.
fn others(best: Measured<'_>, measured: &[Measured<'_>]) -> Option<String> {
    let mut rest: Vec<Measured<'_>> = Transport::ALL
        .into_iter()
        .filter(|transport| *transport != best.0.cell.transport)
        .filter_map(|transport| {
            let of_it: Vec<_> = measured
                .iter()
                .copied()
                .filter(|(cell, _)| cell.cell.transport == transport)
                .collect();
            least(&of_it, |summary| &summary.wall)
        })
        .collect();
    rest.sort_by(|(_, one), (_, other)| one.wall.median.total_cmp(&other.wall.median));
    let said: Vec<String> = rest
        .iter()
        .map(|(cell, summary)| {
            format!(
                "{} {} ({}, {})",
                cell.cell.transport,
                times(summary.wall.median / best.1.wall.median),
                cell.cell.start_method,
                of_workers(cell.cell.workers),
            )
        })
        .collect();
    (!said.is_empty()).then(|| {
        format!(
            "The whole command at its best, as a multiple of that: {}.",
            said.join(", ")
        )
    })
}

fn totals(measured: &[Measured<'_>]) -> Option<String> {
    let (cell, summary) = least(measured, |summary| &summary.total)?;
    let before = summary.load.median + summary.share.median;
    Some(format!(
        "The smallest start + run: {} with {}, after {} to load and fill.",
        name(cell),
        seconds_spread(&summary.total),
        seconds(before),
    ))
}

fn reference(best: Measured<'_>) -> String {
    let (cell, summary) = best;
    let said = summary.limit_multiple.zip(summary.limit.as_ref());
    let said = said.and_then(|(multiple, limit)| {
        let (what, probe) = limit.split_once(" / ")?;
        Some(format!(
            "{}: its {what} is {} what {probe} takes as a plain program. A reference is no bound.",
            name(cell),
            times(multiple),
        ))
    });
    said.unwrap_or_else(|| "References were not measured in this run.".to_owned())
}

fn memory(matrix: &Matrix, best: Measured<'_>, measured: &[Measured<'_>]) -> String {
    let (cell, summary) = best;
    let mut text = format!(
        "{} holds {} at most in its coordinator's heap and {} in that of the worker that held most, for \
         a dataset of {}.",
        name(cell),
        memory_of(summary.coordinator_heap_peak),
        memory_of(summary.worker_heap_peak),
        size(matrix.dataset.bytes),
    );
    let most = measured.iter().max_by(|(_, one), (_, other)| {
        one.coordinator_heap_peak
            .total_cmp(&other.coordinator_heap_peak)
    });
    if let Some((most, summary)) = most.filter(|(most, _)| most.cell != cell.cell) {
        text += &format!(
            " The most: {} with {} in its coordinator.",
            name(most),
            memory_of(summary.coordinator_heap_peak)
        );
    }
    text
}

/// What each start method needs for as many workers as any cell has.
fn starting(measured: &[Measured<'_>]) -> Option<String> {
    let workers = measured.iter().map(|(cell, _)| cell.cell.workers).max()?;
    let said: Vec<String> = StartMethod::ALL
        .into_iter()
        .filter_map(|method| {
            let mut medians: Vec<f64> = measured
                .iter()
                .filter(|(cell, _)| {
                    cell.cell.start_method == method && cell.cell.workers == workers
                })
                .map(|(_, summary)| summary.start.median)
                .collect();
            medians.sort_by(f64::total_cmp);
            let (least, most) = (medians.first()?, medians.last()?);
            Some(format!("{method} {} – {}", seconds(*least), seconds(*most)))
        })
        .collect();
    Some(format!(
        "{}, from the cheapest to the most expensive transport: {}.",
        of_workers(workers),
        said.join(", ")
    ))
}

fn missing(matrix: &Matrix) -> Option<String> {
    let reasons = [Status::Failed(""), Status::Invalid(""), Status::NotRun].map(Status::word);
    let count = |word: &str| {
        let cells = matrix.cells.iter();
        cells.filter(|cell| Status::of(cell).word() == word).count()
    };
    let said: Vec<String> = reasons
        .into_iter()
        .map(|word| (count(word), word))
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    (!said.is_empty()).then(|| {
        format!(
            "{} of {} cells; the table says why.",
            said.join(", "),
            matrix.cells.len()
        )
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the median of whole bytes"
)]
fn memory_of(bytes: f64) -> String {
    size(bytes as u64)
}
