//! The coordinator: plan, run, report.
//!
//! What was typed ([`cli`]) is resolved into a plan, the plan is run on a pool, and what happened
//! is printed: a timeline on stderr while it happens, the result on stdout at the end. Everything
//! about sockets, frames, processes and retries is the pool's; everything about records is the
//! dataset's and the worker's.
//!
//! ```text
//! cli::SumArgs ──▶ Plan ──▶ load ──▶ start ──▶ share ──▶ run ──▶ report::Sum ──▶ stdout
//!   what was       checked   inherit  workers   shm       batches     │
//!   typed          first     reads                                    └─▶ trace file
//!                              └────── timeline and progress ──────▶ stderr
//! ```
//!
//! | command | where |
//! | --- | --- |
//! | `sum` | [`sum`]; a transport is a file of `sum/transport` |
//! | `module-scope`, `logger`, `traits` | `experiments` |
//! | `doctor` | `doctor`; a subject is a file |
//! | `completions`, `man` | made from [`cli`] |
//!
//! The parts that another program with the same job needs are public: what is summed and how it gets
//! to the workers ([`sum`]), and what happened meanwhile ([`timeline`], [`trace`]).

pub mod cli;
mod datasets;
mod doctor;
pub mod exit;
mod experiments;
pub mod programs;
pub mod signals;
pub mod sum;
pub mod timeline;
pub mod trace;

pub use ::machine;
use clap::Parser;
use cli::{Cli, Command};
use std::io::Write;
use std::process::ExitCode;

/// The whole of `main`: parses the command line, runs the subcommand, and gives the exit code.
pub fn run() -> ExitCode {
    let clock = timeline::Clock::start();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() {
                exit::USAGE
            } else {
                exit::DONE
            });
        }
    };
    let ran = match cli.command {
        Command::Sum(args) => sum::run(args, clock),
        Command::ModuleScope(args) => experiments::module_scope::run(args.start_method),
        Command::Logger(args) => experiments::logger::run(&args),
        Command::Traits(args) => experiments::traits::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Completions(args) => cli::completions(&args),
        Command::Man(args) => cli::man(&args),
        Command::TraitProbe(args) => experiments::traits::run_probe(&args),
        Command::TraitChild(args) => experiments::traits::run_child(&args),
        Command::TraitServer(args) => experiments::traits::run_server(&args),
        Command::WorkerImage(args) => experiments::image::run(&args),
    };
    match ran {
        Ok(()) => ExitCode::from(exit::DONE),
        Err(failure) => {
            if let Some(message) = failure.message() {
                // A reader that has gone away is no reason for a panic.
                let _ = writeln!(std::io::stderr(), "error: {message}");
            }
            ExitCode::from(failure.code())
        }
    }
}
