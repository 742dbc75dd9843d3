//! `cargo xtask test`: all tests, with the programs that they run built first.

use std::io::{BufRead, BufReader};
use std::process::{ExitCode, Stdio};

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

/// What the test programs said in the end.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    programs: u64,
    passed: u64,
    failed: u64,
    ignored: u64,
}

/// Runs the tests and closes with one line.
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
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run cargo")?;
    let mut tally = Tally::default();
    for line in BufReader::new(child.stdout.take().expect("piped above")).lines() {
        let line = line?;
        println!("{line}");
        tally.add(&line);
    }
    let status = child.wait()?;
    interrupt.check()?;

    let Tally {
        programs,
        passed,
        failed,
        ignored,
    } = tally;
    println!("\n{passed} tests passed, {failed} failed, {ignored} ignored, in {programs} programs");
    if status.success() {
        return Ok(ExitCode::from(exit::DONE));
    }
    if failed == 0 {
        eprintln!("error: cargo test failed before or between tests ({status})");
    }
    Ok(ExitCode::from(exit::FAILED))
}

impl Tally {
    /// Counts a line such as `test result: ok. 7 passed; 0 failed; 1 ignored; …`.
    fn add(&mut self, line: &str) {
        let Some(counts) = line.strip_prefix("test result: ") else {
            return;
        };
        self.programs += 1;
        for part in counts.split(['.', ';']) {
            let mut words = part.split_whitespace();
            if let (Some(Ok(count)), Some(what)) =
                (words.next().map(str::parse::<u64>), words.next())
            {
                match what {
                    "passed" => self.passed += count,
                    "failed" => self.failed += count,
                    "ignored" => self.ignored += count,
                    _ => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_counted() {
        let mut tally = Tally::default();
        for line in [
            "running 7 tests",
            "test result: ok. 7 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 3 filtered out; finished in 1.25s",
        ] {
            tally.add(line);
        }
        assert_eq!(
            tally,
            Tally {
                programs: 2,
                passed: 8,
                failed: 2,
                ignored: 1
            }
        );
    }
}
