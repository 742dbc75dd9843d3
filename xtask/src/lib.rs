//! Handoff's own development commands: tests, CI, a distribution; and the laboratory and the fault
//! injectors under the names that people type.

#[macro_use(eprintln)]
extern crate harness;

mod alias;
mod ci;
mod cli;
mod conformance;
mod dist;
mod test;

use std::process::ExitCode;

/// The program: reads the command line, runs the command, prints its error.
pub fn main() -> ExitCode {
    harness::finish(cli::run())
}
