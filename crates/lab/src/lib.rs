//! The laboratory: measures what starting processes and handing them data costs on this machine, and
//! draws pages of the results.
//!
//! It runs the programs and shares only the types of their reports with them.

#[macro_use(println, print, eprintln)]
extern crate harness;

mod cli;
mod compare;
mod limits;
mod matrix;
mod page;
mod peers;
mod stats;
mod values;

use std::process::ExitCode;

/// The program: reads the command line, runs the command, prints its error.
pub fn main() -> ExitCode {
    // The trivial program of the spawn probe: nothing may come before it.
    if std::env::args_os()
        .nth(1)
        .is_some_and(|argument| argument == limits::ANSWER)
    {
        return match std::io::Write::write_all(&mut std::io::stdout(), b"\n") {
            Ok(()) => ExitCode::from(harness::exit::DONE),
            Err(_) => ExitCode::from(harness::exit::FAILED),
        };
    }
    harness::finish(cli::run())
}
