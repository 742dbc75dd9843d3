//! Commands of other programs: built with the release profile, then run in place of this process.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use harness::interrupt::Interrupt;
use harness::workspace::Binaries;

/// What follows the command's name, for the other program to read.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Rest {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    arguments: Vec<OsString>,
}

/// Becomes `program`'s `command`. Signals, exit code and terminal are then its own.
///
/// # Errors
///
/// Where the program cannot be built or run.
pub(crate) fn run(
    program: &str,
    command: &str,
    rest: &Rest,
    interrupt: &Interrupt,
) -> anyhow::Result<ExitCode> {
    let binaries = Binaries::build_quietly(program, interrupt)?;
    let error = binaries
        .command(program)
        .current_dir(std::env::current_dir().context("cannot tell the current directory")?)
        .arg(command)
        .args(&rest.arguments)
        .exec();
    Err(error).with_context(|| format!("cannot run {program}"))
}
