//! The job of `coordinator sum` over many machines, by MPI: one rank a machine, a pool in each.
//!
//! Within a machine everything is the coordinator's library and the pool: workers are started, share
//! memory, and are replaced where they die. Between machines there is MPI alone, and only what is
//! small goes there: what each rank is to do, and what it has found. A partial merges exactly, so
//! the answer is bit-identical for any number of ranks, and for a job that was interrupted and resumed.
//!
//! Workers are started by exec (`spawn`, or a `forkserver` that is started by exec), never forked
//! from a process that has initialised MPI. Nor is the guardian, which is there before.

mod builder;
mod checkpoint;
mod checkpointed;
mod cli;
mod clock;
mod comm;
mod counters;
mod feed;
mod fold;
mod ids;
mod incoming;
mod job;
mod link;
mod memory;
mod place;
mod plain;
mod pool;
mod progress;
mod protocol;
mod rank;
mod reduce;
mod regions;
mod root;
mod say;
mod schedule;
mod serve;
mod session;
mod shards;
mod start;
mod steps;
mod summary;
mod tree;

pub use self::pool::Pool;
pub use builder::Builder;
use clap::Parser;
use cli::{Cli, Command};
use comm::{Comm, Stopped};
use coordinator::exit;
use coordinator::signals::Signals;
use coordinator::timeline::Clock;
pub use counters::Rank;
use guardian::Guardian;
use std::process::ExitCode;
use std::rc::Rc;

/// First in `main`: what [`handoff::init`] does; and where a launcher has started this process as another rank than
/// 0, it serves here and never returns.
///
/// A program that calls [`handoff::init`] instead serves when it makes its [`Pool`].
///
/// # Panics
/// Where the job cannot be joined, or two tasks have the same name.
pub fn init() {
    handoff::init();
    if let Err(error) = session::join() {
        panic!("cannot join the job: {error}");
    }
}

/// The whole of `main`: initialises MPI, runs the subcommand, and gives the exit code.
pub fn run() -> ExitCode {
    let clock = Clock::start();
    // Started by forking, which no process may that has memory registered with a network card. The
    // pool finds it here.
    let guarded = Guardian::join().map_err(anyhow::Error::from);
    let joined =
        guarded.and_then(|guardian| Ok((guardian, Rc::new(Comm::join(Some(Signals::note()?))?))));
    let (_guardian, comm) = match joined {
        Ok(joined) => joined,
        Err(error) => {
            say::line(&format!("error: {error:#}"));
            return ExitCode::from(exit::FAILED);
        }
    };
    let args = match Cli::try_parse() {
        Ok(Cli {
            command: Command::Sum(args),
        }) => args,
        // All ranks were given the same line: one of them speaks.
        Err(error) => {
            if comm.rank() == 0 {
                let _ = error.print();
            }
            return ExitCode::from(if error.use_stderr() {
                exit::USAGE
            } else {
                exit::DONE
            });
        }
    };
    match job::run(args, clock, &comm) {
        Ok(()) => ExitCode::from(exit::DONE),
        Err(Stopped { code }) => ExitCode::from(code),
    }
}
