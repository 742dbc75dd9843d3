//! Runs the rows, round by round, and saves what there is after every round.

use std::time::{Duration, Instant};

use harness::interrupt::{Interrupt, Interrupted};
use harness::process::RunError;
use harness::results::Results;
use progress::Progress;
use report::{Bench, BenchRun, Runner};

use super::row::{self, Measured};
use super::subject::Subject;
use super::{save, summary};
use crate::page;
use crate::stats::{Repeat, shuffle};
use crate::terms::Terms;

/// Runs every row as often as it needs, until the end or until a signal.
///
/// # Errors
///
/// Where results cannot be saved.
pub(crate) fn all(
    bench: Bench,
    subject: &Subject<'_>,
    terms: &Terms,
    quiet: bool,
    results: &Results,
    interrupt: &Interrupt,
) -> anyhow::Result<(Bench, Option<Interrupted>)> {
    let repeat = terms.repeat();
    let (_, most) = repeat.range();
    eprintln!(
        "{}: {} rows, order from seed {}",
        subject.name,
        bench.rows.len(),
        bench.seed
    );
    let steps = bench.rows.len() as u64 * u64::from(most + 1);
    let mut session = Session {
        spent: vec![Duration::ZERO; bench.rows.len()],
        position: 0,
        progress: Progress::steps("", steps, progress::wanted(quiet)).ticking(),
        repeat,
        timeout: terms.timeout,
        bench,
    };
    // Round 0 is the warm-up of all.
    for round in 0..=most {
        let rows = session.due(round);
        if rows.is_empty() {
            break;
        }
        let skipped = session.bench.rows.len() - rows.len();
        (0..skipped).for_each(|_| session.progress.step());
        for index in rows {
            if let Some(stopped) = session.row(index, round, interrupt) {
                session.save(results)?;
                return Ok((session.bench, Some(stopped)));
            }
        }
        session.save(results)?;
    }
    let stopped = session.timelines(results, interrupt)?;
    Ok((session.bench, stopped))
}

/// A job while it is run.
struct Session {
    bench: Bench,
    /// Time that the measured runs of each row took.
    spent: Vec<Duration>,
    /// Runs that were begun.
    position: u64,
    progress: Progress,
    repeat: Repeat,
    timeout: Duration,
}

impl Session {
    /// The rows of a round, in an order of its own: those that need another run, and the threads of their
    /// sizes, which all others are compared with.
    fn due(&self, round: u32) -> Vec<usize> {
        let rows = &self.bench.rows;
        let needs: Vec<bool> = (0..rows.len())
            .map(|index| rows[index].failed.is_none() && (round == 0 || self.needs_another(index)))
            .collect();
        let size_needs = |bytes: u64| {
            let mut of_size = rows.iter().zip(&needs);
            of_size.any(|(row, needs)| row.key.bytes == bytes && *needs)
        };
        let mut due: Vec<usize> = (0..rows.len())
            .filter(|&index| {
                let row = &rows[index];
                let compared = row.key.runner == Runner::Threads && row.failed.is_none();
                needs[index] || (compared && size_needs(row.key.bytes))
            })
            .collect();
        shuffle(&mut due, self.bench.seed.wrapping_add(u64::from(round)));
        due
    }

    fn needs_another(&self, index: usize) -> bool {
        let runs = self.bench.rows[index].runs.iter();
        let walls: Vec<f64> = runs.map(|run| run.wall_seconds).collect();
        self.repeat.again(&walls, self.spent[index])
    }

    /// One run of a row, and what follows from it.
    fn row(&mut self, index: usize, round: u32, interrupt: &Interrupt) -> Option<Interrupted> {
        let key = self.bench.rows[index].key;
        self.progress
            .about(format!("{key} {}", summary::label(key.bytes)));
        let began = Instant::now();
        match row::in_a_process(&self.bench.job.name, key, false, self.timeout, interrupt) {
            // A warm-up proves that the row can run at all; its figures are not the row's.
            Ok(measured) if round > 0 => {
                self.spent[index] += began.elapsed();
                self.keep(index, round, measured);
            }
            Ok(_) => {}
            Err(RunError::Interrupted(interrupted)) => return Some(interrupted),
            Err(error) => {
                self.progress.line(&format!("{key}: {error}"));
                self.bench.rows[index].failed = Some(error.to_string());
            }
        }
        self.position += 1;
        self.progress.step();
        None
    }

    fn keep(&mut self, index: usize, round: u32, measured: Measured) {
        let Measured {
            start,
            first,
            again,
            stop,
            digest,
            tasks,
            timeline: _,
        } = measured;
        self.bench.job.tasks = tasks;
        let row = &mut self.bench.rows[index];
        row.runs.push(BenchRun {
            position: self.position,
            round,
            wall_seconds: start + first.fill + first.run + stop,
            start,
            first,
            again,
            stop,
            digest,
        });
        let runs = u32::try_from(row.runs.len()).unwrap_or(u32::MAX);
        self.bench.runs = self.bench.runs.max(runs);
    }

    /// One more run of the fastest row of each hand-over, whose workers are watched.
    fn timelines(
        &mut self,
        results: &Results,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Option<Interrupted>> {
        let job = &self.bench.job.name;
        let mut timelines = Vec::new();
        for key in summary::fastest_with_pool(&self.bench) {
            self.progress.about(format!("{key}, watched"));
            match row::in_a_process(job, key, true, self.timeout, interrupt) {
                Ok(measured) => timelines.extend(measured.timeline),
                Err(RunError::Interrupted(interrupted)) => return Ok(Some(interrupted)),
                Err(error) => self.progress.line(&format!("{key}, watched: {error}")),
            }
        }
        page::save_job_timelines(job, &timelines, results)?;
        Ok(None)
    }

    fn save(&mut self, results: &Results) -> anyhow::Result<()> {
        summary::summarise(&mut self.bench);
        save::bench(&self.bench, results)
    }
}
