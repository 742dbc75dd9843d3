//! What the rows of a job recommend.

use harness::grid::{seconds, times};
use report::{Bench, BenchRow, BenchSummary, HandOver, Runner, Spread};

use super::code;
use super::recommendation::Advice;
use crate::bench::{label, of_size, sizes};
use crate::stats::float;

/// A row that has figures.
type Measured<'a> = (&'a BenchRow, &'a BenchSummary);

/// The part of a task's time that may be lost to handing it over before that is worth a word.
const NEGLIGIBLE: f64 = 0.1;

/// The recommendations of a job: for its data used once, and for data that is used again.
pub(crate) fn of_bench(bench: &Bench) -> Vec<Advice> {
    let Some(&bytes) = sizes(bench).last() else {
        return Vec::new();
    };
    let rows: Vec<Measured<'_>> = of_size(bench, bytes)
        .filter(|row| row.key.runner == Runner::Processes)
        .filter_map(|row| Some((row, row.summary.as_ref()?)))
        .filter(|(_, summary)| summary.modes.is_none())
        .collect();
    let threads = of_size(bench, bytes)
        .filter(|row| row.key.runner == Runner::Threads)
        .find_map(|row| row.summary.as_ref());
    let mut advice = Vec::new();
    advice.extend(once(bench, bytes, &rows, threads));
    advice.extend(again(bench, bytes, &rows, threads));
    advice
}

/// Whom the recommendations of a job are for.
fn situation(bench: &Bench, bytes: u64) -> String {
    let size = label(bytes);
    match bench.job.name.as_str() {
        "memory" => format!("{size} in memory"),
        "cpu" => "long computations".to_owned(),
        "results" => format!("results of {size}"),
        "tiny" => "many tiny tasks".to_owned(),
        own => format!("the task {own}"),
    }
}

/// What to choose where a pool is started, used once and ended.
fn once(
    bench: &Bench,
    bytes: u64,
    rows: &[Measured<'_>],
    threads: Option<&BenchSummary>,
) -> Option<Advice> {
    let wall = |summary: &BenchSummary| summary.wall;
    let (row, summary) = chosen(rows, wall)?;
    let mut why = format!("{} from start to end", seconds(summary.wall.median));
    if let Some(multiple) = summary.of_threads {
        why += &format!(", {} the time of threads", times(multiple.median));
    }
    why += match threads {
        Some(threads) => cheaper(&summary.wall, &threads.wall),
        None => "",
    };
    why += ".";
    Some(Advice {
        situation: format!("{}, one use", capital(&situation(bench, bytes))),
        choose: row.key.to_string(),
        why,
        code: code::of(row.key, bench.job.name == "results"),
    })
}

/// What to choose where workers stay, and what the data of a use costs then.
fn again(
    bench: &Bench,
    bytes: u64,
    rows: &[Measured<'_>],
    threads: Option<&BenchSummary>,
) -> Option<Advice> {
    // The forks of `fork_map` do not stay.
    let stay = rows
        .iter()
        .filter(|(row, _)| row.key.hand_over != Some(HandOver::Inherit));
    let rows: Vec<Measured<'_>> = stay.copied().collect();
    let (row, summary) = chosen(&rows, |summary| summary.run_again)?;
    let each = summary.run_again.median;
    let mut why = format!(
        "{} for each further use by workers that are there",
        seconds(each)
    );
    if let Some(threads) = threads {
        why += &format!(
            ", {} the time of threads",
            times(each / threads.run_again.median)
        );
    }
    why += &format!(
        ", after {} to start and fill.",
        seconds(summary.start.median + summary.fill.median)
    );
    if bench.job.name == "tiny" {
        why += &each_task(bench, summary);
    }
    Some(Advice {
        situation: format!("{}, used again", capital(&situation(bench, bytes))),
        choose: row.key.to_string(),
        why,
        code: code::of(row.key, bench.job.name == "results"),
    })
}

/// What one task costs, and how long it has to be for that not to matter.
fn each_task(bench: &Bench, summary: &BenchSummary) -> String {
    let each = summary.run_again.median / float(bench.job.tasks.max(1));
    format!(
        " That is {} a task: tasks of {} lose less than {:.0} % to it.",
        seconds(each),
        seconds(each / NEGLIGIBLE),
        NEGLIGIBLE * 100.0
    )
}

/// The row to recommend.
fn chosen<'a>(
    rows: &[Measured<'a>],
    figure: impl Fn(&BenchSummary) -> Spread,
) -> Option<Measured<'a>> {
    super::choose::chosen(
        rows,
        |(_, summary)| figure(summary),
        |(row, _)| row.key.start_method,
    )
}

/// Whether threads are significantly slower, which isolation does not explain.
fn cheaper(processes: &Spread, threads: &Spread) -> &'static str {
    if processes.ends()[1] < threads.ends()[0] {
        " (threads were slower)"
    } else {
        ""
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters
        .next()
        .map(|letter| letter.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}
