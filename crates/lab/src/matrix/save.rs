//! The matrix as files: everything as JSON, one row a run as CSV, the tables as Markdown.

use anyhow::Context;
use report::{CellReport, CellRun, Matrix};

use super::status::Status;
use super::table;
use harness::results::Results;

/// Saves all three.
///
/// # Errors
///
/// Those of writing the files.
pub(crate) fn matrix(matrix: &Matrix, results: &Results) -> anyhow::Result<()> {
    results.json("matrix.json", matrix)?;
    results.text("matrix.csv", &csv(matrix)?)?;
    results.text("matrix.md", &table::markdown(matrix))
}

const HEAD: [&str; 20] = [
    "transport",
    "start_method",
    "workers",
    "position",
    "status",
    "sum_hex",
    "count",
    "nan_count",
    "retries",
    "load_s",
    "share_s",
    "start_s",
    "run_s",
    "total_s",
    "end_to_end_s",
    "wall_s",
    "coordinator_heap_peak_bytes",
    "coordinator_private_bytes",
    "worker_private_bytes_most",
    "worker_rss_peak_bytes_most",
];

fn csv(matrix: &Matrix) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(HEAD)?;
    for cell in &matrix.cells {
        for run in &cell.runs {
            writer.write_record(row(cell, run))?;
        }
        if cell.runs.is_empty() {
            let mut row = names(cell);
            row.extend(["", status(cell)].map(str::to_owned));
            row.resize(HEAD.len(), String::new());
            writer.write_record(row)?;
        }
    }
    let bytes = writer.into_inner().context("cannot finish the CSV")?;
    Ok(String::from_utf8(bytes)?)
}

fn row(cell: &CellReport, run: &CellRun) -> Vec<String> {
    let seconds = &run.seconds;
    let memory = &run.memory;
    let most = |figure: fn(&report::Memory) -> u64| {
        memory
            .workers
            .iter()
            .map(figure)
            .max()
            .unwrap_or(0)
            .to_string()
    };
    let mut row = names(cell);
    row.extend([
        run.position.to_string(),
        if seconds.void {
            "stopped"
        } else {
            status(cell)
        }
        .to_owned(),
        run.sum_hex.clone(),
        run.count.to_string(),
        run.nan_count.to_string(),
        run.retries.to_string(),
    ]);
    let phases = [
        seconds.load,
        seconds.share,
        seconds.start,
        seconds.run,
        seconds.total,
        seconds.end_to_end,
        run.wall_seconds,
    ];
    row.extend(phases.map(|phase| phase.to_string()));
    row.extend([
        memory.coordinator.heap_peak.to_string(),
        memory.coordinator.private.to_string(),
        most(|memory| memory.private),
        most(|memory| memory.rss_peak),
    ]);
    row
}

fn names(cell: &CellReport) -> Vec<String> {
    vec![
        cell.cell.transport.to_string(),
        cell.cell.start_method.to_string(),
        cell.cell.workers.to_string(),
    ]
}

/// The CSV keeps the word that its readers know.
fn status(cell: &CellReport) -> &'static str {
    match Status::of(cell) {
        Status::Invalid(_) => "void",
        status => status.word(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn one_row_a_run_and_one_for_a_cell_without_any() {
        let mut matrix = sample::matrix(&[1, 4]);
        sample::add_runs(&mut matrix.cells[0], &[1.0, 2.0]);
        matrix.cells[1].failed = Some("exit code 1".to_owned());
        let text = csv(&matrix).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 3);
        assert_eq!(&rows[1][13], "2");
        assert_eq!(&rows[2][4], "failed");
        assert!(rows.iter().all(|row| row.len() == HEAD.len()));
    }
}
