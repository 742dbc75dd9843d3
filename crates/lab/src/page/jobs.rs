//! The jobs of a folder: what isolation costs, what each hand-over costs by size, and every row of each.

use maud::{Markup, html};
use report::{Bench, BenchRow, HandOver, Matrix, Runner};

use super::dots::{self, Scale};
use super::figures::Figure;
use super::html::grid;
use super::table::{field, multiple, two_modes_text, wall_of};
use crate::bench::{best_of_processes, in_order, label, of_size, sizes, threads_of, typical};
use crate::matrix::Place;
use harness::grid::{seconds, times};

/// What isolation costs each job, the sum over a file among them.
pub(crate) fn isolation(matrix: Option<&Matrix>, jobs: &[Bench]) -> Markup {
    let mut rows = Vec::new();
    if let Some(matrix) = matrix {
        rows.extend(isolated_sum(matrix));
    }
    for bench in jobs {
        rows.extend(
            sizes(bench)
                .into_iter()
                .filter_map(|bytes| isolated(bench, bytes)),
        );
    }
    html! {
        @if !rows.is_empty() {
            section {
                h2 { "What isolation costs" }
                p {
                    "The fastest processes compared with threads on all processors: the same kernel, data in \
                     ordinary memory. Medians; the whole job, with starting and ending the workers."
                }
                div.wide tabindex="0" role="region" aria-label="What isolation costs" {
                    table #isolation {
                        thead { tr {
                            th.name scope="col" { "job" }
                            th scope="col" { "threads" }
                            th scope="col" { "processes" }
                            th scope="col" { "multiple" }
                            th.name scope="col" { "by" }
                        } }
                        tbody {
                            @for row in &rows {
                                tr {
                                    th scope="row" { (row.job) }
                                    td data-value=(row.threads) { (seconds(row.threads)) }
                                    td data-value=(row.processes) { (seconds(row.processes)) }
                                    td data-value=(row.multiple) { (times(row.multiple)) }
                                    th scope="row" { (row.by) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

struct Isolated {
    job: String,
    threads: f64,
    processes: f64,
    multiple: f64,
    by: String,
}

fn isolated_sum(matrix: &Matrix) -> Option<Isolated> {
    let threads = matrix.plain.iter().max_by_key(|plain| plain.threads)?;
    let cells = matrix.cells.iter();
    let (cell, summary) = cells
        .filter_map(|cell| Some((cell, crate::matrix::ranked(cell)?)))
        .min_by(|(_, one), (_, other)| one.wall.median.total_cmp(&other.wall.median))?;
    Some(Isolated {
        job: "sum over a file".to_owned(),
        threads: threads.wall?.median,
        processes: summary.wall.median,
        multiple: summary.of_threads?.median,
        by: format!(
            "{}, {} × {}",
            cell.cell.transport, cell.cell.start_method, cell.cell.workers
        ),
    })
}

fn isolated(bench: &Bench, bytes: u64) -> Option<Isolated> {
    let threads = threads_of(bench, bytes)?;
    let (row, summary) = best_of_processes(bench, bytes)?;
    Some(Isolated {
        job: format!("{} {}", bench.job.name, label(bytes))
            .trim()
            .to_owned(),
        threads: threads.wall.median,
        processes: summary.wall.median,
        multiple: summary.of_threads?.median,
        by: row.key.to_string(),
    })
}

/// What each hand-over costs by size, for the jobs that have data.
pub(crate) fn by_size(jobs: &[Bench]) -> Markup {
    html! {
        @for bench in jobs.iter().filter(|bench| sizes(bench).len() > 1) {
            section {
                h2 { "What each hand-over costs by size: " (bench.job.name) }
                p {
                    (bench.job.about) " The first use (fill and run, into fresh memory), then a further use by \
                     the same workers; spawn, with the largest number of workers (inherit: fork)."
                }
                div.wide tabindex="0" role="region" aria-label="Hand-overs by size" {
                    table.sizes {
                        thead { tr {
                            th.name scope="col" { "by" }
                            @for bytes in sizes(bench) { th scope="col" { (label(bytes)) } }
                        } }
                        tbody {
                            tr {
                                th scope="row" { "threads" }
                                @for bytes in sizes(bench) {
                                    (both(of_size(bench, bytes).find(|row| row.key.runner == Runner::Threads)))
                                }
                            }
                            @for hand_over in HandOver::ALL {
                                @if bench.rows.iter().any(|row| row.key.hand_over == Some(hand_over)) {
                                    tr {
                                        th scope="row" { (hand_over) }
                                        @for bytes in sizes(bench) { (both(typical(bench, bytes, hand_over))) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The first use and a further one.
fn both(row: Option<&BenchRow>) -> Markup {
    let summary = row.and_then(|row| row.summary.as_ref());
    html! {
        @if let Some(summary) = summary {
            td {
                (seconds(summary.fill.median + summary.run.median))
                small { "again " (seconds(summary.run_again.median)) }
            }
        } @else {
            td { "–" }
        }
    }
}

/// Every row of every job, and what its processes did.
pub(crate) fn tables(jobs: &[Bench], lanes: &[Vec<Figure>]) -> Markup {
    html! {
        @for (bench, lanes) in jobs.iter().zip(lanes) {
            section {
                h2 { "Job: " (bench.job.name) }
                p { (bench.job.about) " Every run is a dot, the line is the median; = marks what cannot be \
                     distinguished from the fastest processes." }
                @for bytes in sizes(bench) {
                    @if bytes > 0 { h3 { (label(bytes)) " of data" } }
                    (table(bench, bytes))
                }
                @if !lanes.is_empty() {
                    details {
                        summary { "Who did what when" }
                        p {
                            "The fastest row of each hand-over, the largest size, in a run of its own that no \
                             table counts, since watching costs time: two uses, the second by the same workers. \
                             A worker has a task from when it was sent, or from its answer before that, to \
                             its own answer. The forks of inherit report nothing."
                        }
                        (grid(lanes))
                    }
                }
            }
        }
    }
}

fn table(bench: &Bench, bytes: u64) -> Markup {
    let rows = in_order(bench, bytes);
    let runs = rows.iter().flat_map(|row| &row.runs);
    let scale = Scale::of(runs.map(|run| run.wall_seconds));
    html! {
        div.wide tabindex="0" role="region" aria-label=(format!("{} {}", bench.job.name, label(bytes))) {
            table.job.sortable data-bytes=(bytes) {
                thead { tr {
                    th.name scope="col" { "by" }
                    th.dots scope="col" { span.quiet { "wall, every run" } @if let Some(scale) = &scale { (dots::axis(scale)) } }
                    th scope="col" { "wall" }
                    th scope="col" { "× threads" }
                    th scope="col" { "start" }
                    th scope="col" { "fill" }
                    th scope="col" { "run" }
                    th scope="col" { "stop" }
                    th scope="col" { "fill again" }
                    th scope="col" { "run again" }
                } }
                tbody {
                    @for row in &rows { (line(row, place(row, &rows), scale.as_ref())) }
                }
            }
        }
    }
}

fn line(row: &BenchRow, place: Place, scale: Option<&Scale>) -> Markup {
    let runs: Vec<f64> = row.runs.iter().map(|run| run.wall_seconds).collect();
    html! {
        tr.plain[row.key.is_plain()] {
            th scope="row" { (row.key) }
            @if let (Some(summary), Some(scale)) = (&row.summary, scale) {
                td.dots { (dots::strip(scale, &runs, Some(summary.wall.median), row.key.is_plain())) }
                @match &summary.modes {
                    Some(modes) => td data-value=(summary.wall.median) { (two_modes_text(modes, summary.wall.n)) },
                    None => (wall_of(&summary.wall, place)),
                }
                (field(&multiple(summary.of_threads.map(|spread| spread.median))))
                @for spread in [&summary.start, &summary.fill, &summary.run, &summary.stop, &summary.fill_reused, &summary.run_again] {
                    td data-value=(spread.median) { (brief(spread.median)) }
                }
            } @else {
                td.why colspan="9" { (why(row)) }
            }
        }
    }
}

/// A time; where nothing was to be done, what reading the clock takes says nothing.
fn brief(value: f64) -> String {
    if value < 1e-5 {
        "–".to_owned()
    } else {
        seconds(value)
    }
}

fn why(row: &BenchRow) -> String {
    match (&row.failed, &row.void) {
        (Some(why), _) => format!("failed: {why}"),
        (None, Some(why)) => format!("invalid: {why}"),
        (None, None) => "not run".to_owned(),
    }
}

/// Where a row with processes stands among those.
fn place(row: &BenchRow, rows: &[&BenchRow]) -> Place {
    let ranked = |row: &BenchRow| {
        let summary = row.summary.as_ref()?;
        let counts = !row.key.is_plain() && summary.modes.is_none();
        counts.then_some(summary.wall)
    };
    let best = rows.iter().filter_map(|row| ranked(row));
    let best = best.min_by(|one, other| one.median.total_cmp(&other.median));
    match (ranked(row), best) {
        (Some(wall), Some(best)) if wall.median <= best.median => Place::Fastest,
        (Some(wall), Some(best)) if wall.ends()[0] <= best.ends()[1] => Place::Tied,
        (Some(_), _) => Place::Slower,
        (None, _) => Place::Unranked,
    }
}
