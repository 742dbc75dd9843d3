//! From where on another choice is the better one: the use, the size or the length of a task at which the costs
//! of two choices meet. All of it follows from medians of the rows.

use harness::grid::seconds;
use report::{
    Bench, BenchRow, BenchSummary, CellReport, HandOver, Matrix, Runner, StartMethod, Transport,
};

use crate::bench::{label, of_size, sizes, typical};
use crate::matrix::fastest_of;
use crate::stats::float;

/// What repeated use costs, in seconds: everything for one use, and what each further one adds.
#[derive(Debug, Clone, Copy)]
struct Cost {
    one: f64,
    further: f64,
}

/// From which use on a choice is the cheaper one.
#[derive(Debug, PartialEq, Eq)]
enum BreakEven {
    /// From the first on.
    First,
    /// From this one on.
    Use(u64),
    /// At the first only; the other has caught up at this use.
    Until(u64),
    /// At none.
    Never,
}

/// All break-even points that the data shows, one a sentence.
pub(crate) fn of(matrix: Option<&Matrix>, jobs: &[Bench]) -> Vec<String> {
    let mut lines = Vec::new();
    for bench in jobs {
        match bench.job.name.as_str() {
            "memory" => lines.extend(memory(bench)),
            "results" => lines.extend(results(bench)),
            "cpu" => lines.extend(starting(bench)),
            "tiny" => lines.extend(task_length(bench)),
            _ => lines.extend(own(bench)),
        }
    }
    lines.extend(matrix.into_iter().flat_map(filling));
    lines
}

/// Data in memory: shared or sent, and a pool or forks.
fn memory(bench: &Bench) -> Vec<String> {
    let mut lines = Vec::new();
    for (known, other, names) in [
        (HandOver::Bytes, HandOver::Array, SHARING),
        (
            HandOver::Inherit,
            HandOver::Array,
            ["a pool with shared memory (array)", "fork_map (inherit)"],
        ),
    ] {
        // Sizes with the same answer share a sentence.
        let mut groups: Vec<(Vec<String>, BreakEven)> = Vec::new();
        for bytes in sizes(bench) {
            let Some(found) = between(bench, bytes, known, other) else {
                continue;
            };
            match groups.last_mut() {
                Some((of_it, last)) if *last == found => of_it.push(label(bytes)),
                _ => groups.push((vec![label(bytes)], found)),
            }
        }
        lines.extend(groups.iter().map(|(of_it, found)| {
            let data = format!("{} in memory", of_it.join(", "));
            said(&format!("{data}: {}", names[0]), names[1], found)
        }));
    }
    lines
}

/// What is compared where data is shared or sent.
const SHARING: [&str; 2] = ["shared memory (array)", "sending (bytes)"];

/// A task of one's own, where it is handed over in both ways.
fn own(bench: &Bench) -> Option<String> {
    let found = between(bench, 0, HandOver::Bytes, HandOver::Array)?;
    let subject = format!("The task {}: {}", bench.job.name, SHARING[0]);
    Some(said(&subject, SHARING[1], &found))
}

/// From which use on `other` is cheaper than `known`.
fn between(bench: &Bench, bytes: u64, known: HandOver, other: HandOver) -> Option<BreakEven> {
    let cost = |hand_over| cost(typical(bench, bytes, hand_over)?);
    Some(from(cost(known)?, cost(other)?))
}

/// The size of results from which on shared memory is cheaper than sending, for one use of a pool.
fn results(bench: &Bench) -> Option<String> {
    let wall = |bytes, hand_over| {
        let summary = typical(bench, bytes, hand_over)?.summary.as_ref()?;
        Some(summary.wall.median)
    };
    let mut cheaper = Vec::new();
    for bytes in sizes(bench) {
        let shared = [HandOver::Array, HandOver::InPlace];
        let shared = shared.into_iter().filter_map(|it| wall(bytes, it));
        let shared = shared.min_by(f64::total_cmp)?;
        cheaper.push((bytes, shared < wall(bytes, HandOver::Bytes)?));
    }
    let others = cheaper.iter().rposition(|(_, cheaper)| !cheaper);
    let from = others.map_or(0, |last| last + 1);
    Some(match cheaper.get(from) {
        Some((bytes, _)) => {
            let smallest = if from == 0 {
                ", the smallest size that was measured"
            } else {
                ""
            };
            format!(
                "Results: shared memory (array or in-place) beats sending (bytes) from {} on{smallest}.",
                label(*bytes)
            )
        }
        None => {
            "Results: shared memory does not beat sending (bytes) at any size that was measured."
                .to_owned()
        }
    })
}

/// How long a job has to be for workers to be worth their start and end.
fn starting(bench: &Bench) -> Option<String> {
    let rows = || {
        let pool = |row: &&BenchRow| row.key.hand_over == Some(HandOver::Bytes);
        of_size(bench, 0).filter(pool)
    };
    let workers = rows().map(|row| row.key.workers).max()?;
    let gain = gain(workers)?;
    let each: Vec<String> = StartMethod::ALL
        .into_iter()
        .filter_map(|method| {
            let row = rows()
                .find(|row| row.key.workers == workers && row.key.start_method == Some(method))?;
            let summary = row.summary.as_ref()?;
            let both = summary.start.median + summary.stop.median;
            Some(format!("{} ({method})", seconds(both * gain)))
        })
        .collect();
    (!each.is_empty()).then(|| {
        format!(
            "Long computations: {workers} workers, started and ended for one job, beat a plain loop that \
             takes longer than {}.",
            each.join(", ")
        )
    })
}

/// How long a task has to be for workers that are there to be worth its way to them.
fn task_length(bench: &Bench) -> Option<String> {
    let row = typical(bench, 0, HandOver::Bytes)?;
    let gain = gain(row.key.workers)?;
    let each = row.summary.as_ref()?.run_again.median / float(bench.job.tasks.max(1));
    Some(format!(
        "Tiny tasks: {} workers that are there beat a plain loop where a task takes longer than {}.",
        row.key.workers,
        seconds(each * gain)
    ))
}

/// What a cost is multiplied with to get the length of what W workers, which save all but a W-th of it, do in
/// the same time; none for one worker, who saves nothing.
fn gain(workers: u32) -> Option<f64> {
    (workers > 1).then(|| f64::from(workers) / f64::from(workers - 1))
}

/// The sum over a file: what fills memory first, compared with sending for each job.
fn filling(matrix: &Matrix) -> Vec<String> {
    let cost = |transport| {
        let (cell, summary) = fastest_of(&matrix.cells, transport)?;
        Some(Cost {
            one: summary.wall.median,
            further: further(matrix, cell).unwrap_or(summary.run.median),
        })
    };
    let Some(sent) = cost(Transport::Bytes) else {
        return Vec::new();
    };
    let filled = [Transport::Shm, Transport::Inherit].into_iter();
    filled
        .filter_map(|transport| {
            let found = from(sent, cost(transport)?);
            let subject = format!("Sums over a file by the same workers: {transport}");
            Some(said(&subject, "bytes", &found))
        })
        .collect()
}

/// What a further job took by workers that had the data mapped, where that was measured.
fn further(matrix: &Matrix, cell: &CellReport) -> Option<f64> {
    let mut reuse = matrix.reuse.iter();
    let of_cell = reuse.find(|reuse| reuse.cell == cell.cell)?;
    Some(of_cell.again?.median)
}

/// What uses by the same workers cost; forks end with each use, and are started for each.
fn cost(row: &BenchRow) -> Option<Cost> {
    let summary: &BenchSummary = row.summary.as_ref()?;
    debug_assert_eq!(row.key.runner, Runner::Processes);
    Some(Cost {
        one: summary.wall.median,
        further: summary.run_again.median,
    })
}

/// From which use on `other` has cost less than `known`.
fn from(known: Cost, other: Cost) -> BreakEven {
    let (more, saved) = (other.one - known.one, known.further - other.further);
    if more < 0.0 {
        return match saved {
            saved if saved >= 0.0 => BreakEven::First,
            saved => BreakEven::Until(meeting(more / saved)),
        };
    }
    if saved > 0.0 {
        BreakEven::Use(meeting(more / saved))
    } else {
        BreakEven::Never
    }
}

/// The first use after this number of further ones, which need not be whole.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count, and far below 2^64"
)]
fn meeting(further: f64) -> u64 {
    further.min(1e15).floor() as u64 + 2
}

fn said(subject: &str, other: &str, from: &BreakEven) -> String {
    match from {
        BreakEven::First => format!("{subject} beats {other} from the first use on."),
        BreakEven::Use(number) => format!("{subject} beats {other} from use {number} on."),
        BreakEven::Until(number) => {
            format!("{subject} beats {other} for fewer than {number} uses.")
        }
        BreakEven::Never => {
            format!("{subject} does not beat {other}, however often the data is used.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a number of uses costs.
    fn total(cost: Cost, uses: u64) -> f64 {
        cost.one + float(uses - 1) * cost.further
    }

    #[test]
    fn the_use_that_is_named_is_the_first_at_which_the_sum_is_smaller() {
        let cost = |one, further| Cost { one, further };
        let (sent, shared) = (cost(10.0, 5.0), cost(18.0, 1.5));
        assert_eq!(from(sent, shared), BreakEven::Use(4));
        assert!(total(shared, 3) > total(sent, 3) && total(shared, 4) < total(sent, 4));
        // A tie is no gain yet.
        assert_eq!(from(cost(1.0, 2.0), cost(2.0, 1.0)), BreakEven::Use(3));
        assert_eq!(from(sent, cost(9.0, 5.0)), BreakEven::First);
        assert_eq!(from(sent, cost(11.0, 5.0)), BreakEven::Never);
        let (known, cheap) = (cost(10.0, 1.0), cost(7.5, 2.0));
        assert_eq!(from(known, cheap), BreakEven::Until(4));
        assert!(total(cheap, 3) < total(known, 3) && total(cheap, 4) > total(known, 4));
    }

    #[test]
    fn two_workers_save_half_and_one_saves_nothing() {
        assert_eq!(gain(2), Some(2.0));
        assert_eq!(gain(4), Some(4.0 / 3.0));
        assert_eq!(gain(1), None);
    }
}
