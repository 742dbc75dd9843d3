//! `cargo xtask compare A B`: two folders of results side by side, and which cells changed significantly.

mod jobs;
mod judge;
mod table;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, ValueEnum};
use report::{CellReport, Limits, Matrix, SCHEMA, format_count};
use serde::Serialize;

use jobs::JudgedRow;
use judge::{Judged, Pair};

use crate::page::{jobs_in, read};
use harness::exit;

/// Which folders to compare, and how.
#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// The folder to compare with: what was before
    #[arg(value_name = "A")]
    before: PathBuf,
    /// The folder to compare: what is now
    #[arg(value_name = "B")]
    after: PathBuf,
    /// How to print
    #[arg(long, default_value = "text")]
    format: Format,
    /// Compare also where the datasets have different numbers of records
    #[arg(long)]
    force: bool,
    /// Exit with code 1 where a significant increase of wall time or memory is above this
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    fail_above: Option<f64>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// For a terminal
    Text,
    /// For a Markdown page
    Markdown,
    /// One JSON object
    Json,
}

/// What a folder holds.
pub(crate) struct Folder {
    /// Its path, as given by the user.
    pub(crate) name: String,
    /// Its matrix.
    pub(crate) matrix: Matrix,
    /// Its reference measurements, where they were taken.
    pub(crate) limits: Option<Limits>,
}

/// Compares two folders and prints it.
///
/// # Errors
///
/// Where a folder holds no matrix.
pub(crate) fn main(args: &CompareArgs) -> anyhow::Result<ExitCode> {
    let of_jobs = jobs::judge(&jobs_in(&args.before)?, &jobs_in(&args.after)?);
    let lines = jobs::lines(&of_jobs);
    let has_matrix =
        args.before.join("matrix.json").exists() && args.after.join("matrix.json").exists();
    if !has_matrix && !of_jobs.is_empty() {
        match args.format {
            Format::Text | Format::Markdown => println!("{}", lines.join("\n")),
            Format::Json => println!("{}", serde_json::to_string(&of_jobs)?),
        }
        return Ok(code(args.fail_above, worst_of(&of_jobs)));
    }
    let (before, after) = (open(&args.before)?, open(&args.after)?);
    let records = [&before, &after].map(|folder| folder.matrix.dataset.records);
    if records[0] != records[1] && !args.force {
        eprintln!(
            "error: {} has {} records and {} has {}: their times cannot be compared (--force \
             compares them nevertheless)",
            before.name,
            format_count(records[0]),
            after.name,
            format_count(records[1]),
        );
        return Ok(ExitCode::from(exit::USAGE));
    }
    let comparison = Comparison::of(&before, &after);
    let mut text = match args.format {
        Format::Text => table::terminal(&comparison),
        Format::Markdown => table::markdown(&comparison),
        Format::Json => serde_json::to_string(&comparison.as_json(&of_jobs))? + "\n",
    };
    if !matches!(args.format, Format::Json) && !lines.is_empty() {
        text += &format!("\n{}\n", lines.join("\n"));
    }
    print!("{text}");
    Ok(code(
        args.fail_above,
        comparison.worst().max(worst_of(&of_jobs)),
    ))
}

/// The largest significant increase of a job's row, in percent; 0 where there is none.
fn worst_of(judged: &[JudgedRow]) -> f64 {
    let changed = judged.iter().filter(|row| row.changed);
    let increases = changed.map(|row| (row.ratio - 1.0) * 100.0);
    increases.fold(0.0, f64::max)
}

/// The exit code, where the worst increase is this many percent.
fn code(fail_above: Option<f64>, worst: f64) -> ExitCode {
    ExitCode::from(match fail_above {
        Some(percent) if worst > percent => {
            eprintln!("error: a significant increase is above {percent} % (see --fail-above)");
            exit::FAILED
        }
        _ => exit::DONE,
    })
}

/// Two folders, and what the tests say of their cells.
pub(crate) struct Comparison<'a> {
    /// A.
    pub(crate) before: &'a Folder,
    /// B.
    pub(crate) after: &'a Folder,
    /// The cells with figures in both.
    pub(crate) pairs: Vec<Pair<'a>>,
    /// Every figure of every pair.
    pub(crate) judged: Vec<Judged>,
}

impl<'a> Comparison<'a> {
    fn of(before: &'a Folder, after: &'a Folder) -> Comparison<'a> {
        let with_figures = |cell: &&CellReport| cell.summary.is_some();
        let pairs: Vec<Pair<'a>> = before
            .matrix
            .cells
            .iter()
            .filter(with_figures)
            .filter_map(|cell| {
                let same = |other: &&CellReport| other.cell == cell.cell;
                let mut others = after.matrix.cells.iter().filter(with_figures);
                Some((cell, others.find(same)?))
            })
            .collect();
        let judged = judge::judge(&before.matrix, &after.matrix, &pairs);
        Comparison {
            before,
            after,
            pairs,
            judged,
        }
    }

    fn as_json<'b>(&'b self, jobs: &'b [JudgedRow]) -> Json<'b> {
        Json {
            schema: SCHEMA,
            before: &self.before.name,
            after: &self.after.name,
            same_machine: self.before.matrix.machine == self.after.matrix.machine,
            cells: self.pairs.len(),
            figures: &self.judged,
            jobs,
        }
    }

    /// The largest significant increase, in percent; 0 where there is none.
    fn worst(&self) -> f64 {
        let changed = self.judged.iter().filter(|judged| judged.changed);
        let increases = changed.map(|judged| (judged.ratio - 1.0) * 100.0);
        increases.fold(0.0, f64::max)
    }
}

/// What `--format json` prints.
#[derive(Serialize)]
struct Json<'a> {
    schema: u32,
    before: &'a str,
    after: &'a str,
    same_machine: bool,
    /// Cells with figures in both folders.
    cells: usize,
    figures: &'a [Judged],
    #[serde(skip_serializing_if = "<[JudgedRow]>::is_empty")]
    jobs: &'a [JudgedRow],
}

/// A percentage that is not negative.
fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text);
    match number.trim().parse::<f64>() {
        Ok(percent) if percent.is_finite() && percent >= 0.0 => Ok(percent),
        _ => Err("expected a percentage of at least 0, such as 10".to_owned()),
    }
}

fn open(folder: &Path) -> anyhow::Result<Folder> {
    let Some(matrix) = read::<Matrix>(folder, "matrix.json")? else {
        bail!(
            "there is no matrix.json in {}, make one with `cargo xtask matrix --out DIR`",
            folder.display()
        );
    };
    Ok(Folder {
        name: folder.display().to_string(),
        limits: read(folder, "limits.json")?,
        matrix,
    })
}
