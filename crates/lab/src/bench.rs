//! A job, run by a loop, by threads and by worker processes that get their data in several ways: a row each,
//! measured round by round, its results compared, everything saved after every round.
//!
//! Each run is a process of its own (`row`), so that no row finds the memory that another one left, and so
//! that what forks has one thread.

mod choice;
mod plan;
mod row;
mod run;
mod save;
mod subject;
mod summary;
mod table;

use std::process::ExitCode;

use clap::Parser;
use harness::exit;
use harness::interrupt::Interrupt;
use harness::results::Results;
use harness::workspace;
use report::{Bench, BenchJob, HandOver, SCHEMA};

use crate::ending;
use crate::own::OwnWay;
use crate::page;
use crate::terms::{self, Terms};

pub(crate) use choice::Choice;
pub(crate) use row::ROW;
pub(crate) use row::main as measure_row;
pub(crate) use subject::Subject;
pub(crate) use summary::{best_of_processes, label, of_size, sizes, threads_of, typical};
pub(crate) use table::in_order;

/// The command line of a benchmark of one's own.
#[derive(Debug, Parser)]
#[command(
    max_term_width = 100,
    about = "Measures a task by threads and by worker processes, and writes a report"
)]
struct OwnArgs {
    #[command(flatten)]
    terms: Terms,
    /// Hand-overs to run [default: all that the arguments of the tasks allow, and inherit]
    #[arg(long, value_name = "HAND-OVER", value_delimiter = ',')]
    hand_overs: Vec<HandOver>,
    /// No progress
    #[arg(long, short)]
    quiet: bool,
    /// Given by `cargo bench`, and ignored
    #[arg(long, hide = true)]
    bench: bool,
}

/// The whole of a benchmark of one's own: what [`bench!`](crate::bench) calls.
#[doc(hidden)]
pub fn main(name: &str, ways: &[OwnWay], plain: Option<&OwnWay>, setup: &dyn Fn()) -> ExitCode {
    handoff::init();
    let subject = Subject::own(name, ways, plain, setup);
    if let Some(code) = row::asked(&subject) {
        return harness::finish(code);
    }
    let args = OwnArgs::parse();
    let choice = Choice {
        hand_overs: args.hand_overs,
        sizes: Vec::new(),
    };
    let measured = Interrupt::install()
        .map_err(anyhow::Error::from)
        .and_then(|interrupt| run(&subject, &args.terms, &choice, args.quiet, &interrupt));
    harness::finish(measured)
}

/// Measures a job in all its rows, prints the tables and saves them.
///
/// # Errors
///
/// Where nothing can be measured at all; a row that fails is named in the table and gives exit code 1.
pub(crate) fn run(
    subject: &Subject<'_>,
    terms: &Terms,
    choice: &Choice,
    quiet: bool,
    interrupt: &Interrupt,
) -> anyhow::Result<ExitCode> {
    if let Some(code) = terms.refused() {
        return Ok(ExitCode::from(code));
    }
    let rows = match plan::rows(subject, terms, choice, terms::cores()?) {
        Ok(rows) => rows,
        Err(error) => {
            eprintln!("error: {error}");
            return Ok(ExitCode::from(exit::USAGE));
        }
    };
    if terms.list {
        for row in &rows {
            println!("{:<12} {row}", label(row.bytes));
        }
        return Ok(ExitCode::from(exit::DONE));
    }
    let date = jiff::Zoned::now();
    let machine = machine::machine();
    let file = page::job_file(&subject.name);
    let results = Results::open(terms.out.as_deref(), &date, &machine, &[&file])?;
    let bench = Bench {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        date: date.timestamp().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        command: workspace::command_line(),
        machine,
        job: BenchJob {
            name: subject.name.clone(),
            about: subject.about.clone(),
            tasks: 0,
        },
        seed: terms.seed,
        runs: terms.runs.unwrap_or(0),
        adaptive: terms.adaptive(),
        rows: rows.into_iter().map(plan::not_run_yet).collect(),
    };
    let (bench, stopped) = run::all(bench, subject, terms, quiet, &results, interrupt)?;
    let table = terms.format.of(&bench, || table::terminal(&bench))?;
    let complete = bench.rows.iter().all(|row| row.summary.is_some());
    ending::end(&table, &results, stopped, complete)
}
