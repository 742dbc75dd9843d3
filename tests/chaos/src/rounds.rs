//! `cargo xtask chaos`: the programs under mixed loads, while processes are killed, stopped and
//! delayed, workers misbehave, and datasets change.
//!
//! Each round is derived from the seed and its own number ([`plan`]), played ([`play`]) and judged
//! ([`verdict`]): its answer is bit-identical to the right one, or there is one clear error and a
//! documented exit code; it ends before a deadline; and ten seconds later nothing of it is left. The plan
//! is the same whenever a round is replayed; how the machine's scheduler executes it is not.

pub(crate) mod census;
mod fault;
mod injector;
mod plan;
mod play;
mod stage;
mod surrounding;
mod table;
mod tail;
mod verdict;
mod work;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use nix::sys::prctl::set_child_subreaper;
use progress::Progress;
use report::{Chaos, ChaosFailure, ChaosFault, ChaosRounds, SCHEMA};

use harness::dataset::short_count;
use harness::exit;
use harness::format::Format;
use harness::interrupt::Interrupt;
use harness::results::Results;
use harness::workspace::Binaries;
use plan::Round;
use play::Outcome;
use stage::{PROGRAMS, Stage};
use verdict::{Broken, Kept};

/// The packages that have the programs that are played.
const PACKAGES: [&str; 4] = ["coordinator", "worker", "datagen", "faults"];

/// What can be asked of chaos.
#[derive(Debug, Args)]
pub(crate) struct ChaosArgs {
    /// Random seed: with its number it determines a round
    #[arg(long, short, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How long to play: 30s, 2m, 1h, or a number of seconds [default: 1m, without --rounds]
    #[arg(long, value_name = "TIME", value_parser = report::parse_duration)]
    duration: Option<Duration>,
    /// The same as a number of minutes
    #[arg(long, value_name = "M", value_parser = minutes, conflicts_with = "duration")]
    minutes: Option<Duration>,
    /// Number of rounds
    #[arg(long, value_name = "N", value_parser = report::parse_count)]
    rounds: Option<u64>,
    /// Play this round alone, and print everything about it
    #[arg(long, value_name = "K", conflicts_with_all = ["duration", "minutes", "rounds", "only"])]
    round: Option<u64>,
    /// Play only rounds with one of these: sum, load, a start method, a transport, a fault as the
    /// table names it, or calm (no fault)
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// Records of the dataset
    #[arg(long, short = 'n', value_name = "N", default_value = "500k", value_parser = report::parse_count)]
    records: u64,
    /// How long a round may take before it counts as hung: 30s, 2m, or a number of seconds
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = report::parse_duration)]
    deadline: Duration,
    /// Save chaos.json here, and a description of every round that failed
    #[arg(long, short, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Use the binaries in this directory instead of building them
    #[arg(long, value_name = "DIR")]
    bin_dir: Option<PathBuf>,
    /// No progress
    #[arg(long, short)]
    quiet: bool,
    /// How to print the tables: text or json
    #[arg(long, default_value = "text", hide_possible_values = true)]
    format: Format,
}

/// Plays round after round.
///
/// # Errors
///
/// Where nothing can be played at all; a violated guarantee is reported in the table and by the code.
pub(crate) fn main(args: &ChaosArgs, interrupt: &Interrupt) -> anyhow::Result<ExitCode> {
    if let Some(unknown) = args.only.iter().find(|name| !is_known(name)) {
        eprintln!("error: no round has `{unknown}` (see --only)");
        return Ok(ExitCode::from(exit::USAGE));
    }
    let binaries = match &args.bin_dir {
        Some(directory) => Binaries::in_directory(directory, &PROGRAMS)?,
        None => Binaries::build_programs(&PACKAGES, &PROGRAMS, interrupt)?,
    };
    let stage = Stage::set(binaries, args.records, interrupt)?;
    let results = args
        .out
        .as_deref()
        .map(|directory| {
            Results::open(
                Some(directory),
                &jiff::Zoned::now(),
                &stage.machine,
                &["chaos.json"],
            )
        })
        .transpose()?;
    // What loses its parent becomes our child, and is found.
    set_child_subreaper(true).context("cannot adopt orphans")?;
    let chaos = Player {
        args,
        stage: &stage,
        results: results.as_ref(),
        tally: Tally::default(),
    }
    .play_all(interrupt)?;
    print!("{}", args.format.of(&chaos, || table::terminal(&chaos))?);
    if let Some(results) = &results {
        results.json("chaos.json", &chaos)?;
        eprintln!("Saved in {}", results.directory().display());
    }
    Ok(ExitCode::from(if chaos.failures.is_empty() {
        exit::DONE
    } else {
        exit::FAILED
    }))
}

#[derive(Default)]
struct Tally {
    rounds: ChaosRounds,
    faults: BTreeMap<&'static str, ChaosFault>,
    failures: Vec<ChaosFailure>,
}

struct Player<'a> {
    args: &'a ChaosArgs,
    stage: &'a Stage,
    results: Option<&'a Results>,
    tally: Tally,
}

impl Player<'_> {
    fn play_all(mut self, interrupt: &Interrupt) -> anyhow::Result<Chaos> {
        let (date, began) = (jiff::Timestamp::now(), Instant::now());
        let minute = Duration::from_secs(60);
        let minutes = match (self.args.duration.or(self.args.minutes), self.args.rounds) {
            (Some(minutes), _) => minutes,
            (None, Some(_)) => Duration::MAX,
            (None, None) => minute,
        };
        // By rounds where those are counted, else by seconds.
        let steps = self.args.rounds.unwrap_or(minutes.as_secs());
        let mut progress = Progress::steps("", steps, progress::wanted(self.args.quiet)).ticking();
        for number in self.args.round.unwrap_or(0).. {
            let played = self.tally.rounds.all;
            if began.elapsed() >= minutes || self.args.rounds.is_some_and(|most| played >= most) {
                break;
            }
            let round = Round::derive(self.args.seed, number);
            if !self.is_wanted(&round) {
                continue;
            }
            match self.play(&round, &progress, interrupt) {
                Ok(()) => {}
                // What was found until then is worth having.
                Err(error) if interrupt.check().is_err() => {
                    drop(progress);
                    eprint!("{}", table::terminal(&self.finish(date, began)));
                    return Err(error);
                }
                Err(error) => return Err(error),
            }
            if self.args.round.is_some() {
                break;
            }
            progress.about(table::line(&self.tally.rounds));
            progress.to(match self.args.rounds {
                Some(_) => self.tally.rounds.all,
                None => began.elapsed().as_secs(),
            });
        }
        Ok(self.finish(date, began))
    }

    fn is_wanted(&self, round: &Round) -> bool {
        let tags = round.tags();
        let only = &self.args.only;
        let is_possible = round.small_shm_mb.is_none() || self.stage.can_mount;
        is_possible && (only.is_empty() || only.iter().any(|name| tags.contains(&name.as_str())))
    }

    fn play(
        &mut self,
        round: &Round,
        progress: &Progress,
        interrupt: &Interrupt,
    ) -> anyhow::Result<()> {
        let outcome = play::play(round, self.stage, self.args.deadline, interrupt)
            .with_context(|| format!("round {}", round.number))?;
        let judged = verdict::judge(round, &outcome, &self.stage.answers);
        self.count(round, &outcome, judged.as_ref().ok().copied());
        let account = account(round, &outcome);
        if self.args.round.is_some() {
            progress.line(&account);
        }
        for Broken { kind, what } in judged.err().unwrap_or_default() {
            let (number, replay) = (round.number, self.replay(round));
            progress.line(&format!("round {number}: {kind}: {what}\n  {replay}"));
            if let Some(results) = self.results {
                let text = format!("{kind}: {what}\n{replay}\n\n{account}");
                results.text(&format!("chaos-round-{number}.txt"), &text)?;
            }
            self.tally.failures.push(ChaosFailure {
                round: number,
                kind: kind.to_owned(),
                what,
                replay,
            });
        }
        Ok(())
    }

    fn count(&mut self, round: &Round, outcome: &Outcome, kept: Option<Kept>) {
        let rounds = &mut self.tally.rounds;
        rounds.all += 1;
        match kept {
            Some(Kept::Right) => rounds.right += 1,
            Some(Kept::ClearError) => rounds.clear_error += 1,
            Some(Kept::Signalled) => rounds.signalled += 1,
            None => rounds.failed += 1,
        }
        let is_harmed = !outcome.done.is_empty() || !round.conditions().is_empty();
        if kept == Some(Kept::Right) && is_harmed {
            rounds.right_under_harm += 1;
        }
        let (took, cleanup) = (outcome.took.as_secs_f64(), outcome.cleanup.as_secs_f64());
        rounds.slowest_seconds = rounds.slowest_seconds.max(took);
        rounds.slowest_cleanup_seconds = rounds.slowest_cleanup_seconds.max(cleanup);
        for kind in round.kinds() {
            self.tally.faults.entry(kind).or_default().planned += 1;
        }
        let injections = outcome.done.iter().map(|injection| injection.fault.kind());
        let mut done: Vec<_> = injections.chain(round.conditions()).collect();
        for kind in &done {
            self.tally.faults.entry(kind).or_default().done += 1;
        }
        done.sort_unstable();
        done.dedup();
        for kind in done {
            let fault = self.tally.faults.entry(kind).or_default();
            match kept {
                Some(Kept::Right) => fault.right += 1,
                Some(Kept::ClearError) => fault.clear_error += 1,
                Some(Kept::Signalled) => fault.signalled += 1,
                None => fault.failed += 1,
            }
        }
    }

    fn finish(self, date: jiff::Timestamp, began: Instant) -> Chaos {
        let faults = self.tally.faults.into_iter();
        Chaos {
            schema: SCHEMA,
            date: date.to_string(),
            machine: self.stage.machine.clone(),
            seed: self.args.seed,
            records: self.args.records,
            seconds: began.elapsed().as_secs_f64(),
            rounds: self.tally.rounds,
            faults: faults
                .map(|(kind, fault)| ChaosFault {
                    kind: kind.to_owned(),
                    ..fault
                })
                .collect(),
            failures: self.tally.failures,
        }
    }

    fn replay(&self, round: &Round) -> String {
        format!(
            "cargo xtask chaos --seed {} --round {} --records {}",
            self.args.seed,
            round.number,
            short_count(self.args.records)
        )
    }
}

/// All about a round: what was to happen, what did, and what the program said.
fn account(round: &Round, outcome: &Outcome) -> String {
    let mut text = format!("round {}: {:?}\n", round.number, round.work);
    for kind in round.conditions() {
        text.push_str(&format!("  from the start: {kind}\n"));
    }
    for injection in &round.injections {
        let was = if outcome.done.contains(injection) {
            "done"
        } else {
            "not done"
        };
        text.push_str(&format!("  {injection} ({was})\n"));
    }
    text.push_str(&format!(
        "ended by {:?} after {:?}, all gone {:?} later\n--- stdout\n{}--- stderr\n{}",
        outcome.end, outcome.took, outcome.cleanup, outcome.stdout, outcome.stderr
    ));
    text
}

/// Whether any of many rounds has this tag.
fn is_known(tag: &str) -> bool {
    (0..2000).any(|number| Round::derive(0, number).tags().contains(&tag))
}

fn minutes(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .and_then(|minutes: f64| Duration::try_from_secs_f64(minutes * 60.0).ok())
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "a positive number of minutes is needed, such as 0.5".to_owned())
}
