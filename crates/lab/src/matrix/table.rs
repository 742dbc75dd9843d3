//! The matrix as tables: wall times (transport × workers, a column a start method), and what is behind
//! each of its cells.

use report::{
    Cell, CellReport, CellSummary, Matrix, PlainReport, StartMethod, Transport, TwoModes,
    format_count,
};

use super::faster;
use super::rank::{Place, Ranking};
use super::status::Status;
use crate::advice;
use crate::stats::float;
use harness::grid::{Grid, SPREAD_MEANS, megabytes, seconds, seconds_spread, times};

/// What the marks behind a wall time mean.
const MARKS: &str =
    "* fastest; = tied with it, since their intervals overlap; \"two modes\": not ranked";
/// What the columns behind it mean.
const PHASES: &str = "Medians. start + run is what a further job on a pool of the same size would need; \
                      other is the rest of the wall time: exec, exit, freeing memory. Speed-up is that \
                      of start + run over one worker. A reference is a plain program that moves the \
                      same bytes, measured next to each run.";

/// What the rows of a second sum mean.
pub(crate) const REUSE: &str = "Two sums by the same workers: the first finds fresh memory (new \
                     buffers, new page tables), the second what the first has left. What is filled before \
                     (a segment, a copy of the dataset) is filled once.";

/// A part of the output: its title, a line on it, its table.
struct Section {
    title: &'static str,
    about: String,
    grid: Grid,
}

fn sections(matrix: &Matrix) -> Vec<Section> {
    let mut sections = vec![
        Section {
            title: "Wall time of the whole command",
            about: format!("{}{SPREAD_MEANS}. {MARKS}.", SPREAD_MEANS_HEAD),
            grid: walls(matrix),
        },
        Section {
            title: "Where the time goes",
            about: PHASES.to_owned(),
            grid: phases(matrix),
        },
        Section {
            title: "Memory",
            about: "Medians over runs; of the workers, the one that held most.".to_owned(),
            grid: memory(matrix),
        },
    ];
    if !matrix.reuse.is_empty() {
        sections.push(Section {
            title: "Fresh and reused memory",
            about: REUSE.to_owned(),
            grid: reuse(matrix),
        });
    }
    sections
}

const SPREAD_MEANS_HEAD: &str = "From exec to exit: ";

/// The tables for a terminal.
pub(crate) fn terminal(matrix: &Matrix) -> String {
    let mut text = format!("\n{}\n", heading(matrix));
    text += &advice::list(Some(matrix), &[]);
    for Section { title, about, grid } in sections(matrix) {
        text += &format!("\n{title}\n{about}\n{}", grid.for_terminal());
    }
    for (title, lines) in notes(matrix) {
        text += &format!("\n{title}\n{}", list(&lines));
    }
    text
}

/// The tables as a Markdown page.
pub(crate) fn markdown(matrix: &Matrix) -> String {
    let mut text = format!("# Matrix\n\n{}\n", heading(matrix));
    for Section { title, about, grid } in sections(matrix) {
        text += &format!("\n## {title}\n\n{about}\n\n{}", grid.for_markdown());
    }
    for (title, lines) in notes(matrix) {
        text += &format!("\n## {title}\n\n{}", list(&lines));
    }
    text
}

fn list(lines: &[String]) -> String {
    lines.iter().map(|line| format!("- {line}\n")).collect()
}

fn heading(matrix: &Matrix) -> String {
    let machine = &matrix.machine;
    let runs = match &matrix.adaptive {
        None => format!("{} runs a cell", matrix.runs),
        Some(terms) => format!(
            "{} to {} runs a cell (until the interval is within {:.0} %, or {:.0} s)",
            terms.min,
            terms.max,
            terms.within * 100.0,
            terms.budget_seconds
        ),
    };
    format!(
        "{} records ({}), {runs}, {}; {}, {} cores, {}, Linux {}",
        format_count(matrix.dataset.records),
        megabytes(float(matrix.dataset.bytes)),
        matrix.date,
        machine.cpu,
        machine.cores,
        megabytes(float(machine.memory_bytes)),
        machine.kernel,
    )
}

/// Rows transport × workers, a column a start method.
fn walls(matrix: &Matrix) -> Grid {
    let has = |method: &StartMethod| {
        let mut cells = matrix.cells.iter();
        cells.any(|cell| cell.cell.start_method == *method)
    };
    let methods: Vec<StartMethod> = StartMethod::ALL.into_iter().filter(has).collect();
    let mut head = vec!["transport", "workers"];
    head.extend(methods.iter().map(|method| method.as_str()));
    let mut grid = Grid::new(&head, 1);

    let ranking = Ranking::of(matrix);
    for plain in &matrix.plain {
        let (name, threads) = match plain.threads {
            1 => ("in-process", 1),
            threads => ("threads", threads),
        };
        // The same program whatever the start method: it stands in the first column.
        let wall = plain.wall.as_ref().map(seconds_spread);
        let mut row = vec![name.to_owned(), threads.to_string()];
        row.push(wall.unwrap_or_else(|| plain_status(plain).to_owned()));
        row.resize(head.len(), String::new());
        grid.rows.push(row);
    }
    let mut rows: Vec<(Transport, u32)> = matrix
        .cells
        .iter()
        .map(|cell| (cell.cell.transport, cell.cell.workers))
        .collect();
    rows.dedup();
    for (transport, workers) in rows {
        let mut row = vec![transport.to_string(), workers.to_string()];
        row.extend(methods.iter().map(|&start_method| {
            let cell = Cell {
                transport,
                workers,
                start_method,
            };
            let report = matrix.cells.iter().find(|report| report.cell == cell);
            report.map_or_else(|| "–".to_owned(), |report| wall(report, &ranking))
        }));
        grid.rows.push(row);
    }
    grid
}

fn plain_status(plain: &PlainReport) -> &'static str {
    match (&plain.failed, &plain.void) {
        (Some(_), _) => "failed",
        (None, Some(_)) => "invalid",
        (None, None) => "not run",
    }
}

fn wall(report: &CellReport, ranking: &Ranking) -> String {
    let status = Status::of(report);
    let Status::Measured(summary) = status else {
        return status.word().to_owned();
    };
    if let Some(modes) = &summary.modes {
        return two_modes(modes, summary.wall.n);
    }
    let mark = match ranking.place(report) {
        Place::Fastest => " *",
        Place::Tied => " =",
        Place::Slower | Place::Unranked => "",
    };
    format!("{}{mark}", seconds_spread(&summary.wall))
}

/// `two modes: 700 ms × 5, 4.50 s × 6`.
pub(crate) fn two_modes(modes: &TwoModes, n: Option<u64>) -> String {
    let in_low = n.unwrap_or(0).saturating_sub(modes.in_high);
    format!(
        "two modes: {} × {in_low}, {} × {}",
        seconds(modes.low),
        seconds(modes.high),
        modes.in_high
    )
}

fn phases(matrix: &Matrix) -> Grid {
    let head = [
        "transport",
        "start method",
        "workers",
        "load",
        "fill",
        "start",
        "run",
        "start + run",
        "other",
        "wall",
        "× threads",
        "speed-up",
        "of reference",
        "fill of reference",
    ];
    let multiple = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), times);
    fill(Grid::new(&head, 2), matrix, |summary| {
        vec![
            seconds(summary.load.median),
            seconds(summary.share.median),
            seconds(summary.start.median),
            seconds(summary.run.median),
            seconds(summary.total.median),
            summary
                .other
                .map_or_else(|| "–".to_owned(), |other| seconds(other.median)),
            seconds(summary.wall.median),
            multiple(summary.of_threads.map(|spread| spread.median)),
            multiple(summary.speed_up),
            multiple(summary.limit_multiple),
            multiple(summary.share_multiple),
        ]
    })
}

fn memory(matrix: &Matrix) -> Grid {
    let head = [
        "transport",
        "start method",
        "workers",
        "coordinator heap peak",
        "coordinator private",
        "worker heap peak",
        "worker private",
        "worker rss peak",
    ];
    fill(Grid::new(&head, 2), matrix, |summary| {
        vec![
            megabytes(summary.coordinator_heap_peak),
            megabytes(summary.coordinator_private),
            megabytes(summary.worker_heap_peak),
            megabytes(summary.worker_private),
            megabytes(summary.worker_rss_peak),
        ]
    })
}

/// Two rows for each cell that summed twice.
fn reuse(matrix: &Matrix) -> Grid {
    let head = ["transport", "start method", "workers", "memory", "run"];
    let mut grid = Grid::new(&head, 2);
    for reuse in &matrix.reuse {
        let states = [("fresh", reuse.first), ("reused", reuse.again)];
        for (state, spread) in states {
            let cell = reuse.cell;
            let time = spread.map_or_else(|| "failed".to_owned(), |spread| seconds_spread(&spread));
            grid.rows.push(vec![
                cell.transport.to_string(),
                cell.start_method.to_string(),
                cell.workers.to_string(),
                state.to_owned(),
                time,
            ]);
        }
    }
    grid
}

/// A row for every cell that has a summary.
fn fill(mut grid: Grid, matrix: &Matrix, figures: impl Fn(&CellSummary) -> Vec<String>) -> Grid {
    for report in &matrix.cells {
        if let Some(summary) = &report.summary {
            let cell = report.cell;
            let mut row = vec![
                cell.transport.to_string(),
                cell.start_method.to_string(),
                cell.workers.to_string(),
            ];
            row.extend(figures(summary));
            grid.rows.push(row);
        }
    }
    grid
}

/// Titles with lines, those that have any.
fn notes(matrix: &Matrix) -> Vec<(&'static str, Vec<String>)> {
    let mut notes = vec![
        ("Faster than their reference", faster::lines(matrix)),
        ("Failed or invalid", troubles(matrix)),
    ];
    notes.retain(|(_, lines)| !lines.is_empty());
    notes
}

/// One line for each cell without figures that was run.
fn troubles(matrix: &Matrix) -> Vec<String> {
    let cells = matrix.cells.iter();
    cells
        .filter(|report| Status::of(report) != Status::NotRun)
        .filter_map(|report| {
            let Cell {
                transport,
                workers,
                start_method,
            } = report.cell;
            let reason = Status::of(report).reason()?;
            Some(format!(
                "{start_method} {transport}, {workers} workers {reason}"
            ))
        })
        .chain(matrix.reuse.iter().filter_map(|reuse| {
            let (cell, why) = (reuse.cell, reuse.failed.as_ref()?);
            Some(format!(
                "{} {}, {} workers, two sums failed: {why}",
                cell.start_method, cell.transport, cell.workers
            ))
        }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{sample, summary};
    use super::*;

    #[test]
    fn cells_are_shown_by_their_result() {
        let mut matrix = sample::matrix(&[1, 4, 8, 16]);
        sample::add_runs(&mut matrix.cells[0], &[1.0, 2.0, 4.0]);
        sample::add_runs(&mut matrix.cells[1], &[1.0]);
        matrix.cells[1].runs[0].sum_hex = "nan".to_owned();
        matrix.cells[2].failed = Some("exit code 1: no room".to_owned());
        summary::summarise(&mut matrix);
        let walls: Vec<String> = walls(&matrix)
            .rows
            .into_iter()
            .map(|row| row[2].clone())
            .collect();
        assert_eq!(
            walls,
            ["3.00 s (2.00–5.00) n 3 *", "invalid", "failed", "not run"]
        );

        let page = markdown(&matrix);
        for line in [
            "- fork shm, 8 workers failed: exit code 1: no room\n",
            "- fork shm, 4 workers invalid: wrong sum: nan",
            "| shm       | fork         |       1 |",
        ] {
            assert!(page.contains(line), "{line} in {page}");
        }
    }

    #[test]
    fn two_modes_stand_in_place_of_a_median() {
        let mut matrix = sample::matrix(&[1]);
        let modes = [0.1, 4.0, 0.1, 4.0, 0.1, 4.0, 0.1, 0.1, 4.0, 0.1];
        sample::add_runs(&mut matrix.cells[0], &modes);
        summary::summarise(&mut matrix);
        assert_eq!(
            walls(&matrix).rows[0][2],
            "two modes: 1.10 s × 6, 5.00 s × 4"
        );
    }
}
