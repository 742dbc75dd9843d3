//! The results as a table: every cell, its medians and spreads, or why it has none.

use maud::{Markup, html};
use report::{CellReport, CellSummary, Limit, Limits, Matrix, Pages, Spread, Touch, Unit};

use crate::grid::{megabytes, seconds, three_digits, times};
use crate::matrix::limit_name;

/// A column of figures: its name, what it says, and its figure of a cell.
struct Column {
    name: &'static str,
    says: &'static str,
    figure: fn(&CellSummary) -> Figure,
}

/// What stands in a cell of the table, and what it is sorted by.
struct Figure {
    value: Option<f64>,
    text: String,
    spread: Option<String>,
}

const COLUMNS: [Column; 14] = [
    column("wall", "seconds from exec to exit", |s| time(&s.wall)),
    column("total", "start + run", |s| time(&s.total)),
    column("load", "opening or reading the dataset", |s| time(&s.load)),
    column("share", "filling a segment", |s| time(&s.share)),
    column("start", "starting the workers", |s| time(&s.start)),
    column("run", "first batch out to last result in", |s| time(&s.run)),
    column("speed-up", "total of one worker over this one", |s| {
        multiple(s.speed_up)
    }),
    column("of limit", "multiple of what the machine needs", |s| {
        multiple(s.limit_multiple)
    }),
    column("share of limit", "multiple of the fastest fill", |s| {
        multiple(s.share_multiple)
    }),
    column("coordinator heap", "greatest heap", |s| {
        memory(s.coordinator_heap_peak)
    }),
    column("coordinator private", "private anonymous pages", |s| {
        memory(s.coordinator_private)
    }),
    column("worker heap", "greatest heap of the greatest worker", |s| {
        memory(s.worker_heap_peak)
    }),
    column("worker private", "private anonymous pages", |s| {
        memory(s.worker_private)
    }),
    column("worker resident", "greatest, shared pages included", |s| {
        memory(s.worker_rss_peak)
    }),
];

const fn column(
    name: &'static str,
    says: &'static str,
    figure: fn(&CellSummary) -> Figure,
) -> Column {
    Column { name, says, figure }
}

/// The table.
pub(crate) fn results(matrix: &Matrix) -> Markup {
    html! {
        table #results {
            thead {
                tr {
                    th scope="col" { "transport" }
                    th scope="col" { "start method" }
                    th scope="col" { "workers" }
                    @for column in &COLUMNS {
                        th scope="col" title=(column.says) { (column.name) }
                    }
                }
            }
            tbody {
                @for cell in &matrix.cells { (row(cell)) }
            }
        }
    }
}

/// What the machine can do.
pub(crate) fn limits(limits: &Limits) -> Markup {
    html! {
        table {
            thead {
                tr {
                    th scope="col" { "limit" }
                    th scope="col" { "memory" }
                    th scope="col" { "median" }
                    th scope="col" { "least – greatest" }
                }
            }
            tbody {
                @for limit in &limits.limits {
                    tr {
                        th scope="row" { (limit_name(limit)) }
                        th scope="row" { (conditions(limit)) }
                        @if let Some(value) = limit.value {
                            td { (three_digits(value.median)) " " (unit(limit.unit)) }
                            td { (three_digits(value.min)) " – " (three_digits(value.max)) }
                        } @else {
                            td.why colspan="2" { (limit.note.as_deref().unwrap_or("not measured")) }
                        }
                    }
                }
            }
        }
    }
}

fn conditions(limit: &Limit) -> String {
    let pages = limit.pages.map(|pages| match pages {
        Pages::Base => "base pages",
        Pages::Huge => "huge pages",
    });
    let touch = limit.touch.map(|touch| match touch {
        Touch::First => "first touch",
        Touch::Again => "touched before",
    });
    let said: Vec<&str> = pages.into_iter().chain(touch).collect();
    said.join(", ")
}

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::GigabytesPerSecond => "GB/s",
        Unit::Microseconds => "µs",
    }
}

fn row(cell: &CellReport) -> Markup {
    let names = html! {
        th scope="row" { (cell.cell.transport) }
        th scope="row" { (cell.cell.start_method) }
        td data-value=(cell.cell.workers) { (cell.cell.workers) }
    };
    match &cell.summary {
        Some(summary) => html! {
            tr {
                (names)
                @for column in &COLUMNS {
                    @let figure = (column.figure)(summary);
                    td data-value=[figure.value] {
                        (figure.text)
                        @if let Some(spread) = &figure.spread { small { (spread) } }
                    }
                }
            }
        },
        None => html! {
            tr {
                (names)
                td.why colspan=(COLUMNS.len()) { (why(cell)) }
            }
        },
    }
}

fn why(cell: &CellReport) -> String {
    match (&cell.failed, &cell.void) {
        (Some(reason), _) => format!("failed: {reason}"),
        (None, Some(reason)) => format!("void: {reason}"),
        (None, None) => "not run".to_owned(),
    }
}

fn time(spread: &Spread) -> Figure {
    let ends = format!("{} – {}", seconds(spread.min), seconds(spread.max));
    Figure {
        value: Some(spread.median),
        text: seconds(spread.median),
        spread: (spread.min < spread.max).then_some(ends),
    }
}

fn multiple(value: Option<f64>) -> Figure {
    Figure {
        value,
        text: value.map_or_else(|| "–".to_owned(), times),
        spread: None,
    }
}

fn memory(bytes: f64) -> Figure {
    Figure {
        value: Some(bytes),
        text: megabytes(bytes),
        spread: None,
    }
}
