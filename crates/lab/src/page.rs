//! Results as pages to look at, with their figures as files of their own: `report.html` of a matrix,
//! `traits.html` of what `coordinator traits --format json` printed.
//!
//! Everything shown is read back from the files beside the page (`matrix.json`, `limits.json`,
//! `timelines.json`, `traits.json`, and `cluster.json` where a run over several machines was put), so
//! that the page cannot say what they do not, and an old folder's page can be regenerated with `cargo xtask
//! page`.

mod claims;
mod dots;
mod figures;
mod glossary;
mod html;
mod jobs;
mod matrix;
mod memory;
mod names;
mod recommend;
mod report;
mod start_cost;
mod table;
mod timelines;
mod trace;
mod words;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ::report::{Bench, Limits, Matrix, Sum, Traits};
use anyhow::{Context, bail};
use clap::Args;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(crate) use names::job_file;
pub(crate) use start_cost::StartCost;
pub(crate) use timelines::Timeline;
pub(crate) use trace::Trace;

use self::report::Material;
use figures::Figure;
use names::{CLUSTER, FIGURES, MATRIX_PAGE, TIMELINES, TRAITS_PAGE, job_timelines_file};

use crate::job_timeline::JobTimeline;

use harness::exit;
use harness::results::Results;

/// Which folders to draw.
#[derive(Debug, Args)]
pub(crate) struct PageArgs {
    /// Folders with a matrix.json that `cargo xtask matrix` has saved, or a traits.json that
    /// `coordinator traits --format json` has printed
    #[arg(value_name = "DIR", required = true)]
    folders: Vec<PathBuf>,
}

/// Draws the pages of every folder again.
///
/// # Errors
///
/// Where a folder holds nothing to draw, or its files cannot be read or written.
pub(crate) fn main(args: &PageArgs) -> anyhow::Result<ExitCode> {
    for folder in &args.folders {
        for page in draw(&Results::at(folder))? {
            eprintln!("Drawn: {}", folder.join(page).display());
        }
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

/// Saves what the caller and the workers of a job's rows did and when.
///
/// # Errors
///
/// Those of writing the file.
pub(crate) fn save_job_timelines(
    job: &str,
    timelines: &[JobTimeline],
    results: &Results,
) -> anyhow::Result<()> {
    results.json(&job_timelines_file(job), &timelines)
}

/// Draws the pages of the results in a folder, and gives their names.
///
/// # Errors
///
/// Where the folder holds nothing to draw, or its files cannot be read or written.
pub(crate) fn draw(results: &Results) -> anyhow::Result<Vec<&'static str>> {
    let folder = results.directory();
    let matrix = read::<Matrix>(folder, "matrix.json")?;
    let traits = read::<Traits<Value>>(folder, "traits.json")?;
    let jobs = jobs_in(folder)?;
    if matrix.is_none() && traits.is_none() && jobs.is_empty() {
        bail!(
            "there is no matrix.json in {0}, make one with `cargo xtask matrix --out {0}`, and no \
             traits.json, make one with `coordinator traits --format json`",
            folder.display()
        );
    }
    let mut drawn = Vec::new();
    let mut start_cost = None;
    if let Some(traits) = &traits {
        known(traits.schema, "traits.json", folder)?;
        start_cost = draw_traits(traits, results)?;
        drawn.push(TRAITS_PAGE);
    }
    if let Some(matrix) = &matrix {
        known(matrix.schema, "matrix.json", folder)?;
    }
    if draw_report(matrix.as_ref(), &jobs, start_cost.as_ref(), results)? {
        drawn.push(MATRIX_PAGE);
    }
    Ok(drawn)
}

/// The jobs of a folder, by name.
///
/// # Errors
///
/// Where a file of one is not what its name says.
pub(crate) fn jobs_in(folder: &Path) -> anyhow::Result<Vec<Bench>> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(Vec::new());
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names
        .filter(|name| name.starts_with("job-") && name.ends_with(".json"))
        .collect();
    names.sort();
    let mut jobs = Vec::new();
    for name in names {
        let bench: Option<Bench> = read(folder, &name)?;
        if let Some(bench) = bench {
            known(bench.schema, &name, folder)?;
            jobs.push(bench);
        }
    }
    Ok(jobs)
}

fn known(schema: u32, name: &str, folder: &Path) -> anyhow::Result<()> {
    if schema != ::report::SCHEMA {
        bail!(
            "{name} in {} has schema {schema}, this program knows {}",
            folder.display(),
            ::report::SCHEMA
        );
    }
    Ok(())
}

/// Draws the page of start methods, and gives the figure of what starting costs.
fn draw_traits(traits: &Traits<Value>, results: &Results) -> anyhow::Result<Option<Figure>> {
    let cost = StartCost::of(traits);
    let figure = cost
        .as_ref()
        .map(figures::start_cost)
        .transpose()?
        .flatten();
    save(&figure, results)?;
    let page = claims::page(traits, cost.as_ref(), figure.as_ref());
    results.text(TRAITS_PAGE, &page)?;
    Ok(figure)
}

/// Draws the report, where there is something to report.
fn draw_report(
    matrix: Option<&Matrix>,
    jobs: &[Bench],
    start_cost: Option<&Figure>,
    results: &Results,
) -> anyhow::Result<bool> {
    let limits = read::<Limits>(results.directory(), "limits.json")?;
    let timelines: Vec<Timeline> = read(results.directory(), TIMELINES)?.unwrap_or_default();
    let cluster: Option<Sum> = read(results.directory(), CLUSTER)?;
    let figures = matrix
        .map(|matrix| figures::all(matrix, &timelines, cluster.as_ref()))
        .transpose()?;
    if let Some(figures) = &figures {
        save(figures.iter(), results)?;
    }
    let lanes = job_lanes(jobs, results)?;
    let page = report::page(&Material {
        matrix,
        jobs,
        lanes: &lanes,
        limits: limits.as_ref(),
        figures: figures.as_ref(),
        start_cost,
    });
    match page {
        Some(page) => results.text(MATRIX_PAGE, &page).map(|()| true),
        None => Ok(false),
    }
}

/// The timelines of each job, those that were kept.
fn job_lanes(jobs: &[Bench], results: &Results) -> anyhow::Result<Vec<Vec<Figure>>> {
    let mut all = Vec::new();
    for bench in jobs {
        let name = &bench.job.name;
        let kept: Option<Vec<JobTimeline>> = read(results.directory(), &job_timelines_file(name))?;
        let lanes = kept
            .iter()
            .flatten()
            .map(|timeline| figures::job_lanes(name, timeline))
            .collect::<anyhow::Result<Vec<Figure>>>()?;
        save(&lanes, results)?;
        all.push(lanes);
    }
    Ok(all)
}

fn save<'a>(
    figures: impl IntoIterator<Item = &'a Figure>,
    results: &Results,
) -> anyhow::Result<()> {
    let folder = results.folder(FIGURES)?;
    for figure in figures {
        folder.text(&format!("{}.svg", figure.name), &figure.file())?;
    }
    Ok(())
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
