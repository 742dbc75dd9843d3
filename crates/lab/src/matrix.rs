//! `cargo xtask matrix`: every start method × transport × number of workers, each sum verified.

mod beside;
pub(crate) mod faster;
mod plain;
mod plan;
mod rank;
mod reuse;
mod run;
#[cfg(test)]
pub(crate) mod sample;
mod save;
mod status;
mod study;
mod summary;
mod table;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use report::{Baseline, Cell, Limits, Machine, Matrix, SCHEMA, Sum, Transport};

use crate::bench::{self, Choice, Subject};
use crate::ending;
use crate::jobs;
use crate::limits;
use crate::terms::{self, Terms};
use crate::values;
use harness::dataset::DatasetArgs;
use harness::exit;
use harness::interrupt::Interrupt;
use harness::results::Results;
use harness::workspace::{self, Binaries};

pub(crate) use plain::PLAIN;
pub(crate) use plain::main as measure_plain;
pub(crate) use rank::{Place, Ranking, fastest_of, ranked};
pub(crate) use status::Status;
pub(crate) use summary::other_seconds;
pub(crate) use table::two_modes;

/// The arguments of `matrix`.
#[derive(Debug, Args)]
pub(crate) struct MatrixArgs {
    /// What to run: sum (over a file, by the programs of the workspace), memory, cpu, results or tiny
    #[arg(long, short, value_name = "JOB", default_value = "sum", hide_default_value = true, hide_possible_values = true,
          value_parser = values::job())]
    pub(crate) job: String,
    #[command(flatten)]
    dataset: DatasetArgs,
    /// Transports of the sum to run [default: bytes,serde,shm,mmap,inherit]
    #[arg(long, short, alias = "transport", value_name = "TRANSPORT", value_delimiter = ',',
          hide_possible_values = true, value_parser = values::transport())]
    transports: Vec<Transport>,
    #[command(flatten)]
    terms: Terms,
    #[command(flatten)]
    choice: Choice,
    /// The original study's table alone: workers 1, 4 and 8, transports bytes and shm
    #[arg(long, conflicts_with_all = ["workers", "transports", "job"])]
    study: bool,
    /// Take no reference measurements, no baseline and no second sums by the same workers: faster, but
    /// `compare` can then not distinguish a change of the program from one of the machine
    #[arg(long, visible_alias = "no-reference")]
    no_limits: bool,
    /// Write all measured runs as one trace for Perfetto or chrome://tracing; writing it lengthens
    /// each run's wall a little, but no other time
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Use the binaries in this directory instead of building them
    #[arg(long, value_name = "DIR")]
    bin_dir: Option<PathBuf>,
}

/// Runs the matrix, prints its tables and saves them.
///
/// # Errors
///
/// Where nothing can be measured at all; a cell that fails is named in the table and gives exit code 1.
pub(crate) fn main(args: &MatrixArgs, interrupt: &Interrupt) -> anyhow::Result<ExitCode> {
    if let Some(known) = jobs::named(&args.job) {
        let subject = Subject::known(known);
        return bench::run(
            &subject,
            &args.terms,
            &args.choice,
            args.dataset.quiet,
            interrupt,
        );
    }
    if let Some(code) = args.terms.refused() {
        return Ok(ExitCode::from(code));
    }
    let cells = match args.cells()? {
        Ok(cells) => cells,
        Err(error) => {
            eprintln!("error: {error}");
            return Ok(ExitCode::from(exit::USAGE));
        }
    };
    if args.terms.list {
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
        .describe(&data, &binaries, args.terms.timeout, interrupt)?;
    let cells = if args.transports.is_empty() && !args.study {
        plan::without_unfit(cells, &described.dataset)
    } else {
        cells
    };

    let date = jiff::Zoned::now();
    let results = Results::open(
        args.terms.out.as_deref(),
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
        timeout: args.terms.timeout,
        limits: limits.as_ref(),
        results: &results,
        repeat: args.terms.repeat(),
        trace: args.trace.as_deref(),
        quiet: args.dataset.quiet,
    };
    let (mut matrix, mut stopped) = run::all(matrix, &job, interrupt)?;
    if stopped.is_none() && !args.no_limits && !args.study {
        match reuse::measure(&matrix, &job, interrupt) {
            Ok(reuse) => matrix.reuse = reuse,
            Err(interrupted) => stopped = Some(interrupted),
        }
        save::matrix(&matrix, &results)?;
    }
    let text = || match args.study {
        true => study::terminal(&matrix),
        false => table::terminal(&matrix),
    };
    let table = args.terms.format.of(&matrix, text)?;
    let complete = matrix.cells.iter().all(|cell| cell.summary.is_some());
    ending::end(&table, &results, stopped, complete)
}

impl MatrixArgs {
    fn cells(&self) -> anyhow::Result<Result<Vec<Cell>, plan::PlanError>> {
        let (transports, workers) = match self.study {
            true => (study::TRANSPORTS.to_vec(), study::WORKERS.to_vec()),
            false if self.terms.workers.is_empty() => (
                self.transports.clone(),
                plan::default_workers(terms::cores()?),
            ),
            false => (self.transports.clone(), self.terms.workers.clone()),
        };
        Ok(plan::cells(
            &self.terms.start_methods,
            &transports,
            &workers,
        ))
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
        let cores = described.machine.cores;
        Matrix {
            schema: SCHEMA,
            version: described.version,
            date: date.timestamp().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            command: workspace::command_line(),
            machine: described.machine,
            dataset: described.dataset,
            seed: self.terms.seed,
            runs: self.terms.runs.unwrap_or(0),
            adaptive: self.terms.adaptive(),
            baseline: (!self.no_limits).then(|| Baseline {
                name: run::baseline_name(cores),
                rounds: Vec::new(),
            }),
            plain: if self.no_limits {
                Vec::new()
            } else {
                plain::rows(cores)
            },
            cells: cells.into_iter().map(plan::not_run_yet).collect(),
            reuse: Vec::new(),
        }
    }
}
