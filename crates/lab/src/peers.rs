//! `cargo xtask peers`: what others do for the same sum on the same file, and with tasks that do
//! nothing, ours beside theirs; `fork_map` beside threads; and process pools of Python.

mod costs;
mod executors;
mod forked;
mod plan;
mod python;
mod run;
mod table;
mod tiny;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use plan::{Peer, Program};
use progress::Progress;
use python::Python;
use report::{Peers, SCHEMA, SkippedPeer};
use tiny::{Rounds, TinyPeer};

use harness::dataset::DatasetArgs;
use harness::exit;
use harness::format::Format;
use harness::interrupt::{Interrupt, Interrupted};
use harness::results::Results;
use harness::workspace::{Binaries, Example};

/// Workers of a sum, where nobody says how many.
const SUM_WORKERS: u32 = 8;
/// Workers of tiny tasks, where nobody says how many: with more of them than cores it is the
/// kernel's scheduler that is measured.
const TINY_WORKERS: u32 = 2;

/// What can be asked of the peers.
#[derive(Debug, Args)]
pub(crate) struct PeersArgs {
    #[command(flatten)]
    dataset: DatasetArgs,
    /// Workers, theirs and ours [default: 8, of tiny tasks 2]; beside rayon as many as cores
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    workers: Option<u32>,
    /// Pairs of each peer, after a warm-up; beside rayon at least 9
    #[arg(long, short, value_name = "R", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Only peers whose name contains one of these
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    peers: Vec<String>,
    /// How long one run may take: 500ms, 30s, 2m, or a number of seconds
    #[arg(long, value_name = "TIME", default_value = "600s", value_parser = report::parse_duration)]
    timeout: Duration,
    /// Where to save [default: target/handoff/<date>-<machine>]
    #[arg(long, short, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Use the binaries in this directory instead of building them
    #[arg(long, value_name = "DIR")]
    bin_dir: Option<PathBuf>,
    /// Print the peers, and run none
    #[arg(long)]
    list: bool,
    /// How to print the tables: text or json
    #[arg(long, default_value = "text", hide_possible_values = true)]
    format: Format,
}

/// Measures the peers, prints and saves the tables.
///
/// # Errors
///
/// Where nothing can be measured at all; a peer that fails is reported in the table and by the exit code.
pub(crate) fn main(args: &PeersArgs, interrupt: &Interrupt) -> anyhow::Result<ExitCode> {
    let asked = |name: &str| {
        args.peers.is_empty() || args.peers.iter().any(|part| name.contains(part.as_str()))
    };
    let mut sums = plan::all();
    sums.retain(|peer| asked(&peer.name));
    let mut tiny = tiny::PEERS.to_vec();
    tiny.retain(|peer| asked(peer.name));
    let mut others = vec![costs::NAME, forked::NAME, executors::NAME];
    others.retain(|name| asked(name));
    let names: Vec<&str> = sums
        .iter()
        .map(|peer| peer.name.as_str())
        .chain(tiny.iter().map(|peer| peer.name))
        .chain(others.iter().copied())
        .collect();
    if names.is_empty() {
        eprintln!("error: no peer has such a name (see --list)");
        return Ok(ExitCode::from(exit::USAGE));
    }
    if args.list {
        println!("{}", names.join("\n"));
        return Ok(ExitCode::from(exit::DONE));
    }

    measure(args, &sums, &tiny, &others, interrupt)
}

fn measure(
    args: &PeersArgs,
    sums: &[Peer],
    tiny: &[TinyPeer],
    others: &[&str],
    interrupt: &Interrupt,
) -> anyhow::Result<ExitCode> {
    let binaries = programs(args, interrupt)?;
    let data = args.dataset.prepare(&binaries, interrupt)?;
    let timeout = args.timeout;
    let described = args
        .dataset
        .describe(&data, &binaries, timeout, interrupt)?;
    let mut python = Python::prepare(interrupt)?;
    if others.contains(&executors::NAME) {
        executors::install(&mut python);
        interrupt.check()?;
    }
    let date = jiff::Zoned::now();
    let results = Results::open(
        args.out.as_deref(),
        &date,
        &described.machine,
        &["peers.json"],
    )?;

    let job = run::Job {
        binaries: &binaries,
        python: &python,
        data: &data,
        field: args.dataset.field(),
        workers: args.workers.unwrap_or(SUM_WORKERS),
        cores: described.machine.cores,
        runs: args.runs,
        timeout,
        quiet: args.dataset.quiet,
    };
    let mut peers = Peers {
        schema: SCHEMA,
        date: date.timestamp().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        machine: described.machine,
        dataset: described.dataset,
        runs: args.runs,
        workers: job.workers,
        versions: python.versions(),
        rows: Vec::new(),
        tiny_workers: args.workers.unwrap_or(TINY_WORKERS),
        rates: Vec::new(),
        alone: Vec::new(),
        forked: Vec::new(),
        executors: Vec::new(),
        costs: Vec::new(),
        skipped: Vec::new(),
    };
    let mut stopped = all(&mut peers, sums, tiny, &job, &results, interrupt)?;
    if stopped.is_none() {
        stopped = measure_others(&mut peers, others, &job, &results, interrupt)?;
    }

    print!("{}", args.format.of(&peers, || table::terminal(&peers))?);
    eprintln!("Saved in {}", results.directory().display());
    if let Some(stopped) = stopped {
        eprintln!("{stopped}; the peers measured so far are kept");
        return Ok(exit::stopped_by(stopped.0));
    }
    let invalid = peers.rows.iter().any(|row| row.void.is_some())
        || peers.rates.iter().any(|row| row.void.is_some())
        || peers.alone.iter().any(|row| row.void.is_some())
        || peers.forked.iter().any(|row| row.void.is_some())
        || peers.executors.iter().any(|row| row.void.is_some());
    Ok(ExitCode::from(if invalid {
        exit::FAILED
    } else {
        exit::DONE
    }))
}

/// What is compared in other ways than by sums and tiny tasks.
fn measure_others(
    peers: &mut Peers,
    others: &[&str],
    job: &run::Job<'_>,
    results: &Results,
    interrupt: &Interrupt,
) -> anyhow::Result<Option<Interrupted>> {
    let mut stopped = None;
    for other in others {
        match *other {
            costs::NAME => match costs::measure(job, interrupt) {
                Ok(costs) => peers.costs = costs,
                Err(interrupted) => stopped = Some(interrupted),
            },
            forked::NAME => stopped = beside_threads(peers, job, interrupt),
            _ => stopped = executors::measure(peers, job, interrupt).err(),
        }
        save(peers, results)?;
        if stopped.is_some() {
            break;
        }
    }
    Ok(stopped)
}

/// Our programs and the peers' that are ours to build: given, or built.
fn programs(args: &PeersArgs, interrupt: &Interrupt) -> anyhow::Result<Binaries> {
    let needed = [
        "coordinator",
        "worker",
        "datagen",
        "peer-rayon",
        "peer-procspawn",
    ];
    let examples = [
        ("pool", "tiny_tasks"),
        ("handoff", "fork_sum"),
        ("handoff", "rates"),
        ("wire", "throughput"),
    ];
    let examples = examples.map(|(package, name)| Example { package, name });
    match &args.bin_dir {
        Some(directory) => {
            let names = examples.map(|example| example.name);
            Binaries::in_directory(directory, &[&needed[..], &names].concat())
        }
        None => Binaries::build_with_examples(&needed, &examples, interrupt),
    }
}

/// Runs peer after peer, then the tiny tasks round by round, and saves what there is after each.
fn all(
    peers: &mut Peers,
    sums: &[Peer],
    tiny: &[TinyPeer],
    job: &run::Job<'_>,
    results: &Results,
    interrupt: &Interrupt,
) -> anyhow::Result<Option<Interrupted>> {
    let installed = |needs: Option<&str>| needs.map_or(Ok(()), |needs| job.python.has(needs));
    let pairs = |peer: &Peer| u64::from(peer.pairs(job.runs)) + 1;
    let rounds = if tiny.is_empty() { 0 } else { job.runs + 1 };
    let steps = sums.iter().map(pairs).sum::<u64>() + u64::from(rounds);
    let mut progress = Progress::steps("", steps, progress::wanted(job.quiet)).ticking();
    for peer in sums {
        progress.about(peer.name.clone());
        let needs = match peer.program {
            Program::Python { needs, .. } => Some(needs),
            Program::Rayon { .. } => None,
        };
        if let Err(reason) = installed(needs) {
            peers.skipped.push(skipped(&peer.name, reason));
            (0..pairs(peer)).for_each(|_| progress.step());
            continue;
        }
        match run::row(peer, job, interrupt, || progress.step()) {
            Ok(row) => peers.rows.push(row),
            Err(stopped) => return Ok(Some(stopped)),
        }
        save(peers, results)?;
    }

    progress.about("tiny tasks");
    let mut runnable = Vec::new();
    for peer in tiny {
        match installed(peer.needs()) {
            Ok(()) => runnable.push(*peer),
            Err(reason) => peers.skipped.push(skipped(peer.name, reason)),
        }
    }
    let mut tasks = Rounds::new(&runnable, peers.tiny_workers);
    for round in 0..rounds {
        if let Err(stopped) = tasks.run(round, job, interrupt) {
            return Ok(Some(stopped));
        }
        (peers.rates, peers.alone) = (tasks.rates(), tasks.alone());
        save(peers, results)?;
        progress.step();
    }
    drop(progress);
    save(peers, results)?;
    Ok(None)
}

/// `fork_map` beside threads, as many as there are processors: more would only wait for each other.
fn beside_threads(
    peers: &mut Peers,
    job: &run::Job<'_>,
    interrupt: &Interrupt,
) -> Option<Interrupted> {
    if let Some(reason) = forked::lacking(&peers.machine) {
        peers.skipped.push(skipped(forked::NAME, reason));
        return None;
    }
    for huge_pages in [false, true] {
        match forked::row(job.cores, huge_pages, job, interrupt) {
            Ok(row) => peers.forked.push(row),
            Err(interrupted) => return Some(interrupted),
        }
    }
    None
}

fn skipped(name: &str, reason: String) -> SkippedPeer {
    SkippedPeer {
        name: name.to_owned(),
        reason,
    }
}

fn save(peers: &Peers, results: &Results) -> anyhow::Result<()> {
    results.json("peers.json", peers)?;
    results.text("peers.md", &table::markdown(peers))
}
