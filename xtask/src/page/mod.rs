//! `report.html`: the matrix as a page to look at, with its figures as files of their own.
//!
//! Everything shown is read back from the files beside the page (`matrix.json`, `limits.json`,
//! `timelines.json`), so that the page cannot say what they do not, and an old folder can be drawn
//! again with `cargo xtask page`.

mod figures;
mod html;
mod table;
mod timelines;
mod trace;
mod words;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use report::{Limits, Matrix};
use serde::de::DeserializeOwned;

pub(crate) use timelines::Timeline;
pub(crate) use trace::Trace;

use crate::exit;
use crate::results::Results;

/// The page's file.
pub(crate) const PAGE: &str = "report.html";
/// The folder of the figures.
const FIGURES: &str = "figures";
/// The file of the runs' timelines.
const TIMELINES: &str = "timelines.json";

/// Which folders to draw.
#[derive(Debug, Args)]
pub(crate) struct PageArgs {
    /// Folders that `cargo xtask matrix` has saved its results in
    #[arg(value_name = "DIR", required = true)]
    folders: Vec<PathBuf>,
}

/// Draws the page of every folder again.
///
/// # Errors
///
/// Where a folder holds no matrix, or its files cannot be read or written.
pub(crate) fn main(args: &PageArgs) -> anyhow::Result<ExitCode> {
    for folder in &args.folders {
        draw(&Results::at(folder))?;
        eprintln!("Drawn: {}", folder.join(PAGE).display());
    }
    Ok(ExitCode::from(exit::DONE))
}

/// Saves what the processes of every run did and when, one run a line.
///
/// # Errors
///
/// Those of writing the file.
pub(crate) fn save_timelines(timelines: &[Timeline], results: &Results) -> anyhow::Result<()> {
    results.text(TIMELINES, &timelines::as_json(timelines)?)
}

/// Draws the page of the results in a folder.
///
/// # Errors
///
/// Where the folder holds no matrix, or its files cannot be read or written.
pub(crate) fn draw(results: &Results) -> anyhow::Result<()> {
    let Some(matrix) = read::<Matrix>(results.directory(), "matrix.json")? else {
        bail!(
            "there is no matrix.json in {}, make one with `cargo xtask matrix --out DIR`",
            results.directory().display()
        );
    };
    if matrix.schema != report::SCHEMA {
        bail!(
            "matrix.json in {} has schema {}, this program knows {}",
            results.directory().display(),
            matrix.schema,
            report::SCHEMA
        );
    }
    let limits = read::<Limits>(results.directory(), "limits.json")?;
    let timelines: Vec<Timeline> = read(results.directory(), TIMELINES)?.unwrap_or_default();
    let figures = figures::all(&matrix, &timelines)?;
    let folder = results.folder(FIGURES)?;
    for figure in figures.iter() {
        folder.text(&format!("{}.svg", figure.name), &figure.file())?;
    }
    let page = html::page(&matrix, limits.as_ref(), &figures);
    results.text(PAGE, &page)
}

/// What a file of results holds; none where there is no such file.
///
/// # Errors
///
/// Where it cannot be read, or is not what its name says.
pub(crate) fn read<T: DeserializeOwned>(folder: &Path, name: &str) -> anyhow::Result<Option<T>> {
    let path = folder.join(name);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", path.display()));
        }
    };
    let value = serde_json::from_str(&text)
        .with_context(|| format!("{} is not what its name says", path.display()))?;
    Ok(Some(value))
}
