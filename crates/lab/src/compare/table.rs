//! Two folders as tables: what changed, and every cell side by side.

use report::{Cell, CellReport, CellRun, CellSummary, Limit, Matrix, Spread, format_count};

use super::comparison::{Comparison, Folder};
use super::judge::{Figure, Judged, LEAST, WALL, counting, has_baseline, resolution};
use crate::limits::names;
use crate::matrix::{Status, other_seconds, two_modes};
use crate::stats::spread;
use harness::grid::{Grid, figures, seconds, seconds_spread, three_digits, times};

/// For a terminal.
pub(crate) fn terminal(comparison: &Comparison<'_>) -> String {
    let mut text = format!(
        "{}\n{}",
        heading(comparison),
        cells(comparison).for_terminal()
    );
    for (title, lines) in notes(comparison) {
        text += &format!("\n{title}\n");
        text.extend(lines.iter().map(|line| format!("  {line}\n")));
    }
    text
}

/// For a Markdown page.
pub(crate) fn markdown(comparison: &Comparison<'_>) -> String {
    let mut text = format!(
        "# Comparison\n\n{}\n{}",
        heading(comparison).replace('\n', "\n\n"),
        cells(comparison).for_markdown()
    );
    for (title, lines) in notes(comparison) {
        text += &format!("\n## {title}\n\n");
        text.extend(lines.iter().map(|line| format!("- {line}\n")));
    }
    text
}

fn heading(comparison: &Comparison<'_>) -> String {
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
    let (before, after) = (comparison.before, comparison.after);
    let mut text = line('A', before) + &line('B', after);
    if before.matrix.machine != after.matrix.machine {
        text += "The machines, or their settings, differ: any figure may differ for that reason.\n";
    }
    if before.matrix.dataset.records != after.matrix.dataset.records {
        text += "The datasets differ in their number of records: times cannot be compared.\n";
    }
    text
}

fn cells(comparison: &Comparison<'_>) -> Grid {
    let head = [
        "transport",
        "start method",
        "workers",
        "wall A",
        "wall B",
        "B / A",
        "significant",
    ];
    let mut grid = Grid::new(&head, 2);
    for (before, after) in &comparison.pairs {
        let cell = before.cell;
        let mut row = vec![
            cell.transport.to_string(),
            cell.start_method.to_string(),
            cell.workers.to_string(),
        ];
        row.extend(
            [before, after].map(|report| report.summary.as_ref().map_or_else(String::new, wall)),
        );
        let of_cell = |judged: &&Judged| judged.cell == cell;
        let mut judged = comparison.judged.iter().filter(of_cell);
        let ratio = judged.clone().find(|judged| judged.figure == WALL);
        row.push(ratio.map_or_else(|| "–".to_owned(), multiple));
        let changed: Vec<&str> = judged
            .by_ref()
            .filter(|judged| judged.changed)
            .map(|judged| judged.figure)
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

fn wall(summary: &CellSummary) -> String {
    match &summary.modes {
        Some(modes) => two_modes(modes, summary.wall.n),
        None => seconds_spread(&summary.wall),
    }
}

/// `1.12 × [1.08–1.16]`.
fn multiple(judged: &Judged) -> String {
    let spread = Spread {
        interval: Some(judged.interval),
        ..Spread::of(judged.ratio, judged.ratio, judged.ratio)
    };
    figures(&spread, "×")
}

/// Titles with lines.
fn notes(comparison: &Comparison<'_>) -> Vec<(String, Vec<String>)> {
    let (before, after) = (comparison.before, comparison.after);
    let mut notes = vec![
        ("Significant changes".to_owned(), changes(comparison)),
        ("How that is decided".to_owned(), decision(comparison)),
    ];
    let machine = machine(before, after);
    if !machine.is_empty() {
        notes.push(("The machine itself, not tested".to_owned(), machine));
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

/// The changes, the largest increase first.
fn changes(comparison: &Comparison<'_>) -> Vec<String> {
    let judged = comparison.judged.iter();
    let mut changed: Vec<&Judged> = judged.filter(|judged| judged.changed).collect();
    changed.sort_by(|one, other| other.ratio.total_cmp(&one.ratio));
    if changed.is_empty() {
        return vec!["none".to_owned()];
    }
    changed
        .into_iter()
        .map(|judged| {
            let mut line = format!(
                "{}: {} {}",
                label(judged.cell),
                judged.figure,
                multiple(judged)
            );
            if judged.figure == WALL {
                let pair = comparison.pairs.iter().find(|(a, _)| a.cell == judged.cell);
                line += &pair.map_or_else(String::new, |(a, b)| mostly(a, b));
            }
            line
        })
        .collect()
}

/// The phase that differs most: `, mostly run: 1.10 s → 1.31 s`.
fn mostly(before: &CellReport, after: &CellReport) -> String {
    let phases: [Figure; 5] = [
        ("load", |run| run.seconds.load),
        ("fill", |run| run.seconds.share),
        ("start", |run| run.seconds.start),
        ("run", |run| run.seconds.run),
        ("other", other_seconds),
    ];
    let of = |cell: &CellReport, phase: fn(&CellRun) -> f64| {
        spread(counting(cell).map(phase)).map_or(0.0, |spread| spread.median)
    };
    let most = phases
        .into_iter()
        .map(|(name, phase)| (name, of(before, phase), of(after, phase)))
        .max_by(|(_, a, b), (_, c, d)| (a - b).abs().total_cmp(&(c - d).abs()));
    most.map_or_else(String::new, |(name, a, b)| {
        format!(", mostly {name}: {} → {}", seconds(a), seconds(b))
    })
}

fn decision(comparison: &Comparison<'_>) -> Vec<String> {
    let (before, after) = (&comparison.before.matrix, &comparison.after.matrix);
    let mut lines = vec![format!(
        "a change is a difference of more than {:.0} % by the test of Mann and Whitney, with Holm's \
         correction for {} comparisons: where nothing changed, at most 5 % of comparisons report anything",
        LEAST * 100.0,
        comparison.judged.len(),
    )];
    lines.push(match (&before.baseline, &after.baseline) {
        (Some(baseline), Some(_)) if has_baseline(before) && has_baseline(after) => format!(
            "wall times are multiples of the baseline of the same round ({}), so that a slower machine \
             is no change",
            baseline.name
        ),
        _ => "without a baseline in both, wall times are compared unchanged: a slower machine looks like \
              a change"
            .to_owned(),
    });
    let (smallest, needed) = resolution(&comparison.pairs);
    if !comparison.pairs.is_empty() && smallest > needed {
        lines.push(format!(
            "too few runs to find any change: {} cells with {} runs each cannot give a probability below \
             {} (7 runs are enough for 39 cells)",
            comparison.pairs.len(),
            fewest_runs(comparison),
            three_digits(smallest),
        ));
    }
    lines
}

fn fewest_runs(comparison: &Comparison<'_>) -> usize {
    let pairs = comparison.pairs.iter();
    let runs = pairs.flat_map(|(a, b)| [counting(a).count(), counting(b).count()]);
    runs.min().unwrap_or(0)
}

/// What plain programs needed in both sessions, where that differs visibly.
fn machine(before: &Folder, after: &Folder) -> Vec<String> {
    let baseline = |folder: &Folder| {
        let rounds = folder.matrix.baseline.iter().flat_map(|it| &it.rounds);
        spread(rounds.map(|round| round.seconds))
    };
    let mut lines = Vec::new();
    if let (Some(a), Some(b)) = (baseline(before), baseline(after)) {
        lines.push(format!(
            "baseline: {} → {}",
            seconds_spread(&a),
            seconds_spread(&b)
        ));
    }
    let (Some(before), Some(after)) = (&before.limits, &after.limits) else {
        return lines;
    };
    let key = |limit: &Limit| {
        (
            limit.probe.clone(),
            limit.width,
            limit.pages,
            limit.touch,
            limit.unit,
        )
    };
    lines.extend(before.limits.iter().filter_map(|limit| {
        let mut others = after.limits.iter();
        let other = others.find(|other| key(other) == key(limit))?;
        let (a, b): (Spread, Spread) = (limit.value?, other.value?);
        let apart = a.max < b.min || b.max < a.min;
        let ratio = b.median / a.median;
        (apart && (ratio - 1.0).abs() > 0.05).then(|| {
            format!(
                "{}: {} → {} {} ({})",
                names::name(limit),
                three_digits(a.median),
                three_digits(b.median),
                names::unit(limit.unit),
                times(ratio)
            )
        })
    }));
    lines
}

fn only_in(one: &Matrix, other: &Matrix) -> Vec<String> {
    let there = |cell: &&CellReport| !other.cells.iter().any(|known| known.cell == cell.cell);
    let only = one.cells.iter().filter(there);
    only.map(|cell| label(cell.cell)).collect()
}

fn without_figures(matrix: &Matrix) -> Vec<String> {
    let cells = matrix.cells.iter();
    cells
        .filter_map(|cell| {
            let why = Status::of(cell).reason()?;
            Some(format!("{}: {why}", label(cell.cell)))
        })
        .collect()
}

fn label(cell: Cell) -> String {
    format!("{} {} {}", cell.start_method, cell.transport, cell.workers)
}
