//! The results as a table: every cell, its medians and spreads, or why it has none.

use maud::{Markup, html};
use report::{CellReport, CellSummary, Limit, Limits, Matrix, Pages, Spread, Touch};

use super::start_cost::StartCost;
use crate::limits::names;
use crate::matrix::Status;
use harness::grid::{binary_size, megabytes, seconds, seconds_range, three_digits, times};

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
    column("wall", "from exec to exit", |s| time(&s.wall)),
    column("start + run", "what a further job on a pool needs", |s| {
        time(&s.total)
    }),
    column(
        "of reference",
        "multiple of what a plain program needed",
        |s| multiple(s.limit_multiple),
    ),
    column("speed-up", "start + run of one worker over this one", |s| {
        multiple(s.speed_up)
    }),
    column("load", "opening or reading the dataset", |s| time(&s.load)),
    column("fill", "filling a segment", |s| time(&s.share)),
    column("start", "starting the workers", |s| time(&s.start)),
    column("run", "first batch out to last result in", |s| time(&s.run)),
    column("fill of reference", "multiple of the fastest fill", |s| {
        multiple(s.share_multiple)
    }),
    column("coordinator heap", "peak heap", |s| {
        memory(s.coordinator_heap_peak)
    }),
    column("coordinator private", "private anonymous pages", |s| {
        memory(s.coordinator_private)
    }),
    column(
        "worker heap",
        "peak heap of the worker that held most",
        |s| memory(s.worker_heap_peak),
    ),
    column("worker private", "private anonymous pages", |s| {
        memory(s.worker_private)
    }),
    column("worker resident", "peak, shared pages included", |s| {
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
                    th.name scope="col" { "transport" }
                    th.name scope="col" { "start method" }
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

/// The reference measurements.
pub(crate) fn limits(limits: &Limits) -> Markup {
    html! {
        table {
            thead {
                tr {
                    th.name scope="col" { "reference" }
                    th.name scope="col" { "memory" }
                    th scope="col" { "median" }
                    th scope="col" { "95 % interval, or min–max" }
                }
            }
            tbody {
                @for limit in &limits.limits {
                    tr {
                        th scope="row" { (names::name(limit)) }
                        th scope="row" { (conditions(limit)) }
                        @if let Some(value) = limit.value {
                            td { (three_digits(value.median)) " " (names::unit(limit.unit)) }
                            td { (three_digits(value.ends()[0])) "–" (three_digits(value.ends()[1])) }
                        } @else {
                            td.why colspan="2" { (not_measured(limit)) }
                        }
                    }
                }
            }
        }
    }
}

fn not_measured(limit: &Limit) -> String {
    match &limit.note {
        // Of a probe's error the reader needs the reason alone.
        Some(why) => {
            let reason = why.rsplit("error: ").next().unwrap_or(why);
            format!("not measured: {reason}")
        }
        None => "not measured".to_owned(),
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
                    (field(&figure))
                }
            }
        },
        None => html! {
            tr {
                (names)
                td.why colspan=(COLUMNS.len()) { (Status::of(cell).reason().unwrap_or_default()) }
            }
        },
    }
}

fn field(figure: &Figure) -> Markup {
    html! {
        td data-value=[figure.value] {
            (figure.text)
            @if let Some(spread) = &figure.spread { small { (spread) } }
        }
    }
}

/// What starting a child costs, by what its parent holds.
pub(crate) fn starts(cost: &StartCost) -> Markup {
    html! {
        table #starts {
            thead {
                tr {
                    th.name scope="col" { "parent" }
                    @for line in &cost.lines { th scope="col" { (line.name) } }
                }
            }
            tbody {
                @for parent in cost.parents() {
                    tr {
                        th scope="row" { (binary_size(parent)) }
                        @for line in &cost.lines {
                            @match line.by(parent) {
                                Some(spread) => (field(&time(spread))),
                                None => td { "–" },
                            }
                        }
                    }
                }
            }
        }
    }
}

fn time(spread: &Spread) -> Figure {
    Figure {
        value: Some(spread.median),
        text: seconds(spread.median),
        spread: (spread.min < spread.max).then(|| seconds_range(spread.median, spread.ends())),
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
