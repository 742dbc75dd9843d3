//! Injects faults into Handoff's programs and verifies every result: `chaos` in rounds that follow from
//! a seed, `kills` at random instants of a coordinator's life.

#[macro_use(print, eprintln)]
extern crate harness;

mod cli;
mod kills;
mod rounds;

use std::process::ExitCode;

fn main() -> ExitCode {
    harness::finish(cli::run())
}
