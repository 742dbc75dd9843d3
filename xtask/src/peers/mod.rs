//! `cargo xtask peers`: what others do for the same sum on the same file, ours beside theirs.

mod plan;
mod python;
mod run;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use plan::{Peer, Program};
use python::Python;
use report::{Peers, SCHEMA, SkippedPeer};

use crate::dataset::DatasetArgs;
use crate::exit;
use crate::interrupt::{Interrupt, Interrupted};
use crate::progress;
use crate::results::Results;
use crate::workspace::Binaries;

/// What can be asked of the peers.
#[derive(Debug, Args)]
pub(crate) struct PeersArgs {
    #[command(flatten)]
    dataset: DatasetArgs,
    /// Workers, theirs and ours
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    workers: u32,
    /// Pairs of each peer, after a warm-up
    #[arg(long, value_name = "R", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Only peers whose name contains one of these
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    peers: Vec<String>,
    /// Seconds that one run may take
    #[arg(long, value_name = "S", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
    /// Where to save [default: results/<date>-<machine>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Use the binaries in this directory instead of building them
    #[arg(long, value_name = "DIR")]
    bin_dir: Option<PathBuf>,
    /// Print the peers, and run none
    #[arg(long)]
    list: bool,
}

/// Measures the peers, prints and saves the tables.
///
/// # Errors
///
/// Where nothing can be measured at all; a peer that fails is told in the table and by the code.
pub(crate) fn main(args: &PeersArgs, interrupt: &Interrupt) -> anyhow::Result<ExitCode> {
    let asked = |name: &str| {
        args.peers.is_empty() || args.peers.iter().any(|part| name.contains(part.as_str()))
    };
    let mut sums = plan::all();
    sums.retain(|peer| asked(&peer.name));
    let mut rates = plan::RATES.to_vec();
    rates.retain(|peer| asked(peer.name));
    let names: Vec<&str> = sums
        .iter()
        .map(|peer| peer.name.as_str())
        .chain(rates.iter().map(|peer| peer.name))
        .collect();
    if names.is_empty() {
        eprintln!("error: no peer has such a name (see --list)");
        return Ok(ExitCode::from(exit::USAGE));
    }
    if args.list {
        println!("{}", names.join("\n"));
        return Ok(ExitCode::from(exit::DONE));
    }

    let needed = ["coordinator", "worker", "datagen", "peer-rayon"];
    let binaries = match &args.bin_dir {
        Some(directory) => Binaries::in_directory(directory, &needed)?,
        None => Binaries::build(&needed, interrupt)?,
    };
    let data = args.dataset.prepare(&binaries, interrupt)?;
    let timeout = Duration::from_secs(args.timeout);
    let described = args
        .dataset
        .describe(&data, &binaries, timeout, interrupt)?;
    let python = Python::prepare(interrupt)?;
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
        workers: args.workers,
        cores: described.machine.cores,
        runs: args.runs,
        timeout,
    };
    let mut peers = Peers {
        schema: SCHEMA,
        date: date.timestamp().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        machine: described.machine,
        dataset: described.dataset,
        runs: args.runs,
        workers: args.workers,
        versions: python.versions(),
        rows: Vec::new(),
        rates: Vec::new(),
        skipped: Vec::new(),
    };
    let stopped = all(&mut peers, &sums, &rates, &job, &results, interrupt)?;

    print!("{}", table::terminal(&peers));
    eprintln!("Saved in {}", results.directory().display());
    if let Some(stopped) = stopped {
        eprintln!("{stopped}; the peers measured so far are kept");
        return Ok(exit::stopped_by(stopped.0));
    }
    let void = peers.rows.iter().any(|row| row.void.is_some())
        || peers.rates.iter().any(|row| row.void.is_some());
    Ok(ExitCode::from(if void { exit::FAILED } else { exit::DONE }))
}

/// Runs peer after peer, and saves what there is after each.
fn all(
    peers: &mut Peers,
    sums: &[Peer],
    rates: &[plan::RatePeer],
    job: &run::Job<'_>,
    results: &Results,
    interrupt: &Interrupt,
) -> anyhow::Result<Option<Interrupted>> {
    let pairs = usize::try_from(job.runs)? + 1;
    let bar = progress::bar(sums.len() * pairs + rates.len());
    for peer in sums {
        bar.set_message(peer.name.clone());
        if let Program::Python { needs, .. } = peer.program
            && let Err(reason) = job.python.has(needs)
        {
            peers.skipped.push(SkippedPeer {
                name: peer.name.clone(),
                reason,
            });
            bar.inc(u64::try_from(pairs)?);
            continue;
        }
        match run::row(peer, job, interrupt, || bar.inc(1)) {
            Ok(row) => peers.rows.push(row),
            Err(stopped) => return Ok(Some(stopped)),
        }
        save(peers, results)?;
    }
    for peer in rates {
        bar.set_message(peer.name);
        match job.python.has(peer.needs) {
            Err(reason) => {
                peers.skipped.push(SkippedPeer {
                    name: peer.name.to_owned(),
                    reason,
                });
            }
            Ok(()) => match run::rates(peer, job, interrupt) {
                Ok(row) => peers.rates.push(row),
                Err(stopped) => return Ok(Some(stopped)),
            },
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    save(peers, results)?;
    Ok(None)
}

fn save(peers: &Peers, results: &Results) -> anyhow::Result<()> {
    results.json("peers.json", peers)?;
    results.text("peers.md", &table::markdown(peers))
}
