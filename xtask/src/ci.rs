//! `cargo xtask ci`: everything that has to hold before a change goes in.

mod mpi;
pub(crate) mod python;

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::Context;
use clap::Args;

use harness::exit;
use harness::interrupt::Interrupt;
use harness::workspace::{cargo, root};

/// What is checked.
#[derive(Debug, Args)]
pub(crate) struct CiArgs {
    /// Also build and test crates/cluster, which needs an MPI library and libclang
    #[arg(long)]
    mpi: bool,
    /// Also build and test python/ and crates/python, which need Python 3.11 or later
    #[arg(long)]
    python: bool,
}

/// A check's name, and what runs it.
type Check = (&'static str, Command);

/// Runs check after check, and stops at the first that fails.
///
/// # Errors
///
/// Where a check cannot be run at all; one that fails is reported by the exit code.
pub(crate) fn main(args: &CiArgs, interrupt: &Interrupt) -> anyhow::Result<ExitCode> {
    let before = tree()?;
    let out = tempfile::tempdir().context("cannot make a directory for results")?;
    let mut checks = of_the_source();
    checks.extend(of_behaviour(out.path())?);
    if args.mpi {
        checks.extend(mpi::checks()?);
    }
    if args.python {
        checks.extend(python::checks()?);
    }
    let mut passed = Vec::new();
    for (name, mut check) in checks {
        eprintln!("\n── {name}");
        let started = Instant::now();
        let status = check
            .status()
            .with_context(|| format!("cannot run the check {name}"))?;
        interrupt.check()?;
        if !status.success() {
            eprintln!("\nerror: the check {name} failed ({status})");
            return Ok(ExitCode::from(exit::FAILED));
        }
        passed.push(format!("{name} {} s", started.elapsed().as_secs()));
    }
    let after = tree()?;
    if before != after {
        let after = after.unwrap_or_default();
        eprintln!("\nerror: the checks changed the source tree:\n{after}");
        return Ok(ExitCode::from(exit::FAILED));
    }
    eprintln!("\nAll checks passed: {}", passed.join(", "));
    Ok(ExitCode::from(exit::DONE))
}

/// What is read, and not run.
fn of_the_source() -> Vec<Check> {
    let clippy = "clippy --workspace --all-targets --locked -- -D warnings";
    let mut doc = with(cargo(), "doc --workspace --no-deps --locked");
    doc.env("RUSTDOCFLAGS", "-D warnings");
    let mut checks = vec![
        ("fmt", with(cargo(), "fmt --all --check")),
        ("clippy", with(cargo(), clippy)),
        ("doc", doc),
    ];
    checks.extend(deny().map(|deny| ("deny", deny)));
    checks
}

/// What is run: tests, models, and the programs under load and faults.
fn of_behaviour(out: &Path) -> anyhow::Result<Vec<Check>> {
    let words = |line: &str| Ok::<_, anyhow::Error>(with(xtask()?, line));
    // Needs a build of the engine with deliberate defects, which no other test has.
    let defects = "test --locked --package simulate --features defects --test defects";
    // Tests unwind, whatever their profile says: this program checks itself.
    let aborts = "run --locked --profile abort --package cases --bin aborts";
    // Features that nothing in the workspace asks for.
    let features = "check --locked --package handoff --all-features";
    let ndarray = "test --locked --package task --features ndarray ndarray";
    let mut matrix = words("matrix --records 1M --runs 1 --workers 1,4")?;
    matrix.arg("--out").arg(out);
    Ok(vec![
        ("test", words("test")?),
        ("aborts", with(cargo(), aborts)),
        // An alias in .cargo/config.toml: the models of wire::lane need a build of their own.
        ("models", with(cargo(), "loom --locked")),
        ("figures", words("figures --check")?),
        ("ndarray", with(cargo(), ndarray)),
        ("features", with(cargo(), features)),
        ("defects", with(cargo(), defects)),
        ("simulate", words("simulate --seeds 100000")?),
        ("matrix", matrix),
        // The same rounds every time, so that a broken guarantee is not mistaken for bad luck.
        ("chaos", words("chaos --seed 1 --rounds 80 --records 200k")?),
        // Four of every start method and transport.
        ("kills", words("kills --seed 1 --times 52 --records 1M")?),
    ])
}

/// A command with these words as its arguments.
fn with(mut command: Command, words: &str) -> Command {
    command.args(words.split(' '));
    command
}

/// The rules for dependencies (`deny.toml`), where cargo-deny is installed. Advisories, which need the
/// network, are left to the hosted workflow.
fn deny() -> Option<Command> {
    let mut asked = cargo();
    asked
        .args(["deny", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if !asked.status().ok()?.success() {
        return None;
    }
    Some(with(cargo(), "deny check bans licenses sources"))
}

/// This program again.
fn xtask() -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("cannot find xtask itself")?);
    command.current_dir(root());
    Ok(command)
}

/// What git thinks of the tree; nothing where there is no git or no repository, as in an archive.
fn tree() -> anyhow::Result<Option<String>> {
    let asked = Command::new("git")
        .args(["status", "--porcelain"])
        .current_dir(root())
        .output();
    match asked {
        Ok(output) if output.status.success() => Ok(Some(String::from_utf8(output.stdout)?)),
        Ok(_) | Err(_) => Ok(None),
    }
}
