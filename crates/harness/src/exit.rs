//! The exit codes of the laboratory, the chaos harness and xtask.

pub use output::exit::{DONE, FAILED, SIGNAL, USAGE};
use std::process::{ExitCode, ExitStatus};

/// The code for a command that was stopped by `signal`.
pub fn stopped_by(signal: i32) -> ExitCode {
    ExitCode::from(SIGNAL.saturating_add(u8::try_from(signal).unwrap_or(u8::MAX)))
}

/// The code for a command that consists of another program.
pub fn of(status: ExitStatus) -> ExitCode {
    ExitCode::from(if status.success() { DONE } else { FAILED })
}
