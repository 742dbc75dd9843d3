//! `cargo xtask kills`: the coordinator is killed at random instants, by SIGKILL, over every start
//! method and transport. Ten seconds later no process of it is left, no segment and no temporary file,
//! and the next run succeeds. How long that takes is reported, and how often it was more than a second.

use std::fs;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use fastrand::Rng;
use nix::sys::prctl::set_child_subreaper;
use report::{StartMethod, Sum, Transport};

use crate::rounds::census;
use harness::dataset::{DatasetArgs, Job};
use harness::exit;
use harness::format::Format;
use harness::interrupt::Interrupt;
use harness::process;
use harness::workspace::{self, Binaries};

/// By when everything has to be gone: also where the guardian does not get a processor for seconds.
const LIMIT: Duration = Duration::from_secs(10);
/// What takes longer is counted.
const PROMPT: Duration = Duration::from_secs(1);
/// How long one whole run may take.
const DEADLINE: Duration = Duration::from_secs(120);
/// Between two looks at what is left.
const LOOK: Duration = Duration::from_millis(1);

/// What can be asked of kills.
#[derive(Debug, Args)]
pub(crate) struct KillsArgs {
    /// How many times the coordinator is killed
    #[arg(long, value_name = "N", default_value = "130", value_parser = report::parse_count)]
    times: u64,
    /// Random seed of the instants
    #[arg(long, short, value_name = "N", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    dataset: DatasetArgs,
    /// Use the binaries in this directory instead of building them
    #[arg(long, value_name = "DIR")]
    bin_dir: Option<PathBuf>,
    /// How to print the summary: text or json
    #[arg(long, default_value = "text", hide_possible_values = true)]
    format: Format,
}

/// What has been found so far.
#[derive(Debug, Default)]
struct Tally {
    killed: u64,
    /// It had ended before the instant came.
    ended_before: u64,
    orphans: u64,
    segments: u64,
    files: u64,
    next_failed: u64,
    /// From the kill until nothing was left.
    took: Vec<Duration>,
}

/// Kills, looks for leftovers, and runs again, as often as was requested.
///
/// # Errors
///
/// Where a program cannot be built or started at all; leftovers and failures are reported by the exit code.
pub(crate) fn main(args: &KillsArgs, interrupt: &Interrupt) -> anyhow::Result<ExitCode> {
    let needed = ["coordinator", "worker", "datagen"];
    let binaries = match &args.bin_dir {
        Some(directory) => Binaries::in_directory(directory, &needed)?,
        None => Binaries::build(&needed, interrupt)?,
    };
    let data = args.dataset.prepare(&binaries, interrupt)?;
    let data = workspace::root().join(data);
    // Whatever loses its parent becomes our child, and is found.
    set_child_subreaper(true).context("cannot become the parent of orphans")?;
    let jobs = jobs();
    let mut stage = Stage {
        binaries,
        data,
        field: args.dataset.field().map(str::to_owned),
        directory: tempfile::tempdir().context("cannot make a directory for temporary files")?,
        spans: vec![Duration::ZERO; jobs.len()],
        answers: vec![String::new(); jobs.len()],
    };
    for (index, job) in jobs.iter().enumerate() {
        stage.run_whole(index, *job, interrupt)?;
    }
    let mut rng = Rng::with_seed(args.seed);
    let mut tally = Tally::default();
    for turn in 0.. {
        if tally.killed == args.times {
            break;
        }
        interrupt.check()?;
        let index = turn % jobs.len();
        // A little beyond the end, so that the end itself is met.
        let instant = stage.spans[index].mul_f64(rng.f64() * 1.05);
        let before = tally.failures();
        stage.kill(jobs[index], instant, &mut tally)?;
        let answer = stage.answers[index].clone();
        match stage.run_whole(index, jobs[index], interrupt) {
            Ok(()) if stage.answers[index] == answer => {}
            Ok(()) => tally.next_failed += 1,
            Err(error) => {
                interrupt.check()?;
                eprintln!("the next run failed: {error:#}");
                tally.next_failed += 1;
            }
        }
        if tally.failures() > before {
            eprintln!("turn {turn}: {:?}, killed after {instant:?}", jobs[index]);
        }
        if (turn + 1) % 100 == 0 {
            let (killed, failures) = (tally.killed, tally.failures());
            eprintln!("{killed} of {} kills, {failures} failures", args.times);
        }
    }
    let text = || tally.summary(args.seed) + "\n";
    print!("{}", args.format.of(&tally.as_json(args.seed), text)?);
    Ok(ExitCode::from(match tally.failures() {
        0 => exit::DONE,
        _ => exit::FAILED,
    }))
}

/// Every start method × transport that works.
fn jobs() -> Vec<Job> {
    let each = StartMethod::ALL.into_iter().flat_map(|start_method| {
        Transport::ALL.into_iter().map(move |transport| Job {
            start_method,
            transport,
            workers: 4,
            batches: Some(16),
        })
    });
    each.filter(|job| job.transport != Transport::Inherit || job.start_method == StartMethod::Fork)
        .collect()
}

/// What all turns share.
struct Stage {
    binaries: Binaries,
    data: PathBuf,
    field: Option<String>,
    /// Where programs put temporary files, and the trace that they are asked for.
    directory: tempfile::TempDir,
    /// How long a whole run of each job took, most recently.
    spans: Vec<Duration>,
    /// The bits of its answer.
    answers: Vec<String>,
}

impl Stage {
    fn trace(&self) -> PathBuf {
        self.directory.path().join("trace.json")
    }

    fn command(&self, job: Job) -> Command {
        let mut command = job.command(&self.binaries, &self.data, self.field.as_deref());
        command.args(["--repeat", "3", "--trace"]).arg(self.trace());
        command.current_dir(self.directory.path());
        command.env("TMPDIR", self.directory.path());
        command
    }

    fn run_whole(&mut self, index: usize, job: Job, interrupt: &Interrupt) -> anyhow::Result<()> {
        let finished = process::run(self.command(job), DEADLINE, interrupt)?;
        let sum: Sum = serde_json::from_str(&finished.stdout).context("no JSON of a sum")?;
        fs::remove_file(self.trace()).context("no trace of a run that went well")?;
        self.spans[index] = finished.wall;
        self.answers[index] = sum.result.sum_hex;
        Ok(())
    }

    /// Starts a run, kills it at `instant`, and sees what is left.
    fn kill(&self, job: Job, instant: Duration, tally: &mut Tally) -> anyhow::Result<()> {
        // No pipe: nobody reads it while the coordinator runs.
        let mut said = tempfile::tempfile().context("cannot make a temporary file")?;
        let mut command = self.command(job);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said.try_clone()?);
        let mut child = command.spawn().context("cannot start the coordinator")?;
        let pid = child.id();
        thread::sleep(instant);
        match child.try_wait()? {
            Some(status) if status.success() => tally.ended_before += 1,
            Some(status) => {
                let mut text = String::new();
                said.rewind()?;
                said.read_to_string(&mut text)?;
                let last = text.lines().last().unwrap_or_default();
                bail!("the coordinator ended by itself ({status}): {last}");
            }
            None => tally.killed += 1,
        }
        child.kill()?;
        let killed = Instant::now();
        child.wait()?;
        loop {
            census::reap_orphans();
            let processes = census::descendants();
            let segments = census::segments(pid);
            if processes.is_empty() && segments.is_empty() {
                tally.took.push(killed.elapsed());
                break;
            }
            if killed.elapsed() > LIMIT {
                eprintln!("left:\n{}{segments:?}", census::describe(&processes));
                tally.orphans += processes.len() as u64;
                tally.segments += segments.len() as u64;
                // They are not to be counted again.
                for process in processes {
                    census::send(process.pid, libc::SIGKILL);
                }
                break;
            }
            thread::sleep(LOOK);
        }
        let left = leftovers(self.directory.path(), &self.trace())?;
        if !left.is_empty() {
            eprintln!("left: {left:?}");
            tally.files += left.len() as u64;
        }
        Ok(())
    }
}

/// Removes what is in a directory, and names what should not have been: all but a whole trace.
fn leftovers(directory: &Path, trace: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut left = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let whole =
            path == trace && serde_json::from_slice::<serde_json::Value>(&fs::read(&path)?).is_ok();
        if !whole {
            left.push(path.clone());
        }
        fs::remove_file(&path)?;
    }
    Ok(left)
}

impl Tally {
    /// What was left, and cleanups that took longer than a second but for one in a hundred and one more: a
    /// guardian that got no processor meanwhile.
    fn failures(&self) -> u64 {
        let late = self.late().saturating_sub(1 + self.took.len() / 100) as u64;
        self.orphans + self.segments + self.files + self.next_failed + late
    }

    fn as_json(&self, seed: u64) -> serde_json::Value {
        serde_json::json!({
            "schema": report::SCHEMA,
            "seed": seed,
            "killed": self.killed,
            "ended_before": self.ended_before,
            "orphans": self.orphans,
            "segments": self.segments,
            "files": self.files,
            "next_failed": self.next_failed,
            "late": self.late(),
            "cleanup_seconds": {
                "median": self.quantile_ms(0.5) / 1e3,
                "p99": self.quantile_ms(0.99) / 1e3,
                "max": self.quantile_ms(1.0) / 1e3,
            },
        })
    }

    /// How many times it took longer than a second until nothing was left.
    fn late(&self) -> usize {
        self.took.iter().filter(|took| **took > PROMPT).count()
    }

    /// A quantile of the times from a kill until nothing was left, in milliseconds.
    fn quantile_ms(&self, at: f64) -> f64 {
        let mut took = self.took.clone();
        took.sort_unstable();
        let index = (took.len().saturating_sub(1) as f64 * at) as usize;
        took.get(index).map_or(0.0, |took| took.as_secs_f64() * 1e3)
    }

    fn summary(&self, seed: u64) -> String {
        let ms = |at| self.quantile_ms(at);
        format!(
            "{} SIGKILLs of the coordinator (seed {seed}; {} more runs had ended by their instant): \
             {} orphans, {} segments and {} temporary files left after {} s, {} next runs failed; \
             from the kill until nothing was left {:.1} ms (median), {:.1} ms (99 %), {:.1} ms (most), \
             {} times more than {} s",
            self.killed,
            self.ended_before,
            self.orphans,
            self.segments,
            self.files,
            LIMIT.as_secs(),
            self.next_failed,
            ms(0.5),
            ms(0.99),
            ms(1.0),
            self.late(),
            PROMPT.as_secs(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_that_works_is_killed() {
        let jobs = jobs();
        assert_eq!(jobs.len(), 13);
        let inherit = jobs
            .iter()
            .filter(|job| job.transport == Transport::Inherit);
        assert_eq!(inherit.count(), 1);
    }

    #[test]
    fn what_is_left_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let trace = directory.path().join("trace.json");
        let other = directory.path().join("other");
        fs::write(&trace, "{}").unwrap();
        assert!(leftovers(directory.path(), &trace).unwrap().is_empty());
        fs::write(&trace, "{").unwrap();
        fs::write(&other, "").unwrap();
        assert_eq!(leftovers(directory.path(), &trace).unwrap().len(), 2);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        let tally = Tally {
            files: 2,
            took: [900, 1100, 3000].map(Duration::from_millis).to_vec(),
            ..Tally::default()
        };
        assert_eq!(tally.failures(), 3, "and one of the two that were late");
        assert!(tally.summary(7).contains("2 temporary files"));
        assert!(tally.summary(7).ends_with("2 times more than 1 s"));
        assert_eq!(tally.as_json(7)["files"], 2);
        assert_eq!(tally.as_json(7)["late"], 2);
    }
}
