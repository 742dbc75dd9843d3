//! The standalone worker, which goes wrong as `HANDOFF_FAULTS` says.

use std::process::ExitCode;

fn main() -> ExitCode {
    match faults::arm_from_environment() {
        Ok(()) => runtime::run(&faults::registry()),
        Err(error) => {
            eprintln!("faulty-worker: {error}");
            ExitCode::from(2)
        }
    }
}
