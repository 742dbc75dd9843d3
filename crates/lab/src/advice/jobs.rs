//! What the rows of a job recommend.

use harness::grid::{seconds, times};
use report::{Bench, BenchRow, BenchSummary, HandOver, Runner, StartMethod};

use super::{Advice, code};
use crate::bench::{label, of_size, sizes};
use crate::stats::float;

/// A row that has figures.
type Measured<'a> = (&'a BenchRow, &'a BenchSummary);

/// The part of a task's time that may be lost to handing it over before that is worth a word.
const NEGLIGIBLE: f64 = 0.1;

/// The recommendations as lines of a text.
pub(crate) fn lines(bench: &Bench) -> Vec<String> {
    of_bench(bench)
        .into_iter()
        .map(|advice| format!("{}: {}. {}", advice.situation, advice.choose, advice.why))
        .collect()
}

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
        code: code::of(row.key),
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
    why += ".";
    if bench.job.name == "tiny" {
        why += &each_task(bench, summary);
    }
    if bench.job.name == "memory" {
        let break_even = break_even(&rows, row.key.workers);
        why += &break_even.map_or_else(String::new, |text| format!(" {text}"));
    }
    Some(Advice {
        situation: format!("{}, used again", capital(&situation(bench, bytes))),
        choose: row.key.to_string(),
        why,
        code: code::of(row.key),
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

/// From which use on shared memory is cheaper than sending.
fn break_even(rows: &[Measured<'_>], workers: u32) -> Option<String> {
    let of = |hand_over: HandOver| {
        rows.iter().find(|(row, _)| {
            row.key.hand_over == Some(hand_over)
                && row.key.workers == workers
                && row.key.start_method == Some(StartMethod::Spawn)
        })
    };
    let ((_, bytes), (_, array)) = (of(HandOver::Bytes)?, of(HandOver::Array)?);
    Some(beats(
        array.fill.median,
        array.run_again.median,
        bytes.fill_reused.median + bytes.run_again.median,
    ))
}

/// Compares `fill` once and `shared` for each use with `sent` for each use.
fn beats(fill: f64, shared: f64, sent: f64) -> String {
    if sent <= shared {
        return "Shared memory is not faster than sending here, however often the data is used."
            .to_owned();
    }
    let uses = (fill / (sent - shared)).ceil().max(1.0);
    if uses <= 1.0 {
        return "Shared memory beats sending from the first use on.".to_owned();
    }
    format!("Shared memory beats sending from use {uses:.0} of the same data on.")
}

/// The row to recommend: of those that cannot be distinguished from the fastest the safest start method, then
/// the smallest median.
fn chosen<'a>(
    rows: &[Measured<'a>],
    figure: impl Fn(&BenchSummary) -> report::Spread,
) -> Option<Measured<'a>> {
    let median = |(_, summary): &&Measured<'a>| figure(summary).median;
    let best = rows
        .iter()
        .min_by(|one, other| median(one).total_cmp(&median(other)))?;
    let end = figure(best.1).ends()[1];
    let safety = |method: Option<StartMethod>| match method {
        Some(StartMethod::Spawn) => 0,
        Some(StartMethod::ForkServer) => 1,
        _ => 2,
    };
    let tied = rows
        .iter()
        .filter(|(_, summary)| figure(summary).ends()[0] <= end);
    tied.min_by(|one, other| {
        let safer = safety(one.0.key.start_method).cmp(&safety(other.0.key.start_method));
        safer.then(median(one).total_cmp(&median(other)))
    })
    .copied()
}

/// Whether threads are significantly slower, which isolation does not explain.
fn cheaper(processes: &report::Spread, threads: &report::Spread) -> &'static str {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn break_even_is_the_first_use_at_which_the_sum_is_smaller() {
        assert_eq!(
            beats(1.0, 1.0, 1.6),
            "Shared memory beats sending from use 2 of the same data on."
        );
        assert!(beats(0.1, 1.0, 2.0).contains("first use"));
        assert!(beats(1.0, 2.0, 1.0).contains("not faster"));
    }
}
