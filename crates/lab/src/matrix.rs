//! `cargo xtask matrix`: every start method × transport × number of workers, each sum verified.

mod beside;
mod faster;
mod plan;
mod rank;
mod run;
#[cfg(test)]
pub(crate) mod sample;
mod save;
mod status;
mod summary;
mod table;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use report::{
    Adaptive, Baseline, Cell, Limits, Machine, Matrix, SCHEMA, StartMethod, Sum, Transport,
};

use crate::limits;
use crate::page;
use crate::stats::{Precision, Repeat};
use crate::values;
use harness::dataset::DatasetArgs;
use harness::exit;
use harness::format::Format;
use harness::interrupt::Interrupt;
use harness::results::Results;
use harness::workspace::{self, Binaries};

pub(crate) use rank::{Place, Ranking, ranked};
pub(crate) use status::Status;
pub(crate) use summary::other_seconds;
pub(crate) use table::two_modes;

/// How far either end of the interval of a median may be from it, as a part of the median.
const WITHIN: f64 = 0.05;

/// The arguments of `matrix`.
#[derive(Debug, Args)]
pub(crate) struct MatrixArgs {
    #[command(flatten)]
    dataset: DatasetArgs,
    /// Start methods to run [default: fork,spawn,forkserver]
    #[arg(long, short = 'm', alias = "start-method", value_name = "METHOD", value_delimiter = ',',
          hide_possible_values = true, value_parser = values::start_method())]
    start_methods: Vec<StartMethod>,
    /// Transports to run [default: bytes,serde,shm,mmap,inherit]
    #[arg(long, short, alias = "transport", value_name = "TRANSPORT", value_delimiter = ',',
          hide_possible_values = true, value_parser = values::transport())]
    transports: Vec<Transport>,
    /// Numbers of workers to run [default: 1,4,8 and the number of processors]
    #[arg(long, short, value_name = "N", value_delimiter = ',',
          value_parser = clap::value_parser!(u32).range(1..))]
    workers: Vec<u32>,
    /// Run each cell exactly this number of times after its warm-up, whatever the precision
    #[arg(long, short, value_name = "R", conflicts_with_all = ["budget", "min_runs", "max_runs"],
          value_parser = clap::value_parser!(u32).range(1..))]
    runs: Option<u32>,
    /// How long the runs of one cell may take before it ends with the precision that it has: 30s, 2m,
    /// or a number of seconds
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = report::parse_duration)]
    budget: Duration,
    /// Runs that each cell gets in any case
    #[arg(long, value_name = "R", default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..))]
    min_runs: u32,
    /// Runs that no cell exceeds
    #[arg(long, value_name = "R", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    max_runs: u32,
    /// Seed of the order of the runs
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Where to save [default: target/handoff/<date>-<machine>]
    #[arg(long, short, value_name = "DIR")]
    out: Option<PathBuf>,
    /// How long one run may take: 500ms, 30s, 2m, or a number of seconds
    #[arg(long, value_name = "TIME", default_value = "300s", value_parser = report::parse_duration)]
    timeout: Duration,
    /// Take no reference measurements and no baseline: faster, but `compare` can then not distinguish a change
    /// of the program from one of the machine
    #[arg(long, visible_alias = "no-reference")]
    no_limits: bool,
    /// Write all measured runs as one trace for Perfetto or chrome://tracing; writing it lengthens
    /// each run's wall a little, but no other time
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Use the binaries in this directory instead of building them
    #[arg(long, value_name = "DIR")]
    bin_dir: Option<PathBuf>,
    /// Print the cells, and run none
    #[arg(long)]
    list: bool,
    /// How to print the tables: text or json
    #[arg(long, default_value = "text", hide_possible_values = true)]
    format: Format,
}

/// Runs the matrix, prints its tables and saves them.
///
/// # Errors
///
/// Where nothing can be measured at all; a cell that fails is named in the table and gives exit code 1.
pub(crate) fn main(args: &MatrixArgs, interrupt: &Interrupt) -> anyhow::Result<ExitCode> {
    let cells = match args.cells()? {
        Ok(cells) => cells,
        Err(error) => {
            eprintln!("error: {error}");
            return Ok(ExitCode::from(exit::USAGE));
        }
    };
    if args.min_runs > args.max_runs {
        eprintln!(
            "error: --min-runs {} exceeds --max-runs {}",
            args.min_runs, args.max_runs
        );
        return Ok(ExitCode::from(exit::USAGE));
    }
    if args.list {
        for cell in &cells {
            println!(
                "{:<8} {:<11} {:>3}",
                cell.transport, cell.start_method, cell.workers
            );
        }
        return Ok(ExitCode::from(exit::DONE));
    }
    measure(args, cells, interrupt)
}

fn measure(args: &MatrixArgs, cells: Vec<Cell>, interrupt: &Interrupt) -> anyhow::Result<ExitCode> {
    let needed = ["coordinator", "worker", "datagen"];
    let binaries = match &args.bin_dir {
        Some(directory) => Binaries::in_directory(directory, &needed)?,
        None => Binaries::build(&needed, interrupt)?,
    };
    let data = args.dataset.prepare(&binaries, interrupt)?;
    let described = args
        .dataset
        .describe(&data, &binaries, args.timeout, interrupt)?;
    let cells = if args.transports.is_empty() {
        plan::without_unfit(cells, &described.dataset)
    } else {
        cells
    };

    let date = jiff::Zoned::now();
    let results = Results::open(
        args.out.as_deref(),
        &date,
        &described.machine,
        &["matrix.json", "limits.json"],
    )?;
    let limits = args.references(&data, &cells, &described.machine, &results, interrupt)?;
    let matrix = args.matrix(cells, described, &date);
    let job = run::Job {
        binaries: &binaries,
        data: &data,
        bytes: matrix.dataset.bytes,
        field: args.dataset.field(),
        timeout: args.timeout,
        limits: limits.as_ref(),
        results: &results,
        repeat: args.repeat(),
        trace: args.trace.as_deref(),
        quiet: args.dataset.quiet,
    };
    let (matrix, stopped) = run::all(matrix, &job, interrupt)?;

    let pages = page::draw(&results)?;
    print!("{}", args.format.of(&matrix, || table::terminal(&matrix))?);
    eprintln!("Saved in {}", results.directory().display());
    for page in pages {
        eprintln!("Report: {}", results.directory().join(page).display());
    }
    if let Some(stopped) = stopped {
        eprintln!("{stopped}; the runs made so far are kept");
        return Ok(exit::stopped_by(stopped.0));
    }
    let right = matrix.cells.iter().all(|cell| cell.summary.is_some());
    Ok(ExitCode::from(if right {
        exit::DONE
    } else {
        exit::FAILED
    }))
}

impl MatrixArgs {
    fn cells(&self) -> anyhow::Result<Result<Vec<Cell>, plan::PlanError>> {
        let workers = if self.workers.is_empty() {
            let cores = std::thread::available_parallelism();
            let cores = cores.context("cannot determine the number of processors")?;
            plan::default_workers(u32::try_from(cores.get())?)
        } else {
            self.workers.clone()
        };
        Ok(plan::cells(&self.start_methods, &self.transports, &workers))
    }

    fn repeat(&self) -> Repeat {
        match self.runs {
            Some(runs) => Repeat::Fixed(runs),
            None => Repeat::Adaptive(Precision {
                within: WITHIN,
                min: self.min_runs,
                max: self.max_runs,
                budget: self.budget,
            }),
        }
    }

    /// The reference measurements, which say which probes belong to which cell; none where not wanted.
    fn references(
        &self,
        data: &Path,
        cells: &[Cell],
        machine: &Machine,
        results: &Results,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Option<Limits>> {
        if self.no_limits {
            return Ok(None);
        }
        let plan = limits::Plan {
            data: data.to_owned(),
            probes: limits::for_cells(cells, machine.cores),
            samples: 3,
            quiet: self.dataset.quiet,
        };
        limits::measure(&plan, machine, results, interrupt).map(Some)
    }

    /// The matrix before its first run.
    fn matrix(&self, cells: Vec<Cell>, described: Sum, date: &jiff::Zoned) -> Matrix {
        let repeat = self.repeat();
        let cores = described.machine.cores;
        Matrix {
            schema: SCHEMA,
            version: described.version,
            date: date.timestamp().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            command: workspace::command_line(),
            machine: described.machine,
            dataset: described.dataset,
            seed: self.seed,
            runs: self.runs.unwrap_or(0),
            adaptive: match repeat {
                Repeat::Fixed(_) => None,
                Repeat::Adaptive(terms) => Some(Adaptive {
                    within: terms.within,
                    min: terms.min,
                    max: terms.max,
                    budget_seconds: terms.budget.as_secs_f64(),
                }),
            },
            baseline: (!self.no_limits).then(|| Baseline {
                name: run::baseline_name(cores),
                rounds: Vec::new(),
            }),
            cells: cells.into_iter().map(plan::not_run_yet).collect(),
        }
    }
}
