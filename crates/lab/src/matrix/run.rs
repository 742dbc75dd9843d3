//! Runs the cells, round by round, and saves the results after every run.

use std::path::Path;
use std::time::{Duration, Instant};

use progress::Progress;
use report::{BaselineRound, Beside, Cell, CellRun, Limits, Matrix, Sum, Width, format_count};

use super::plan::{self, Turn};
use super::{beside, plain, save, summary};
use crate::limits::{self, Order, Probe, names};
use crate::page::{self, Timeline, Trace};
use crate::stats::Repeat;
use harness::dataset;
use harness::interrupt::{Interrupt, Interrupted};
use harness::process::{self, RunError};
use harness::results::Results;
use harness::workspace::Binaries;

/// What every run of a matrix shares.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job<'a> {
    /// Whose coordinator is run.
    pub(crate) binaries: &'a Binaries,
    /// The dataset's path.
    pub(crate) data: &'a Path,
    /// The bytes of its records.
    pub(crate) bytes: u64,
    /// Its field, where it is not the default.
    pub(crate) field: Option<&'a str>,
    /// How long one run may take.
    pub(crate) timeout: Duration,
    /// The reference measurements before all runs, which say how to take those next to each run.
    pub(crate) limits: Option<&'a Limits>,
    /// Where everything is saved.
    pub(crate) results: &'a Results,
    /// How often to run a cell.
    pub(crate) repeat: Repeat,
    /// Where the traces of all runs are wanted.
    pub(crate) trace: Option<&'a Path>,
    /// Whether to draw no progress.
    pub(crate) quiet: bool,
}

/// Times that the baseline is measured in a round: its median is steadier than a single one.
const BASELINE_SAMPLES: u32 = 3;

/// Runs every cell as often as it needs, until the end or until a signal.
///
/// # Errors
///
/// Where results cannot be saved.
pub(crate) fn all(
    matrix: Matrix,
    job: &Job<'_>,
    interrupt: &Interrupt,
) -> anyhow::Result<(Matrix, Option<Interrupted>)> {
    let (least, most) = job.repeat.range();
    let runs = if least == most {
        format!("{most} runs")
    } else {
        format!("{least} to {most} runs")
    };
    eprintln!(
        "{} cells × (1 warm-up + {runs}) over {} records, order from seed {}",
        matrix.cells.len(),
        format_count(matrix.dataset.records),
        matrix.seed,
    );
    let steps = matrix.cells.len() as u64 * u64::from(most + 1);
    let mut session = Session {
        spent: vec![Duration::ZERO; matrix.cells.len()],
        position: 0,
        timelines: Vec::new(),
        trace: job.trace.map(|_| Trace::new()).transpose()?,
        progress: Progress::steps("", steps, progress::wanted(job.quiet)).ticking(),
        matrix,
        job,
    };
    let stopped = session.rounds(most, interrupt)?;
    let Session { matrix, trace, .. } = session;
    if let (Some(trace), Some(path)) = (&trace, job.trace) {
        trace.save(path)?;
    }
    Ok((matrix, stopped))
}

/// The matrix while it is run.
struct Session<'a> {
    matrix: Matrix,
    job: &'a Job<'a>,
    /// Time that the measured runs of each cell took, their references included.
    spent: Vec<Duration>,
    /// Runs that were begun.
    position: u64,
    timelines: Vec<Timeline>,
    trace: Option<Trace>,
    progress: Progress,
}

impl Session<'_> {
    /// Round after round of the cells that need another run. Round 0 is the warm-up of all.
    fn rounds(&mut self, most: u32, interrupt: &Interrupt) -> anyhow::Result<Option<Interrupted>> {
        for round in 0..=most {
            let cells: Vec<usize> = (0..self.matrix.cells.len())
                .filter(|&index| round == 0 || self.needs_another(index))
                .collect();
            if cells.is_empty() {
                break;
            }
            let skipped = self.matrix.cells.len() - cells.len();
            (0..skipped).for_each(|_| self.progress.step());
            let mut turns: Vec<Turn> = cells.into_iter().map(Turn::Cell).collect();
            if round > 0 && self.matrix.baseline.is_some() {
                turns.push(Turn::Baseline);
            }
            let plain = self.matrix.plain.iter().enumerate();
            turns.extend(
                plain
                    .filter(|(_, plain)| plain.failed.is_none())
                    .map(|(index, _)| Turn::Plain(index)),
            );
            for turn in plan::order(turns, round, self.matrix.seed) {
                let stopped = match turn {
                    Turn::Baseline => self.baseline(round, interrupt)?,
                    Turn::Plain(index) => self.plain(index, round, interrupt),
                    Turn::Cell(index) => self.cell(index, round, interrupt)?,
                };
                if stopped.is_some() {
                    return Ok(stopped);
                }
            }
        }
        Ok(None)
    }

    fn needs_another(&self, index: usize) -> bool {
        let cell = &self.matrix.cells[index];
        let counting = cell.runs.iter().filter(|run| !run.seconds.void);
        let walls: Vec<f64> = counting.map(|run| run.wall_seconds).collect();
        cell.failed.is_none() && self.job.repeat.again(&walls, self.spent[index])
    }

    /// One run of a cell, and what follows from it.
    fn cell(
        &mut self,
        index: usize,
        round: u32,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Option<Interrupted>> {
        let cell = self.matrix.cells[index].cell;
        self.progress.about(label(cell));
        let began = Instant::now();
        match pair(cell, round, self.job, self.trace.as_ref(), interrupt) {
            Ok((run, sum)) => {
                // A warm-up proves that the cell can run at all; its figures are not the cell's.
                if round > 0 {
                    self.spent[index] += began.elapsed();
                    self.keep(index, run, &sum)?;
                }
            }
            Err(RunError::Interrupted(interrupted)) => return Ok(Some(interrupted)),
            Err(error) => {
                self.progress.line(&format!("{}: {error}", label(cell)));
                self.matrix.cells[index].failed = Some(error.to_string());
            }
        }
        self.position += 1;
        summary::summarise(&mut self.matrix);
        save::matrix(&self.matrix, self.job.results)?;
        page::save_timelines(&self.timelines, self.job.results)?;
        self.progress.step();
        Ok(None)
    }

    fn keep(&mut self, index: usize, mut run: CellRun, sum: &Sum) -> anyhow::Result<()> {
        run.position = self.position;
        let report = &mut self.matrix.cells[index];
        let timeline = Timeline::new(report.cell, run.position, sum);
        self.timelines.push(timeline);
        if let Some(trace) = &mut self.trace {
            trace.take(&format!("{}: {}", run.position, label(report.cell)))?;
        }
        report.runs.push(run);
        let runs = u32::try_from(report.runs.len())?;
        self.matrix.runs = self.matrix.runs.max(runs);
        Ok(())
    }

    /// The plain program in a round; one that fails is not run again.
    fn plain(&mut self, index: usize, round: u32, interrupt: &Interrupt) -> Option<Interrupted> {
        let job = self.job;
        let report = &mut self.matrix.plain[index];
        self.progress.about(format!("{} threads", report.threads));
        let threads = report.threads;
        match plain::run(job.data, job.field, threads, round, job.timeout, interrupt) {
            Ok(run) if round > 0 => report.runs.push(run),
            Ok(_) => {}
            Err(RunError::Interrupted(interrupted)) => return Some(interrupted),
            Err(error) => {
                self.progress.line(&format!("{threads} threads: {error}"));
                report.failed = Some(error.to_string());
            }
        }
        None
    }

    /// The baseline of a round; a round without one is compared by its times alone.
    fn baseline(
        &mut self,
        round: u32,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Option<Interrupted>> {
        self.progress.about("baseline");
        let order = Order {
            probe: baseline_probe(self.matrix.machine.cores),
            data: self.job.data.to_owned(),
            samples: BASELINE_SAMPLES,
        };
        match limits::in_a_process(&order, interrupt) {
            Err(RunError::Interrupted(interrupted)) => return Ok(Some(interrupted)),
            Err(error) => self.progress.line(&format!("baseline: {error}")),
            Ok(found) => {
                let rate = found.first().and_then(|limit| limit.value);
                if let (Some(baseline), Some(rate)) = (&mut self.matrix.baseline, rate) {
                    baseline.rounds.push(BaselineRound {
                        round,
                        seconds: beside::at_rate(self.job.bytes, rate.median),
                    });
                }
            }
        }
        Ok(None)
    }
}

/// A plain program that reads the dataset with a thread for each processor: no worker, no pool.
fn baseline_probe(cores: u32) -> Probe {
    Probe::FileRead(Width::Threads(cores))
}

/// The baseline's name in a matrix.
pub(crate) fn baseline_name(cores: u32) -> String {
    let probe = baseline_probe(cores);
    format!("{}, {}", probe.name(), names::width(probe.width()))
}

fn label(cell: Cell) -> String {
    format!(
        "{} {}, {} workers",
        cell.start_method, cell.transport, cell.workers
    )
}

/// A run of a cell and, next to it, its reference. Which of them goes first changes from round to round:
/// neither always finds the caches and memory that the other left.
fn pair(
    cell: Cell,
    round: u32,
    job: &Job<'_>,
    trace: Option<&Trace>,
    interrupt: &Interrupt,
) -> Result<(CellRun, Sum), RunError> {
    let beside = || match reference(cell, job, interrupt) {
        Err(interrupted @ RunError::Interrupted(_)) => Err(interrupted),
        // A run without its reference is still a run.
        found => Ok(found.unwrap_or_default()),
    };
    let (beside, (mut run, sum)) = if round.is_multiple_of(2) {
        let ran = run(cell, job, trace, interrupt)?;
        (beside()?, ran)
    } else {
        (beside()?, run(cell, job, trace, interrupt)?)
    };
    run.beside = beside;
    run.round = Some(round);
    Ok((run, sum))
}

fn reference(cell: Cell, job: &Job<'_>, interrupt: &Interrupt) -> Result<Vec<Beside>, RunError> {
    let Some(probe) = job.limits.and_then(|limits| beside::probe(cell, limits)) else {
        return Ok(Vec::new());
    };
    let order = Order {
        probe,
        data: job.data.to_owned(),
        samples: 1,
    };
    let found = limits::in_a_process(&order, interrupt)?;
    Ok(beside::found(cell.transport, job.bytes, &found))
}

fn run(
    cell: Cell,
    job: &Job<'_>,
    trace: Option<&Trace>,
    interrupt: &Interrupt,
) -> Result<(CellRun, Sum), RunError> {
    let mut command = dataset::Job {
        start_method: cell.start_method,
        transport: cell.transport,
        workers: cell.workers,
        batches: None,
    }
    .command(job.binaries, job.data, job.field);
    if let Some(trace) = trace {
        command.arg("--trace").arg(trace.file());
    }
    let finished = process::run(command, job.timeout, interrupt)?;
    let sum: Sum = serde_json::from_str(&finished.stdout).map_err(|error| RunError::Failed {
        how: format!("stdout is not the JSON of a sum: {error}"),
        quote: String::new(),
    })?;
    let run = CellRun {
        position: 0,
        round: None,
        wall_seconds: finished.wall.as_secs_f64(),
        sum_hex: sum.result.sum_hex.clone(),
        count: sum.result.count,
        nan_count: sum.result.nan_count,
        retries: sum.retries,
        seconds: sum.seconds.clone(),
        memory: sum.memory.clone(),
        beside: Vec::new(),
    };
    Ok((run, sum))
}
