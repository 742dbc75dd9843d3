//! A program that uses the pool in every way there is, and checks each answer.

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Err(error) = faults::arm_from_environment() {
        eprintln!("error: {error}");
        return ExitCode::from(faults::load::USAGE);
    }
    // A worker of this program is this program again.
    runtime::run_if_worker(&faults::load::registry()).unwrap_or_else(faults::load::main)
}
