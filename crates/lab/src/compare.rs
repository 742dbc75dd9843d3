//! `cargo xtask compare A B`: two folders of results side by side, and which cells changed significantly.

mod comparison;
mod jobs;
mod judge;
mod table;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, ValueEnum};
use report::{Matrix, SCHEMA, format_count};
use serde::Serialize;

use comparison::{Comparison, Folder};
use jobs::JudgedRow;
use judge::Judged;

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
        Format::Json => serde_json::to_string(&json(&comparison, &of_jobs))? + "\n",
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

fn json<'a>(comparison: &'a Comparison<'_>, jobs: &'a [JudgedRow]) -> Json<'a> {
    Json {
        schema: SCHEMA,
        before: &comparison.before.name,
        after: &comparison.after.name,
        same_machine: comparison.before.matrix.machine == comparison.after.matrix.machine,
        cells: comparison.pairs.len(),
        figures: &comparison.judged,
        jobs,
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
