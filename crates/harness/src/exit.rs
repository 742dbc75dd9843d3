//! Every exit code that a command of xtask gives.

use std::process::ExitCode;

/// Everything was done and is right.
pub const DONE: u8 = 0;
/// Something failed: a cell, a peer, a test, a check.
pub const FAILED: u8 = 1;
/// The command line asks for something that cannot be (clap's own code for usage errors).
pub const USAGE: u8 = 2;
/// Added to the number of the signal that stopped a command.
pub const SIGNAL: u8 = 128;

/// The code for a command that was stopped by `signal`.
pub fn stopped_by(signal: i32) -> ExitCode {
    ExitCode::from(SIGNAL.saturating_add(u8::try_from(signal).unwrap_or(u8::MAX)))
}
