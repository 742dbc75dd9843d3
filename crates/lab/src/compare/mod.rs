//! `cargo xtask compare A B`: two folders of results side by side, and what changed beyond the noise.

mod judge;
mod table;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, ValueEnum};
use report::{Limits, Matrix, format_count};

use crate::page::read;
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
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// For a terminal
    Text,
    /// For a Markdown page
    Markdown,
}

/// What a folder holds.
pub(crate) struct Folder {
    /// Its path, as it was given.
    pub(crate) name: String,
    /// Its matrix.
    pub(crate) matrix: Matrix,
    /// Its limits, where they were measured.
    pub(crate) limits: Option<Limits>,
}

/// Compares two folders and prints it.
///
/// # Errors
///
/// Where a folder holds no matrix.
pub(crate) fn main(args: &CompareArgs) -> anyhow::Result<ExitCode> {
    let (before, after) = (open(&args.before)?, open(&args.after)?);
    let records = [&before, &after].map(|folder| folder.matrix.dataset.records);
    if records[0] != records[1] && !args.force {
        eprintln!(
            "error: {} has {} records and {} has {}: their times cannot be compared (--force \
             compares them all the same)",
            before.name,
            format_count(records[0]),
            after.name,
            format_count(records[1]),
        );
        return Ok(ExitCode::from(exit::USAGE));
    }
    print!(
        "{}",
        match args.format {
            Format::Text => table::terminal(&before, &after),
            Format::Markdown => table::markdown(&before, &after),
        }
    );
    Ok(ExitCode::from(exit::DONE))
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
