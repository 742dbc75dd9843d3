//! `cargo xtask test`: all tests, with the programs that they run built first.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use harness::exit;
use harness::interrupt::Interrupt;
use harness::workspace::cargo;

/// What can be asked of the tests.
#[derive(Debug, Default, Args)]
pub(crate) struct TestArgs {
    /// Test what users run: the release profile
    #[arg(long)]
    release: bool,
    /// Only tests of these packages
    #[arg(long, short, value_name = "NAME")]
    package: Vec<String>,
    /// For the tests themselves: a filter, --nocapture
    #[arg(last = true)]
    rest: Vec<String>,
}

/// Runs the tests, all programs to their end.
///
/// # Errors
///
/// Where cargo cannot be run; tests that fail are reported by the exit code.
pub(crate) fn main(args: &TestArgs, interrupt: &Interrupt) -> anyhow::Result<ExitCode> {
    let profile: &[&str] = if args.release { &["--release"] } else { &[] };
    // A test looks for the programs of other packages beside its own; cargo builds only the latter.
    let built = cargo()
        .args(["build", "--workspace", "--bins"])
        .args(profile)
        .status()
        .context("cannot run cargo")?;
    interrupt.check()?;
    if !built.success() {
        eprintln!("error: the programs that tests run do not build");
        return Ok(ExitCode::from(exit::FAILED));
    }

    let mut command = cargo();
    command.args(["test", "--no-fail-fast"]).args(profile);
    if args.package.is_empty() {
        command.arg("--workspace");
    }
    for package in &args.package {
        command.args(["--package", package]);
    }
    command.arg("--").args(&args.rest);
    let status = command.status().context("cannot run cargo")?;
    interrupt.check()?;
    Ok(exit::of(status))
}
