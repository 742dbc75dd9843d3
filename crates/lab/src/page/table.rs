//! The results as a table: every cell, its medians and spreads, or why it has none.

use maud::{Markup, html};
use report::{
    CellReport, CellSummary, Limit, Limits, Matrix, Pages, PlainReport, Spread, Touch, TwoModes,
};

use super::dots::{self, Scale};
use super::start_cost::StartCost;
use crate::limits::names;
use crate::matrix::{Place, Ranking, Status};
use harness::grid::{binary_size, megabytes, seconds, seconds_range, three_digits, times};

/// A column of figures: its name, what it says, and its figure of a cell.
struct Column {
    name: &'static str,
    says: &'static str,
    figure: fn(&CellSummary) -> Figure,
}

/// What stands in a cell of the table, and what it is sorted by.
pub(crate) struct Figure {
    value: Option<f64>,
    text: String,
    spread: Option<String>,
}

const COLUMNS: [Column; 13] = [
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

/// The table: plain programs first, then the cells by wall time.
pub(crate) fn results(matrix: &Matrix) -> Markup {
    let ranking = Ranking::of(matrix);
    let cells = in_order(matrix);
    let walls = cells.iter().flat_map(|cell| &cell.runs);
    let walls = walls.map(|run| run.wall_seconds);
    let plain = matrix.plain.iter().flat_map(|plain| &plain.runs);
    let scale = Scale::of(walls.chain(plain.map(|run| run.wall_seconds)));
    html! {
        table.sortable #results {
            thead {
                tr {
                    th.name scope="col" { "transport" }
                    th.name scope="col" { "start method" }
                    th scope="col" { "workers" }
                    th.dots scope="col" {
                        span.quiet { "wall, every run" }
                        @if let Some(scale) = &scale { (dots::axis(scale)) }
                    }
                    th scope="col" title="from exec to exit" { "wall" }
                    th scope="col" title="wall as a multiple of that of threads" { "× threads" }
                    @for column in &COLUMNS {
                        th.more scope="col" title=(column.says) { (column.name) }
                    }
                }
            }
            tbody {
                @for plain in &matrix.plain { (plain_row(plain, scale.as_ref())) }
                @for cell in cells { (row(cell, ranking.place(cell), scale.as_ref())) }
            }
        }
    }
}

/// The cells by wall time, those without figures last.
fn in_order(matrix: &Matrix) -> Vec<&CellReport> {
    let mut cells: Vec<&CellReport> = matrix.cells.iter().collect();
    let wall = |cell: &CellReport| {
        let summary = cell.summary.as_ref();
        summary.map_or(f64::INFINITY, |summary| summary.wall.median)
    };
    cells.sort_by(|one, other| wall(one).total_cmp(&wall(other)));
    cells
}

fn plain_row(plain: &PlainReport, scale: Option<&Scale>) -> Markup {
    let runs: Vec<f64> = plain.runs.iter().map(|run| run.wall_seconds).collect();
    html! {
        tr.plain {
            th scope="row" { (if plain.threads == 1 { "in-process" } else { "threads" }) }
            th scope="row" { "–" }
            td data-value=(plain.threads) { "×" (plain.threads) }
            @if let (Some(wall), Some(scale)) = (&plain.wall, scale) {
                td.dots { (dots::strip(scale, &runs, Some(wall.median), true)) }
                (wall_of(wall, Place::Unranked))
                td { "–" }
                @for _ in &COLUMNS { td.more { "–" } }
            } @else {
                td.why colspan=(COLUMNS.len() + 3) {
                    (plain.failed.as_deref().or(plain.void.as_deref()).unwrap_or("not run"))
                }
            }
        }
    }
}

/// A wall time with its interval, and a mark where it is the fastest or tied with it.
pub(crate) fn wall_of(wall: &Spread, place: Place) -> Markup {
    let mark = match place {
        Place::Fastest => "* ",
        Place::Tied => "= ",
        Place::Slower | Place::Unranked => "",
    };
    let figure = time(wall);
    html! {
        td.wall data-value=[figure.value] {
            (mark) (figure.text)
            @if let Some(spread) = &figure.spread { small { (spread) @if let Some(n) = wall.n { ", n " (n) } } }
        }
    }
}

/// What stands in place of a median of two groups.
pub(crate) fn two_modes_text(modes: &TwoModes, n: Option<u64>) -> String {
    crate::matrix::two_modes(modes, n)
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

fn row(cell: &CellReport, place: Place, scale: Option<&Scale>) -> Markup {
    let runs: Vec<f64> = cell.runs.iter().map(|run| run.wall_seconds).collect();
    html! {
        tr {
            th scope="row" { (cell.cell.transport) }
            th scope="row" { (cell.cell.start_method) }
            td data-value=(cell.cell.workers) { "×" (cell.cell.workers) }
            @if let (Some(summary), Some(scale)) = (&cell.summary, scale) {
                td.dots { (dots::strip(scale, &runs, Some(summary.wall.median), false)) }
                @match &summary.modes {
                    Some(modes) => td.wall data-value=(summary.wall.median) { (two_modes_text(modes, summary.wall.n)) },
                    None => (wall_of(&summary.wall, place)),
                }
                (field(&multiple(summary.of_threads.map(|spread| spread.median))))
                @for column in &COLUMNS {
                    @let figure = (column.figure)(summary);
                    td.more data-value=[figure.value] {
                        (figure.text)
                        @if let Some(spread) = &figure.spread { small { (spread) } }
                    }
                }
            } @else {
                td.why colspan=(COLUMNS.len() + 3) { (Status::of(cell).reason().unwrap_or_default()) }
            }
        }
    }
}

/// A cell of a table.
pub(crate) fn field(figure: &Figure) -> Markup {
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

/// A median with its interval.
pub(crate) fn time(spread: &Spread) -> Figure {
    Figure {
        value: Some(spread.median),
        text: seconds(spread.median),
        spread: (spread.min < spread.max).then(|| seconds_range(spread.median, spread.ends())),
    }
}

/// A multiple, where it is known.
pub(crate) fn multiple(value: Option<f64>) -> Figure {
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
