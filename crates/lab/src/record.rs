//! `cargo xtask record`: everything that README and docs quote, measured in one session on one machine.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use harness::exit;
use harness::interrupt::Interrupt;
use harness::results::Results;
use harness::workspace::{self, Binaries};

use crate::page;
use crate::terms;

/// What is measured, in this order.
const PARTS: [&str; 5] = ["matrix", "serde", "jobs", "peers", "traits"];

/// The arguments of `record`.
#[derive(Debug, Args)]
pub(crate) struct RecordArgs {
    /// Records of the sum
    #[arg(long, short = 'n', value_name = "N", default_value = "200M")]
    records: String,
    /// Only these parts: matrix, serde, jobs, peers, traits
    #[arg(long, value_name = "PART", value_delimiter = ',', value_parser = PARTS)]
    parts: Vec<String>,
    /// Where to save [default: results/<date>-<machine>]
    #[arg(long, short, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Measures part after part into one folder, and draws its pages.
///
/// # Errors
///
/// Where a part cannot be run; one that reports failures is named and gives exit code 1.
pub(crate) fn main(args: &RecordArgs, interrupt: &Interrupt) -> anyhow::Result<ExitCode> {
    let results = match &args.out {
        Some(out) => Results::open(Some(out), &jiff::Zoned::now(), &machine::machine(), &[])?,
        None => Results::record(&jiff::Zoned::now(), &machine::machine())?,
    };
    // The parts run in the root of the workspace, wherever this was called, and save their command lines: what
    // is inside is named from there.
    let full = |path: &Path| path.canonicalize().context("cannot find the folder");
    let (root, out) = (full(&workspace::root())?, full(results.directory())?);
    let out = out.strip_prefix(&root).unwrap_or(&out);
    let all = args.parts.is_empty();
    let mut failed = Vec::new();
    for part in PARTS {
        if !all && !args.parts.iter().any(|asked| asked == part) {
            continue;
        }
        let began = Instant::now();
        if !run(part, &args.records, out, interrupt)? {
            failed.push(part);
        }
        interrupt.check()?;
        eprintln!("── {part}: {} s", began.elapsed().as_secs());
    }
    page::draw(&results)?;
    eprintln!("The record is in {}", out.display());
    eprintln!(
        "For README and docs: cargo xtask figures --record {}",
        out.display()
    );
    if failed.is_empty() {
        return Ok(ExitCode::from(exit::DONE));
    }
    eprintln!(
        "error: not all of it could be measured: {}",
        failed.join(", ")
    );
    Ok(ExitCode::from(exit::FAILED))
}

/// Runs a part; whether all of it could be measured.
fn run(part: &str, records: &str, out: &Path, interrupt: &Interrupt) -> anyhow::Result<bool> {
    let few = "--min-runs 6 --max-runs 6";
    let sum = format!("matrix --records {records} --out");
    let mut passed = true;
    match part {
        "matrix" => {
            let cells =
                "--transports bytes,shm,mmap,inherit --workers 1,4,8 --start-methods spawn,fork";
            passed &= lab(&format!("{sum} {} {cells} {few}", out.display()))?;
        }
        // One cell: encoding takes so long that more of them would fill the session.
        "serde" => {
            let folder = out.join("serde");
            let cell =
                "--transports serde --start-methods spawn --workers 8 --runs 3 --no-reference";
            passed &= lab(&format!("{sum} {} {cell}", folder.display()))?;
        }
        "jobs" => {
            let cores = terms::cores()?;
            for known in &crate::jobs::ALL {
                let rows = format!("--start-methods spawn,fork --workers {cores} {few}");
                passed &= lab(&format!(
                    "matrix --job {} {rows} --out {}",
                    known.name,
                    out.display()
                ))?;
            }
        }
        "peers" => {
            // Of Python's executor one start method: theirs differ little, and each pair takes many seconds.
            let peers = "executor-fork-bytes,executor-fork-shm,executor-fork-mmap,rayon,tiny,costs,fork_map";
            passed &= lab(&format!(
                "peers --records {records} --runs 3 --peers {peers} --out {}",
                out.display()
            ))?;
        }
        _ => {
            let binaries = Binaries::build(&["coordinator"], interrupt)?;
            let traits = workspace::root().join(out).join("traits.json");
            let file = File::create(traits).context("cannot write traits.json")?;
            let mut traits = binaries.command("coordinator");
            traits.args(["traits", "--format", "json"]).stdout(file);
            passed &= traits.status().context("cannot run coordinator")?.success();
        }
    }
    Ok(passed)
}

/// Runs a command of this program; whether it succeeded. No argument has a space.
fn lab(line: &str) -> anyhow::Result<bool> {
    eprintln!("\n$ cargo xtask {line}");
    let own = std::env::current_exe().context("cannot find this program")?;
    let status = Command::new(own)
        .args(line.split_whitespace())
        .current_dir(workspace::root())
        .stdout(Stdio::null())
        .status()
        .context("cannot run this program")?;
    Ok(status.success())
}
