//! A job as tables: of each size the plain rows, then the others by wall time.

use harness::grid::{Grid, SPREAD_MEANS, seconds, seconds_spread, times};
use report::{Bench, BenchRow, BenchSummary, Runner, TwoModes};

use super::summary::{label, of_size, sizes};
use crate::advice;

/// What the columns mean.
const COLUMNS: &str = "Wall is start + fill + run + stop. Fill is fresh memory; again is a second use by \
                       the same workers, its fill into memory that the process has. × threads is the \
                       wall time as a multiple of that of threads in the same round.";

/// The tables for a terminal.
pub(crate) fn terminal(bench: &Bench) -> String {
    let mut text = format!("\n{}\n", heading(bench));
    text += &advice::list(None, std::slice::from_ref(bench));
    for bytes in sizes(bench) {
        text += &format!("\n{}\n", title(bytes));
        text += &grid(bench, bytes).for_terminal();
    }
    text + &troubles(bench)
}

/// The tables as a Markdown page.
pub(crate) fn markdown(bench: &Bench) -> String {
    let mut text = format!("# {}\n\n{}\n\n", bench.job.name, heading(bench));
    text += &advice::list(None, std::slice::from_ref(bench));
    for bytes in sizes(bench) {
        text += &format!("\n## {}\n\n", title(bytes));
        text += &grid(bench, bytes).for_markdown();
    }
    text + &troubles(bench)
}

fn title(bytes: u64) -> String {
    match bytes {
        0 => "All rows".to_owned(),
        _ => format!("{} of data", label(bytes)),
    }
}

fn heading(bench: &Bench) -> String {
    let machine = &bench.machine;
    let virtual_machine = match machine.virtual_machine {
        Some(true) => ", a virtual machine",
        _ => "",
    };
    format!(
        "{} {}; {}, {} cores{virtual_machine}, Linux {}. {SPREAD_MEANS}. {COLUMNS}",
        bench.job.about, bench.date, machine.cpu, machine.cores, machine.kernel,
    )
}

/// The name of a runner in files.
pub(crate) fn runner(runner: Runner) -> &'static str {
    match runner {
        Runner::InProcess => "in-process",
        Runner::Threads => "threads",
        Runner::Processes => "processes",
    }
}

/// The rows of a size: plain ones first, then by wall time, then those without figures.
pub(crate) fn in_order(bench: &Bench, bytes: u64) -> Vec<&BenchRow> {
    let mut rows: Vec<&BenchRow> = of_size(bench, bytes).collect();
    let wall = |row: &BenchRow| {
        let summary = row.summary.as_ref();
        summary.map_or(f64::INFINITY, |summary| summary.wall.median)
    };
    rows.sort_by(|one, other| {
        let plain = other.key.is_plain().cmp(&one.key.is_plain());
        let known = one.key.runner.cmp(&other.key.runner);
        let known = if one.key.is_plain() && other.key.is_plain() {
            known
        } else {
            wall(one).total_cmp(&wall(other))
        };
        plain.then(known)
    });
    rows
}

fn grid(bench: &Bench, bytes: u64) -> Grid {
    let head = [
        "by",
        "wall",
        "× threads",
        "start",
        "fill",
        "run",
        "stop",
        "fill again",
        "run again",
    ];
    let mut grid = Grid::new(&head, 1);
    for row in in_order(bench, bytes) {
        let mut fields = vec![row.key.to_string()];
        match &row.summary {
            Some(summary) => fields.extend(figures(summary)),
            None => fields.push(status(row).to_owned()),
        }
        fields.resize(head.len(), String::new());
        grid.rows.push(fields);
    }
    grid
}

fn figures(summary: &BenchSummary) -> Vec<String> {
    let wall = match &summary.modes {
        Some(modes) => two_modes(modes, summary.wall.n),
        None => seconds_spread(&summary.wall),
    };
    let of_threads = summary.of_threads;
    let mut fields = vec![
        wall,
        of_threads.map_or_else(|| "–".to_owned(), |spread| times(spread.median)),
    ];
    let medians = [
        summary.start,
        summary.fill,
        summary.run,
        summary.stop,
        summary.fill_reused,
        summary.run_again,
    ];
    // Where nothing was to be done, what reading the clock takes says nothing.
    fields.extend(medians.map(|spread| match spread.median {
        none if none < 1e-6 => "–".to_owned(),
        some => seconds(some),
    }));
    fields
}

fn two_modes(modes: &TwoModes, n: Option<u64>) -> String {
    crate::matrix::two_modes(modes, n)
}

fn status(row: &BenchRow) -> &'static str {
    match (&row.failed, &row.void) {
        (Some(_), _) => "failed",
        (None, Some(_)) => "invalid",
        (None, None) => "not run",
    }
}

fn troubles(bench: &Bench) -> String {
    let lines: String = bench
        .rows
        .iter()
        .filter_map(|row| {
            let why = row.failed.as_ref().or(row.void.as_ref())?;
            let (size, status) = (label(row.key.bytes), status(row));
            Some(format!("- {} {size} {status}: {why}\n", row.key))
        })
        .collect();
    match lines.is_empty() {
        true => lines,
        false => format!("\nFailed or invalid:\n\n{lines}"),
    }
}
