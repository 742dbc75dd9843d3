//! `coordinator traits`: common claims about start methods, one by one, measured here.
//!
//! A claim is a file in [`claims`]. For each start method its probe runs in a process of its own,
//! which is the parent that the claim speaks of and starts children by that method. What the
//! probes find makes the cells; the cells make the verdict.

mod ballast;
mod catalog;
mod claim;
mod claims;
mod probe;
mod start;
mod table;
mod verdict;

pub(super) use catalog::registry;

use super::process::write_whole;
use super::workers::with_signals;
use crate::cli::{TraitChildArgs, TraitProbeArgs, TraitServerArgs, TraitsArgs, TraitsFormat};
use crate::exit::Failure;
use crate::signals::Signals;
use anyhow::Context;
use catalog::{CLAIMS, Entry, Probed, find};
use claim::{Methods, Settings};
use machine::machine;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use progress::Progress;
use report::{StartMethod, TraitCell, TraitCells, TraitRow, Traits};
use serde_json::Value;
use std::env;
use std::time::Instant;

/// Measures the claims and prints the verdicts. Fails where a probe failed, after printing.
pub(crate) fn run(args: &TraitsArgs) -> Result<(), Failure> {
    let settings: Settings = args.set.iter().cloned().collect();
    let chosen = choose(args).map_err(Failure::usage)?;
    with_signals(|signals| {
        let began = Instant::now();
        let date = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
        let mut rows = Vec::new();
        let mut progress = Progress::steps("", chosen.len() as u64, progress::wanted(args.quiet));
        for entry in chosen {
            progress.about(entry.title);
            rows.push(row(entry, &settings, signals)?);
            progress.step();
        }
        drop(progress);
        let traits = Traits {
            schema: report::SCHEMA,
            version: pool::VERSION.to_owned(),
            date: date.to_string(),
            command: command_line(),
            machine: machine(),
            seconds: began.elapsed().as_secs_f64(),
            rows,
        };
        write_whole(&match args.format {
            TraitsFormat::Text => table::text(&traits),
            TraitsFormat::Markdown => table::markdown(&traits),
            TraitsFormat::Json => format!("{}\n", serde_json::to_string(&traits)?),
        });
        let failed = |row: &&TraitRow<Value>| row.verdict == report::Verdict::NotMeasured;
        match traits.rows.iter().find(failed) {
            None => Ok(()),
            Some(row) => Err(anyhow::anyhow!("{} could not be measured", row.claim).into()),
        }
    })
}

/// What was typed, the program by its name alone.
fn command_line() -> Vec<String> {
    let arguments = env::args_os().skip(1);
    ["coordinator".to_owned()]
        .into_iter()
        .chain(arguments.map(|word| word.to_string_lossy().into_owned()))
        .collect()
}

/// The hidden subcommand of a probe's own process.
pub(crate) fn run_probe(args: &TraitProbeArgs) -> Result<(), Failure> {
    set_pdeathsig(Signal::SIGKILL)?;
    let settings: Settings = args.set.iter().cloned().collect();
    let probed = (find(&args.claim)?.probe)(args.start_method, &settings)?;
    Ok(output::print(&serde_json::to_string(&probed)?)?)
}

/// The hidden subcommand of a child that is started by exec.
pub(crate) fn run_child(args: &TraitChildArgs) -> Result<(), Failure> {
    Ok(start::serve_one(find(&args.claim)?.child, &args.ask)?)
}

/// The hidden subcommand of a forkserver.
pub(crate) fn run_server(args: &TraitServerArgs) -> Result<(), Failure> {
    let entry = find(&args.claim)?;
    (entry.prepare)();
    Ok(start::serve(entry.child)?)
}

/// The claims that were asked for; all without a word.
fn choose(args: &TraitsArgs) -> anyhow::Result<Vec<&'static Entry>> {
    let all = const { &CLAIMS };
    let chosen: Vec<&Entry> = match &args.only[..] {
        [] => all.iter().collect(),
        names => names
            .iter()
            .map(|name| find(name))
            .collect::<Result<_, _>>()?,
    };
    for (name, _) in &args.set {
        let mut known = chosen.iter().flat_map(|entry| entry.settings);
        let found = known.any(|(setting, _)| setting == name);
        anyhow::ensure!(found, "no claim that is measured has a setting `{name}`");
    }
    Ok(chosen)
}

/// Measures one claim under every start method. A probe that fails leaves its cell to say so.
fn row(entry: &Entry, settings: &Settings, signals: &Signals) -> anyhow::Result<TraitRow<Value>> {
    let own: Settings = settings
        .iter()
        .filter(|(name, _)| entry.settings.iter().any(|(known, _)| known == name))
        .map(|(name, value)| (name.clone(), *value))
        .collect();
    let probe = |method| {
        let probed = probe::run(entry, method, &own, signals);
        match signals.came() {
            Some(_) => probed.map(Ok),
            None => Ok(probed),
        }
    };
    let fork = probe(StartMethod::Fork)?;
    let spawn = probe(StartMethod::Spawn)?;
    let forkserver = probe(StartMethod::ForkServer)?;
    let mut skipped = Vec::new();
    let mut cell = |method: StartMethod, probed: &anyhow::Result<Probed>| {
        anyhow::Ok(match probed {
            Ok(probed) => {
                let here = probed
                    .skipped
                    .iter()
                    .map(|what| format!("{method}: {what}"));
                skipped.extend(here);
                TraitCell {
                    text: (entry.cell)(&probed.seen)?,
                    seen: Some(probed.seen.clone()),
                }
            }
            Err(error) => TraitCell {
                text: format!("{error:#}"),
                seen: None,
            },
        })
    };
    let cells = TraitCells {
        fork: cell(StartMethod::Fork, &fork)?,
        spawn: cell(StartMethod::Spawn, &spawn)?,
        forkserver: cell(StartMethod::ForkServer, &forkserver)?,
    };
    let statements = match (fork, spawn, forkserver) {
        (Ok(fork), Ok(spawn), Ok(forkserver)) => (entry.judge)(&Methods {
            fork: fork.seen,
            spawn: spawn.seen,
            forkserver: forkserver.seen,
        })
        .with_context(|| format!("judging {}", entry.name))?,
        _ => Vec::new(),
    };
    anyhow::Ok(TraitRow {
        claim: entry.name.to_owned(),
        title: entry.title.to_owned(),
        verdict: verdict::verdict(&statements),
        cells,
        statements,
        measured: entry.measured.to_owned(),
        skipped,
    })
}
