//! `cargo xtask limits`: reference measurements, which are plain programs that move the same bytes.
//! (They were called limits; the command and the JSON keep that name.)
//!
//! Of our own crates, only the kernel of the workers is used, so that a reference reads a dataset as fast as
//! is known; what moves bytes is written anew. Each probe runs in a process of its own, so that it can fork while it has one
//! thread, and so that one probe's memory is not the next one's.

mod crew;
mod dispatch;
mod fill;
mod memory;
pub(crate) mod names;
mod plan;
mod probe;
mod processes;
mod raw;
mod reading;
mod sampling;
mod sockets;
mod table;
mod userfault;

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use report::{Limit, LimitData, Limits, Machine, Pages, SCHEMA, Unit};

pub(crate) use plan::{Plan, fills, for_cells, streams};
pub(crate) use probe::{FillWay, Order, Probe, SEGMENT_FILL};
pub(crate) use processes::ANSWER;
use progress::Progress;
pub(crate) use raw::map;

use harness::dataset::DatasetArgs;
use harness::exit;
use harness::format::Format;
use harness::interrupt::Interrupt;
use harness::process::{self, RunError};
use harness::results::Results;
use harness::workspace::{self, Binaries};

/// The hidden command that runs one probe.
pub(crate) const PROBE: &str = "probe";
/// A probe that takes longer has hung.
const DEADLINE: Duration = Duration::from_secs(600);

/// The arguments of `limits`.
#[derive(Debug, Args)]
pub(crate) struct LimitsArgs {
    #[command(flatten)]
    dataset: DatasetArgs,
    /// Only probes whose name contains one of these
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    probes: Vec<String>,
    /// Samples of each probe, after its warm-up
    #[arg(long, short, value_name = "R", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Where to save [default: target/handoff/<date>-<machine>]
    #[arg(long, short, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Use the binaries in this directory instead of building them
    #[arg(long, value_name = "DIR")]
    bin_dir: Option<PathBuf>,
    /// Print the probes, and run none
    #[arg(long)]
    list: bool,
    /// How to print the table: text or json
    #[arg(long, default_value = "text", hide_possible_values = true)]
    format: Format,
}

/// Takes the reference measurements, prints and saves them.
///
/// # Errors
///
/// Where nothing can be measured at all; a probe that fails is named in the table and gives exit code 1.
pub(crate) fn main(args: &LimitsArgs, interrupt: &Interrupt) -> anyhow::Result<ExitCode> {
    let cores = std::thread::available_parallelism()
        .context("cannot determine the number of processors")?;
    let mut probes = plan::all(u32::try_from(cores.get())?);
    if !args.probes.is_empty() {
        probes.retain(|probe| {
            args.probes
                .iter()
                .any(|name| probe.listed().contains(name.as_str()))
        });
    }
    if probes.is_empty() {
        eprintln!("error: no probe has such a name (see --list)");
        return Ok(ExitCode::from(exit::USAGE));
    }
    if args.list {
        for probe in &probes {
            println!("{:<28} {}", probe.listed(), names::width(probe.width()));
        }
        return Ok(ExitCode::from(exit::DONE));
    }
    let needed = ["coordinator", "worker", "datagen"];
    let binaries = match &args.bin_dir {
        Some(directory) => Binaries::in_directory(directory, &needed)?,
        None => Binaries::build(&needed, interrupt)?,
    };
    let data = args.dataset.prepare(&binaries, interrupt)?;
    let machine = args
        .dataset
        .describe(&data, &binaries, DEADLINE, interrupt)?
        .machine;
    let results = Results::open(
        args.out.as_deref(),
        &jiff::Zoned::now(),
        &machine,
        &["limits.json"],
    )?;
    let plan = Plan {
        data,
        probes,
        samples: args.runs,
        quiet: args.dataset.quiet,
    };
    let limits = measure(&plan, &machine, &results, interrupt)?;
    print!("{}", args.format.of(&limits, || table::terminal(&limits))?);
    eprintln!("Saved in {}", results.directory().display());
    let failed = limits
        .limits
        .iter()
        .any(|limit| limit.value.is_none() && !optional(limit));
    Ok(ExitCode::from(if failed {
        exit::FAILED
    } else {
        exit::DONE
    }))
}

/// Measures one probe after the other and saves after each.
///
/// # Errors
///
/// Where results cannot be saved, or a signal asked to stop.
pub(crate) fn measure(
    plan: &Plan,
    machine: &Machine,
    results: &Results,
    interrupt: &Interrupt,
) -> anyhow::Result<Limits> {
    let bytes = std::fs::metadata(workspace::root().join(&plan.data))?.len();
    let mut limits = Limits {
        schema: SCHEMA,
        date: jiff::Timestamp::now()
            .strftime("%Y-%m-%dT%H:%M:%SZ")
            .to_string(),
        machine: machine.clone(),
        data: LimitData {
            path: plan.data.display().to_string(),
            bytes,
        },
        limits: Vec::new(),
    };
    eprintln!("Taking {} reference measurements …", plan.probes.len());
    let steps = plan.probes.len() as u64;
    let mut progress = Progress::steps("", steps, progress::wanted(plan.quiet)).ticking();
    for probe in &plan.probes {
        progress.about(format!(
            "{}, {}",
            probe.listed(),
            names::width(probe.width())
        ));
        let order = Order {
            probe: probe.clone(),
            data: plan.data.clone(),
            samples: plan.samples,
        };
        match in_a_process(&order, interrupt) {
            Ok(measured) => limits.limits.extend(measured),
            Err(error @ RunError::Interrupted(_)) => return Err(error.into()),
            Err(error) => limits.limits.push(not_measured(probe, &error)),
        }
        results.json("limits.json", &limits)?;
        results.text("limits.md", &table::markdown(&limits))?;
        progress.step();
    }
    drop(progress);
    Ok(limits)
}

/// The hidden command: measures what the JSON orders and prints limits as JSON.
///
/// # Errors
///
/// Those of the probe.
pub(crate) fn probe(order: &str) -> anyhow::Result<ExitCode> {
    let order: Order = serde_json::from_str(order).context("cannot read the order of a probe")?;
    println!("{}", serde_json::to_string(&dispatch::run(&order)?)?);
    Ok(ExitCode::from(exit::DONE))
}

/// Measures one probe, in a process of its own.
///
/// # Errors
///
/// What the probe said, or a signal.
pub(crate) fn in_a_process(order: &Order, interrupt: &Interrupt) -> Result<Vec<Limit>, RunError> {
    let failed = |how: String| RunError::Failed {
        how,
        quote: String::new(),
    };
    let own = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
    let mut command = Command::new(own);
    let order = serde_json::to_string(order).map_err(|error| failed(error.to_string()))?;
    command.current_dir(workspace::root()).args([PROBE, &order]);
    let finished = process::run(command, DEADLINE, interrupt)?;
    serde_json::from_str(&finished.stdout).map_err(|error| failed(error.to_string()))
}

fn not_measured(probe: &Probe, error: &RunError) -> Limit {
    Limit {
        probe: probe.family().to_owned(),
        width: probe.width(),
        pages: match probe {
            Probe::SegmentRead(_, pages) | Probe::Fork(_, pages) => Some(*pages),
            Probe::SegmentFill(FillWay::PreadHuge, _) => Some(Pages::Huge),
            _ => None,
        },
        touch: None,
        unit: Unit::GigabytesPerSecond,
        value: None,
        samples: Vec::new(),
        note: Some(error.to_string()),
    }
}

/// Whether a machine may well refuse a probe: huge pages are a matter of its settings.
fn optional(limit: &Limit) -> bool {
    limit.pages == Some(Pages::Huge) || limit.probe == probe::FORK
}
