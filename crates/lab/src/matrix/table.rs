//! The matrix as tables: the study's (transport × workers, a column a start method), and what is
//! behind each of its cells.

use report::{Cell, CellReport, CellSummary, Matrix, StartMethod, Transport, format_count};

use harness::grid::{Grid, megabytes, seconds, seconds_spread, times};

/// The tables for a terminal.
pub(crate) fn terminal(matrix: &Matrix) -> String {
    let mut text = format!(
        "\n{}\n\nTotal (start + run), median (least – most)\n",
        heading(matrix)
    );
    text += &totals(matrix).for_terminal();
    text += "\nBehind it: medians\n";
    text += &phases(matrix).for_terminal();
    text += "\nMemory, the greatest of all workers\n";
    text += &memory(matrix).for_terminal();
    match troubles(matrix) {
        troubles if troubles.is_empty() => text,
        troubles => format!("{text}\n{troubles}"),
    }
}

/// The tables as a Markdown page.
pub(crate) fn markdown(matrix: &Matrix) -> String {
    let mut text = format!("# Matrix\n\n{}\n", heading(matrix));
    text += "\n## Total\n\nStart and run, median (least – most).\n\n";
    text += &totals(matrix).for_markdown();
    text += "\n## Phases\n\nMedians. Speed-up is over one worker, by total; the multiple is of what \
             the machine itself needed next to each run.\n\n";
    text += &phases(matrix).for_markdown();
    text += "\n## Memory\n\nMedians over runs of the greatest of all workers.\n\n";
    text += &memory(matrix).for_markdown();
    let troubles = troubles(matrix);
    if !troubles.is_empty() {
        text += &format!("\n## Failed or void\n\n{troubles}");
    }
    text
}

fn heading(matrix: &Matrix) -> String {
    let machine = &matrix.machine;
    format!(
        "{} records ({}), {} runs a cell, {}; {}, {} cores, {}, Linux {}",
        format_count(matrix.dataset.records),
        megabytes(float(matrix.dataset.bytes)),
        matrix.runs,
        matrix.date,
        machine.cpu,
        machine.cores,
        megabytes(float(machine.memory_bytes)),
        machine.kernel,
    )
}

/// Rows transport × workers, a column a start method.
fn totals(matrix: &Matrix) -> Grid {
    let methods: Vec<StartMethod> = StartMethod::ALL
        .into_iter()
        .filter(|method| {
            matrix
                .cells
                .iter()
                .any(|cell| cell.cell.start_method == *method)
        })
        .collect();
    let mut head = vec!["transport", "workers"];
    head.extend(methods.iter().map(|method| method.as_str()));
    let mut grid = Grid::new(&head, 1);

    let mut rows: Vec<(Transport, u32)> = matrix
        .cells
        .iter()
        .map(|cell| (cell.cell.transport, cell.cell.workers))
        .collect();
    rows.dedup();
    for (transport, workers) in rows {
        let mut row = vec![transport.to_string(), workers.to_string()];
        row.extend(methods.iter().map(|method| {
            let cell = Cell {
                transport,
                workers,
                start_method: *method,
            };
            matrix
                .cells
                .iter()
                .find(|report| report.cell == cell)
                .map_or_else(|| "–".to_owned(), total)
        }));
        grid.rows.push(row);
    }
    grid
}

fn total(report: &CellReport) -> String {
    match (&report.summary, &report.failed, &report.void) {
        (_, Some(_), _) => "failed".to_owned(),
        (_, _, Some(_)) => "void".to_owned(),
        (Some(summary), _, _) => seconds_spread(&summary.total),
        (None, None, None) => "not run".to_owned(),
    }
}

fn phases(matrix: &Matrix) -> Grid {
    let head = [
        "transport",
        "start method",
        "workers",
        "load",
        "share",
        "start",
        "run",
        "total",
        "wall",
        "speed-up",
        "of limit",
        "share of limit",
    ];
    let multiple = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), times);
    fill(Grid::new(&head, 2), matrix, |summary| {
        vec![
            seconds(summary.load.median),
            seconds(summary.share.median),
            seconds(summary.start.median),
            seconds(summary.run.median),
            seconds(summary.total.median),
            seconds(summary.wall.median),
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

/// A row for every cell that has a summary.
fn fill(mut grid: Grid, matrix: &Matrix, figures: impl Fn(&CellSummary) -> Vec<String>) -> Grid {
    for report in &matrix.cells {
        if let Some(summary) = &report.summary {
            let Cell {
                transport,
                workers,
                start_method,
            } = report.cell;
            let mut row = vec![
                transport.to_string(),
                start_method.to_string(),
                workers.to_string(),
            ];
            row.extend(figures(summary));
            grid.rows.push(row);
        }
    }
    grid
}

/// One line for each cell without figures that was run.
fn troubles(matrix: &Matrix) -> String {
    let mut text = String::new();
    for report in &matrix.cells {
        let Cell {
            transport,
            workers,
            start_method,
        } = report.cell;
        let reason = match (&report.failed, &report.void) {
            (Some(reason), _) => format!("failed: {reason}"),
            (None, Some(reason)) => format!("void: {reason}"),
            (None, None) => continue,
        };
        text += &format!("- {start_method} {transport}, {workers} workers {reason}\n");
    }
    text
}

#[expect(clippy::cast_precision_loss, reason = "no memory has 2^53 bytes")]
fn float(bytes: u64) -> f64 {
    bytes as f64
}

#[cfg(test)]
mod tests {
    use super::super::{sample, summary};
    use super::*;

    #[test]
    fn cells_are_shown_by_what_became_of_them() {
        let mut matrix = sample::matrix(&[1, 4, 8, 16]);
        sample::add_runs(&mut matrix.cells[0], &[1.0, 2.0, 4.0]);
        sample::add_runs(&mut matrix.cells[1], &[1.0]);
        matrix.cells[1].runs[0].sum_hex = "nan".to_owned();
        matrix.cells[2].failed = Some("exit code 1: no room".to_owned());
        summary::summarise(&mut matrix);
        let totals: Vec<String> = totals(&matrix)
            .rows
            .into_iter()
            .map(|row| row[2].clone())
            .collect();
        assert_eq!(
            totals,
            ["2.00 s (1.00 s – 4.00 s)", "void", "failed", "not run"]
        );

        let page = markdown(&matrix);
        assert!(
            page.contains("- fork shm, 8 workers failed: exit code 1: no room\n"),
            "{page}"
        );
        assert!(
            page.contains("- fork shm, 4 workers void: wrong sum: nan"),
            "{page}"
        );
        assert!(
            page.contains("| shm       | fork         |       1 |"),
            "{page}"
        );
    }
}
