//! What memory costs that a process did not have before, and memory that it has: rows of their own for each.

use harness::grid::seconds;
use maud::{Markup, html};
use report::{
    Bench, BenchRow, BenchSummary, CellReport, CellSummary, HandOver, Matrix, Reuse, Transport,
};

use super::table::{field, time};
use crate::bench::{label, sizes, typical};
use crate::matrix::fastest_of;

/// A job's row that fills memory.
type Filled<'a> = (&'a Bench, &'a BenchRow, &'a BenchSummary);

/// The section.
pub(crate) fn section(matrix: Option<&Matrix>, jobs: &[Bench]) -> Markup {
    let rows = filled(jobs);
    let sums = matrix.map(sums).unwrap_or_default();
    html! {
        @if !rows.is_empty() || !sums.is_empty() {
            section {
                h2 { "Fresh and reused memory" }
                p {
                    "Memory that a process did not have before costs page faults, and on a virtual machine the \
                     time of its host."
                }
                @if !rows.is_empty() { (jobs_table(&rows)) }
                @if !sums.is_empty() { (sums_table(&sums)) }
            }
        }
    }
}

/// Rows of jobs that fill memory.
fn filled(jobs: &[Bench]) -> Vec<Filled<'_>> {
    jobs.iter()
        .flat_map(|bench| {
            let bytes = sizes(bench).last().copied().unwrap_or(0);
            let all = [HandOver::Array, HandOver::InPlace, HandOver::File];
            all.into_iter().filter_map(move |hand_over| {
                let row = typical(bench, bytes, hand_over)?;
                let summary = row.summary.as_ref()?;
                (summary.fill.median > 1e-3).then_some((bench, row, summary))
            })
        })
        .collect()
}

fn jobs_table(rows: &[Filled<'_>]) -> Markup {
    html! {
        h3 { "Filling, by hand-over" }
        p { "The first fill goes to fresh memory, the second to memory that the process has." }
        div.wide tabindex="0" role="region" aria-label="Fresh and reused memory" {
            table #memory {
                thead { tr {
                    th.name scope="col" { "job" }
                    th.name scope="col" { "hand-over" }
                    th.name scope="col" { "memory" }
                    th scope="col" { "fill" }
                } }
                tbody {
                    @for (bench, row, summary) in rows {
                        @for (state, fill) in [("fresh", &summary.fill), ("reused", &summary.fill_reused)] {
                            tr {
                                th scope="row" { (bench.job.name) " " (label(row.key.bytes)) }
                                th scope="row" { (row.key.hand_over.map_or("", |it| it.as_str())) }
                                th scope="row" { (state) }
                                (field(&time(fill)))
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The fastest row of a transport, and its second sum where one was measured.
type Summed<'a> = (&'a CellReport, &'a CellSummary, Option<&'a Reuse>);

/// Of the sum over a file, the fastest row of each transport.
fn sums(matrix: &Matrix) -> Vec<Summed<'_>> {
    let best = |transport| {
        let (cell, summary) = fastest_of(&matrix.cells, transport)?;
        let mut reuse = matrix.reuse.iter();
        Some((cell, summary, reuse.find(|reuse| reuse.cell == cell.cell)))
    };
    Transport::ALL.into_iter().filter_map(best).collect()
}

fn sums_table(sums: &[Summed<'_>]) -> Markup {
    let measured = sums.iter().any(|(.., reuse)| reuse.is_some());
    html! {
        h3 { "Sum over a file, by transport" }
        p {
            "Every other figure of the sum is one of fresh memory: each run has new workers with new page tables \
             and buffers, shm a new segment, inherit a new copy of the file. Reused is a second sum by the same \
             workers, which fills nothing again."
            @if !measured { " It was not measured in this record." }
        }
        div.wide tabindex="0" role="region" aria-label="Fresh and reused memory of the sum" {
            table #reuse {
                thead { tr {
                    th.name scope="col" { "by" }
                    th.name scope="col" { "memory" }
                    th scope="col" { "load and fill" }
                    th scope="col" { "run" }
                } }
                tbody {
                    @for (cell, summary, reuse) in sums {
                        @let first = reuse.and_then(|reuse| reuse.first);
                        @let filled = summary.load.median + summary.share.median;
                        tr {
                            th scope="row" { (name(cell)) }
                            th scope="row" { "fresh" }
                            td data-value=(filled) { (seconds(filled)) }
                            (field(&time(&first.unwrap_or(summary.run))))
                        }
                        @if let Some(again) = reuse.and_then(|reuse| reuse.again) {
                            tr {
                                th scope="row" { (name(cell)) }
                                th scope="row" { "reused" }
                                td { "–" }
                                (field(&time(&again)))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn name(cell: &CellReport) -> String {
    let cell = cell.cell;
    format!(
        "{}, {} × {}",
        cell.transport, cell.start_method, cell.workers
    )
}
