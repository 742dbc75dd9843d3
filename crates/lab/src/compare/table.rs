//! Two folders as tables: what changed, and every cell side by side.

use report::{Cell, CellReport, Limit, Matrix, Spread, Unit, format_count};

use super::Folder;
use super::judge::{FIGURES, THRESHOLD, chance, change, counting};
use crate::matrix::limit_name;
use harness::grid::{Grid, seconds, seconds_spread, three_digits, times};

/// For a terminal.
pub(crate) fn terminal(before: &Folder, after: &Folder) -> String {
    let pairs = pairs(&before.matrix, &after.matrix);
    let mut text = format!(
        "{}\n{}",
        heading(before, after),
        cells(&pairs).for_terminal()
    );
    for (title, lines) in notes(before, after, &pairs) {
        text += &format!("\n{title}\n");
        text.extend(lines.iter().map(|line| format!("  {line}\n")));
    }
    text
}

/// For a Markdown page.
pub(crate) fn markdown(before: &Folder, after: &Folder) -> String {
    let pairs = pairs(&before.matrix, &after.matrix);
    let mut text = format!(
        "# Comparison\n\n{}\n{}",
        heading(before, after).replace('\n', "\n\n"),
        cells(&pairs).for_markdown()
    );
    for (title, lines) in notes(before, after, &pairs) {
        text += &format!("\n## {title}\n\n");
        text.extend(lines.iter().map(|line| format!("- {line}\n")));
    }
    text
}

/// A cell of both folders, each with figures.
type Pair<'a> = (&'a CellReport, &'a CellReport);

fn pairs<'a>(before: &'a Matrix, after: &'a Matrix) -> Vec<Pair<'a>> {
    let with_figures = |cell: &&CellReport| cell.summary.is_some();
    before
        .cells
        .iter()
        .filter(with_figures)
        .filter_map(|cell| {
            let same = |other: &&CellReport| other.cell == cell.cell;
            Some((cell, after.cells.iter().filter(with_figures).find(same)?))
        })
        .collect()
}

fn heading(before: &Folder, after: &Folder) -> String {
    let line = |letter: char, folder: &Folder| {
        let matrix = &folder.matrix;
        format!(
            "{letter}: {} ({} records, {}, {} cores, Linux {}, version {}, {})\n",
            folder.name,
            format_count(matrix.dataset.records),
            matrix.machine.cpu,
            matrix.machine.cores,
            matrix.machine.kernel,
            matrix.version,
            matrix.date,
        )
    };
    let mut text = line('A', before) + &line('B', after);
    if before.matrix.machine != after.matrix.machine {
        text += "The machines, or their settings, differ: so may everything else.\n";
    }
    if before.matrix.dataset.records != after.matrix.dataset.records {
        text += "The datasets differ in their number of records: times do not mean the same.\n";
    }
    text
}

fn cells(pairs: &[Pair<'_>]) -> Grid {
    let head = [
        "transport",
        "start method",
        "workers",
        "total A",
        "total B",
        "B / A",
        "wall A",
        "wall B",
        "B / A",
        "changed",
    ];
    let mut grid = Grid::new(&head, 2);
    for (before, after) in pairs {
        let cell = before.cell;
        let mut row = vec![
            cell.transport.to_string(),
            cell.start_method.to_string(),
            cell.workers.to_string(),
        ];
        let summaries = before.summary.iter().zip(&after.summary);
        for (a, b) in summaries {
            row.extend([
                seconds_spread(&a.total),
                seconds_spread(&b.total),
                times(b.total.median / a.total.median),
                seconds(a.wall.median),
                seconds(b.wall.median),
                times(b.wall.median / a.wall.median),
            ]);
        }
        let changed: Vec<String> = changes(before, after)
            .into_iter()
            .map(|(name, _)| name.to_owned())
            .collect();
        row.push(if changed.is_empty() {
            "–".to_owned()
        } else {
            changed.join(", ")
        });
        grid.rows.push(row);
    }
    grid
}

/// The figures that changed, each with how many times it is what it was.
fn changes(before: &CellReport, after: &CellReport) -> Vec<(&'static str, f64)> {
    FIGURES
        .iter()
        .filter_map(|figure| {
            let (a, b) = (figure.spread(before)?, figure.spread(after)?);
            Some((figure.name, change(&a, &b)?))
        })
        .collect()
}

/// What else there is to say: titles with lines.
fn notes(before: &Folder, after: &Folder, pairs: &[Pair<'_>]) -> Vec<(String, Vec<String>)> {
    let mut notes = vec![("Changed beyond the noise".to_owned(), changed_lines(pairs))];
    notes.push(("How that is decided".to_owned(), decision(pairs)));
    let limits = limits(before, after);
    if !limits.is_empty() {
        notes.push(("The machine itself changed".to_owned(), limits));
    }
    for (letter, one, other) in [('A', before, after), ('B', after, before)] {
        let only = only_in(&one.matrix, &other.matrix);
        if !only.is_empty() {
            notes.push((format!("Only in {letter}"), only));
        }
        let without = without_figures(&one.matrix);
        if !without.is_empty() {
            notes.push((format!("Without figures in {letter}"), without));
        }
    }
    notes
}

fn changed_lines(pairs: &[Pair<'_>]) -> Vec<String> {
    let mut lines: Vec<(f64, String)> = Vec::new();
    for (before, after) in pairs {
        for (name, ratio) in changes(before, after) {
            let by = if ratio.is_finite() {
                format!("{} what it was", times(ratio))
            } else {
                "more than nothing, which it was".to_owned()
            };
            lines.push((ratio, format!("{}: {name} {by}", label(before.cell))));
        }
    }
    // What grew most comes first.
    lines.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    if lines.is_empty() {
        return vec!["nothing".to_owned()];
    }
    lines.into_iter().map(|(_, line)| line).collect()
}

fn decision(pairs: &[Pair<'_>]) -> Vec<String> {
    let mut lines = vec![format!(
        "a figure changed where the spreads (least – greatest run) do not meet and the medians \
         differ by more than {:.0} %",
        THRESHOLD * 100.0
    )];
    let chances: Vec<f64> = pairs
        .iter()
        .map(|(before, after)| chance(counting(before).count(), counting(after).count()))
        .collect();
    let expected: f64 = chances.iter().sum();
    if !chances.is_empty() {
        lines.push(format!(
            "where nothing changed, the spreads of one figure would part by chance in up to {} of \
             {} cells; more runs make that less",
            three_digits(expected),
            chances.len(),
        ));
    }
    lines
}

fn limits(before: &Folder, after: &Folder) -> Vec<String> {
    let (Some(before), Some(after)) = (&before.limits, &after.limits) else {
        return Vec::new();
    };
    let same = |one: &Limit, other: &Limit| {
        (&one.probe, one.width, one.pages, one.touch, one.unit)
            == (
                &other.probe,
                other.width,
                other.pages,
                other.touch,
                other.unit,
            )
    };
    before
        .limits
        .iter()
        .filter_map(|limit| {
            let other = after.limits.iter().find(|other| same(limit, other))?;
            let (a, b): (Spread, Spread) = (limit.value?, other.value?);
            let ratio = change(&a, &b)?;
            let unit = match limit.unit {
                Unit::GigabytesPerSecond => "GB/s",
                Unit::Microseconds => "µs",
            };
            Some(format!(
                "{}: {} → {} {unit} ({})",
                limit_name(limit),
                three_digits(a.median),
                three_digits(b.median),
                times(ratio)
            ))
        })
        .collect()
}

fn only_in(one: &Matrix, other: &Matrix) -> Vec<String> {
    let there = |cell: &&CellReport| !other.cells.iter().any(|known| known.cell == cell.cell);
    let only = one.cells.iter().filter(there);
    only.map(|cell| label(cell.cell)).collect()
}

fn without_figures(matrix: &Matrix) -> Vec<String> {
    let cells = matrix.cells.iter().filter(|cell| cell.summary.is_none());
    cells
        .map(|cell| {
            let why = match (&cell.failed, &cell.void) {
                (Some(reason), _) => format!("failed: {reason}"),
                (None, Some(reason)) => format!("void: {reason}"),
                (None, None) => "not run".to_owned(),
            };
            format!("{}: {why}", label(cell.cell))
        })
        .collect()
}

fn label(cell: Cell) -> String {
    format!("{} {} {}", cell.start_method, cell.transport, cell.workers)
}
