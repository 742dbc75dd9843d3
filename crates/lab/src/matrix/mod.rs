//! `cargo xtask matrix`: every start method × transport × number of workers, each sum verified.

mod beside;
mod plan;
mod run;
#[cfg(test)]
mod sample;
mod save;
mod summary;
mod table;

pub(crate) use beside::name as limit_name;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use report::{SCHEMA, StartMethod, Transport};

use crate::cli;
use crate::limits;
use crate::page;
use harness::dataset::DatasetArgs;
use harness::exit;
use harness::interrupt::Interrupt;
use harness::results::Results;
use harness::workspace::{self, Binaries};

/// What can be asked of the matrix.
#[derive(Debug, Args)]
pub(crate) struct MatrixArgs {
    #[command(flatten)]
    dataset: DatasetArgs,
    /// Start methods to run [default: fork,spawn,forkserver]
    #[arg(long, value_name = "METHOD", value_delimiter = ',', hide_possible_values = true,
          value_parser = cli::start_method())]
    start_methods: Vec<StartMethod>,
    /// Transports to run [default: bytes,serde,shm,mmap,inherit]
    #[arg(long, value_name = "TRANSPORT", value_delimiter = ',', hide_possible_values = true,
          value_parser = cli::transport())]
    transports: Vec<Transport>,
    /// Numbers of workers to run
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "1,4,8",
          value_parser = clap::value_parser!(u32).range(1..))]
    workers: Vec<u32>,
    /// Measured runs of each cell, after its warm-up
    #[arg(long, value_name = "R", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// What the order of the runs is drawn with
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Where to save [default: results/<date>-<machine>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Seconds that one run may take
    #[arg(long, value_name = "S", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
    /// Leave out measuring the machine's limits, and the multiples of them
    #[arg(long)]
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
}

/// Runs the matrix, prints its tables and saves them.
///
/// # Errors
///
/// Where nothing can be measured at all; a cell that fails is told in the table and by the code.
pub(crate) fn main(args: &MatrixArgs, interrupt: &Interrupt) -> anyhow::Result<ExitCode> {
    let cells = match plan::cells(&args.start_methods, &args.transports, &args.workers) {
        Ok(cells) => cells,
        Err(error) => {
            eprintln!("error: {error}");
            return Ok(ExitCode::from(exit::USAGE));
        }
    };
    if args.list {
        for cell in &cells {
            println!(
                "{:<8} {:<11} {:>3}",
                cell.transport, cell.start_method, cell.workers
            );
        }
        return Ok(ExitCode::from(exit::DONE));
    }

    let needed = ["coordinator", "worker", "datagen"];
    let binaries = match &args.bin_dir {
        Some(directory) => Binaries::in_directory(directory, &needed)?,
        None => Binaries::build(&needed, interrupt)?,
    };
    let data = args.dataset.prepare(&binaries, interrupt)?;
    let timeout = Duration::from_secs(args.timeout);
    let described = args
        .dataset
        .describe(&data, &binaries, timeout, interrupt)?;
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
    let limits = if args.no_limits {
        None
    } else {
        let plan = limits::Plan {
            data: data.clone(),
            probes: limits::for_cells(&cells, described.machine.cores),
            samples: 3,
            quiet: args.dataset.quiet,
        };
        Some(limits::measure(
            &plan,
            &described.machine,
            &results,
            interrupt,
        )?)
    };

    let matrix = report::Matrix {
        schema: SCHEMA,
        version: described.version,
        date: date.timestamp().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        command: workspace::command_line(),
        machine: described.machine,
        dataset: described.dataset,
        seed: args.seed,
        runs: args.runs,
        cells: cells.into_iter().map(run::not_run_yet).collect(),
    };
    let job = run::Job {
        binaries: &binaries,
        data: &data,
        bytes: matrix.dataset.bytes,
        field: args.dataset.field(),
        timeout,
        limits: limits.as_ref(),
        results: &results,
        trace: args.trace.as_deref(),
        quiet: args.dataset.quiet,
    };
    let (matrix, stopped) = run::all(matrix, &job, interrupt)?;

    let pages = page::draw(&results)?;
    print!("{}", table::terminal(&matrix));
    eprintln!("Saved in {}", results.directory().display());
    for page in pages {
        eprintln!("To look at: {}", results.directory().join(page).display());
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
