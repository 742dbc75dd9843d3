//! The program `mixed-load`: tasks of every shape on one pool, each answer checked.
//!
//! It prints `right N failed M` and gives 0 where every task had exactly one result and no output
//! was wrong; M counts the tasks that failed with a reason. Where the pool itself could not go on
//! it says so and gives 1; a wrong answer gives 3.

mod background;
mod driven;
mod options;
mod tally;
mod tasks;

use clap::Parser;
use options::{Cli, Method, Trouble, say};
use pool::{Builder, Pool, Program, StartMethod};
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

pub use tasks::registry;

/// Exit code: the pool could not go on, for the reason on stderr.
pub const FAILED: u8 = 1;
/// Exit code: the command line or the environment asks for something that cannot be.
pub const USAGE: u8 = 2;
/// Exit code: an answer was wrong, or missing.
pub const WRONG: u8 = 3;

/// The whole of `main` where the program is no worker.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let ran = builder(&cli).and_then(|builder| {
        if cli.background {
            background::run(builder, &cli)
        } else {
            driven::run(builder, &cli)
        }
    });
    match ran {
        Ok(tally) => match writeln!(io::stdout(), "{tally}") {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                say(&format!("error: cannot print the result: {error}"));
                ExitCode::from(FAILED)
            }
        },
        Err(error) => {
            say(&format!("error: {error}"));
            let wrong = error.downcast_ref::<tally::Wrong>().is_some();
            ExitCode::from(if wrong { WRONG } else { FAILED })
        }
    }
}

fn builder(cli: &Cli) -> Result<Builder, Trouble> {
    let method = match cli.start_method {
        Method::Fork => StartMethod::Fork,
        Method::Spawn => StartMethod::Spawn(Program::current()?),
        Method::Forkserver => StartMethod::ForkServer(Program::current()?),
    };
    Ok(Pool::builder(method)
        .tasks(registry())
        .workers(usize::from(cli.workers))
        .retries(cli.retries)
        .task_timeout(Duration::try_from_secs_f64(cli.timeout)?)
        .grace(Duration::from_secs(1))
        .queue_bound(2000))
}
