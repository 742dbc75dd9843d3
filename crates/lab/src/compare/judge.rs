//! What is a change and what is noise.
//!
//! Two sessions on one machine differ in what both have in common: its speed at that time. So every wall
//! time is divided by the baseline of its own round before the two samples are tested. All tests of a
//! comparison together have a probability of error below 5 %: Holm's correction, with 4 % for wall times and
//! 1 % for memory. A change of up to [`LEAST`] is none: so much may come from where a program's code and
//! memory happen to lie.

use std::collections::BTreeMap;

use report::{Cell, CellReport, CellRun, Matrix};
use serde::Serialize;

use crate::stats::{Shift, float, holm, shift};

/// The least relative change that counts.
pub(crate) const LEAST: f64 = 0.02;

/// A cell of both matrices, each with figures.
pub(crate) type Pair<'a> = (&'a CellReport, &'a CellReport);

/// A figure's name, and what it is in a run.
pub(crate) type Figure = (&'static str, fn(&CellRun) -> f64);

/// Figures that are judged together.
struct Family {
    /// The probability that any of them is reported by chance.
    level: f64,
    /// Whether they are times, which the speed of the machine affects.
    times: bool,
    figures: &'static [Figure],
}

/// The name of the headline.
pub(crate) const WALL: &str = "wall";

const FAMILIES: [Family; 2] = [
    Family {
        level: 0.04,
        times: true,
        figures: &[(WALL, |run| run.wall_seconds)],
    },
    Family {
        level: 0.01,
        times: false,
        figures: &[
            ("coordinator memory", |run| {
                float(run.memory.coordinator.heap_peak)
            }),
            ("worker memory", |run| {
                let workers = run.memory.workers.iter();
                float(workers.map(|worker| worker.heap_peak).max().unwrap_or(0))
            }),
        ],
    },
];

/// What the test says of one figure of one cell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Judged {
    /// Of which cell.
    pub(crate) cell: Cell,
    /// Which figure.
    pub(crate) figure: &'static str,
    /// B over A.
    pub(crate) ratio: f64,
    /// Its 95 % interval, not corrected for the number of comparisons.
    pub(crate) interval: [f64; 2],
    /// The probability of such samples without a change, corrected for the number of comparisons.
    pub(crate) p: f64,
    /// Whether that is a change.
    pub(crate) changed: bool,
}

/// Every figure of every pair of cells.
pub(crate) fn judge(before: &Matrix, after: &Matrix, pairs: &[Pair<'_>]) -> Vec<Judged> {
    let relative = has_baseline(before) && has_baseline(after);
    let mut judged = Vec::new();
    for family in &FAMILIES {
        let with_baseline = relative && family.times;
        let mut tests: Vec<(Cell, &'static str, Shift)> = Vec::new();
        for (one, other) in pairs {
            for (name, of) in family.figures {
                let sample = |matrix, cell| logarithms(matrix, cell, with_baseline, *of);
                let (a, b) = (sample(before, one), sample(after, other));
                let shift = shift(&a, &b, LEAST.ln_1p());
                tests.extend(shift.map(|shift| (one.cell, *name, shift)));
            }
        }
        let corrected = holm(&tests.iter().map(|(.., shift)| shift.p).collect::<Vec<_>>());
        judged.extend(
            tests
                .into_iter()
                .zip(corrected)
                .map(|((cell, figure, shift), p)| Judged {
                    cell,
                    figure,
                    ratio: shift.by.exp(),
                    interval: shift.interval.map(f64::exp),
                    p,
                    changed: p <= family.level,
                }),
        );
    }
    judged
}

/// Whether a matrix knows the speed of the machine in its rounds.
pub(crate) fn has_baseline(matrix: &Matrix) -> bool {
    let baseline = matrix.baseline.as_ref();
    baseline.is_some_and(|baseline| !baseline.rounds.is_empty())
}

/// The runs whose figures mean something.
pub(crate) fn counting(cell: &CellReport) -> impl Iterator<Item = &CellRun> {
    cell.runs.iter().filter(|run| !run.seconds.void)
}

/// The smallest corrected probability that wall times of this number of runs and cells can have, and what it has to
/// be for a change.
pub(crate) fn resolution(pairs: &[Pair<'_>]) -> (f64, f64) {
    let fewest = pairs.iter().map(|(a, b)| {
        let (a, b) = (counting(a).count(), counting(b).count());
        let orders = (1..=b).fold(1.0, |orders, k| orders * float(a + k) / float(k));
        2.0 / orders
    });
    let least = fewest.fold(f64::INFINITY, f64::min);
    ((least * float(pairs.len())).min(1.0), FAMILIES[0].level)
}

/// A figure of all runs that count, as logarithms, in the order in which they were made; divided by the
/// baseline of the round where that is wanted.
fn logarithms(
    matrix: &Matrix,
    cell: &CellReport,
    with_baseline: bool,
    of: fn(&CellRun) -> f64,
) -> Vec<f64> {
    let rounds = matrix.baseline.iter().flat_map(|baseline| &baseline.rounds);
    let rounds: BTreeMap<u32, f64> = rounds.map(|round| (round.round, round.seconds)).collect();
    let figure = |run: &CellRun| of(run).max(f64::MIN_POSITIVE).ln();
    counting(cell)
        .filter_map(|run| {
            if !with_baseline {
                return Some(figure(run));
            }
            Some(figure(run) - rounds.get(&round(run, matrix))?.ln())
        })
        .collect()
}

/// The round in which a run was made. Files without it come from versions that ran every cell in each.
fn round(run: &CellRun, matrix: &Matrix) -> u32 {
    run.round.unwrap_or_else(|| {
        let cells = u64::try_from(matrix.cells.len().max(1)).unwrap_or(u64::MAX);
        u32::try_from(run.position / cells).unwrap_or(u32::MAX)
    })
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;
    use report::{Baseline, BaselineRound};

    use super::*;
    use crate::matrix::sample;
    use crate::stats::series::{Kind, normal};

    const ROUNDS: usize = 15;
    const WORKERS: [u32; 6] = [1, 2, 4, 8, 16, 32];

    /// A session: six cells of one kind, on a machine whose speed drifts for all of them.
    fn session(kind: Kind, drift: f64, factor: f64, random: &mut Rng) -> Matrix {
        let mut matrix = sample::matrix(&WORKERS);
        let mut speed = drift * normal(random);
        let speeds: Vec<f64> = (0..ROUNDS)
            .map(|_| {
                speed += drift / 3.0 * normal(random);
                speed.exp()
            })
            .collect();
        for (index, cell) in matrix.cells.iter_mut().enumerate() {
            let series = kind.series(ROUNDS, random);
            sample::add_runs(cell, &series);
            for ((place, run), speed) in (0..).zip(&mut cell.runs).zip(&speeds) {
                let changed = if index == 0 { factor } else { 1.0 };
                run.wall_seconds = series[usize::try_from(place).unwrap()] * speed * changed;
                run.round = Some(place + 1);
            }
            cell.summary = None;
        }
        let noise = Kind::LogNormal(0.02).series(ROUNDS, random);
        let rounds = (1..).zip(speeds.iter().zip(noise));
        matrix.baseline = Some(Baseline {
            name: "file-read, 2 threads".to_owned(),
            rounds: rounds
                .map(|(round, (speed, noise))| BaselineRound {
                    round,
                    seconds: 0.1 * speed * noise,
                })
                .collect(),
        });
        matrix
    }

    fn changes(before: &Matrix, after: &Matrix) -> Vec<Judged> {
        let pairs: Vec<Pair<'_>> = before.cells.iter().zip(&after.cells).collect();
        let mut judged = judge(before, after, &pairs);
        judged.retain(|judged| judged.changed);
        judged
    }

    #[test]
    fn of_a_thousand_pairs_without_a_change_at_most_five_in_a_hundred_report_one() {
        for (kind, drift) in [
            (Kind::LogNormal(0.04), 0.0),
            (Kind::LogNormal(0.04), 0.15),
            (Kind::Bimodal(0.4, 8.0), 0.0),
            (Kind::Bimodal(0.4, 8.0), 0.15),
            (Kind::Drifting(0.3), 0.0),
            (Kind::Outliers, 0.15),
        ] {
            let mut random = Rng::with_seed(20);
            let found = (0..1_000)
                .filter(|_| {
                    let [before, after] = [0, 1].map(|_| session(kind, drift, 1.0, &mut random));
                    !changes(&before, &after).is_empty()
                })
                .count();
            assert!(found <= 50, "{kind:?}, drift {drift}: {found} of 1000");
        }
    }

    /// A session out of a recorded one of 60 rounds: these rounds of it, the rows against threads.
    fn recorded(rounds: &[usize]) -> Matrix {
        let text = include_str!("../../tests/results/series.json");
        let series: BTreeMap<String, Vec<f64>> = serde_json::from_str(text).unwrap();
        let (threads, rows): (Vec<_>, Vec<_>) =
            series.iter().partition(|(name, _)| *name == "threads");
        let mut matrix = sample::matrix(&WORKERS[..rows.len()]);
        for (cell, (_, walls)) in matrix.cells.iter_mut().zip(rows) {
            sample::add_runs(cell, &vec![1.0; rounds.len()]);
            for ((run, number), at) in cell.runs.iter_mut().zip(1..).zip(rounds) {
                (run.wall_seconds, run.round) = (walls[*at], Some(number));
            }
        }
        let rounds = (1..).zip(rounds).map(|(round, at)| BaselineRound {
            round,
            seconds: threads[0].1[*at],
        });
        matrix.baseline = Some(Baseline {
            name: "threads".to_owned(),
            rounds: rounds.collect(),
        });
        matrix
    }

    #[test]
    fn of_a_thousand_pairs_out_of_recorded_series_at_most_five_in_a_hundred_report_a_change() {
        let mut random = Rng::with_seed(23);
        let found = (0..1_000)
            .filter(|_| {
                let rounds = random.choose_multiple(0..60, 2 * ROUNDS);
                let [before, after] = [&rounds[..ROUNDS], &rounds[ROUNDS..]].map(recorded);
                !changes(&before, &after).is_empty()
            })
            .count();
        assert!(found <= 50, "{found} of 1000");
    }

    #[test]
    fn a_shift_of_ten_percent_is_found_and_nothing_else() {
        for drift in [0.0, 0.15] {
            let kind = Kind::LogNormal(0.03);
            let mut random = Rng::with_seed(21);
            let (mut found, mut others) = (0, 0);
            for _ in 0..500 {
                let before = session(kind, drift, 1.0, &mut random);
                let after = session(kind, drift, 1.1, &mut random);
                let changes = changes(&before, &after);
                found += usize::from(changes.iter().any(|it| it.cell.workers == 1));
                others += usize::from(changes.iter().any(|it| it.cell.workers != 1));
            }
            assert!(found >= 400, "drift {drift}: {found} of 500");
            assert!(others <= 25, "drift {drift}: {others} of 500");
        }
    }

    #[test]
    fn without_the_baseline_a_drift_would_be_taken_for_changes() {
        let mut random = Rng::with_seed(22);
        let found = (0..200)
            .filter(|_| {
                let [mut before, mut after] =
                    [0, 1].map(|_| session(Kind::LogNormal(0.03), 0.15, 1.0, &mut random));
                (before.baseline, after.baseline) = (None, None);
                !changes(&before, &after).is_empty()
            })
            .count();
        assert!(found > 50, "{found} of 200: the baseline has nothing to do");
    }

    #[test]
    fn old_files_have_their_rounds_by_position() {
        let matrix = sample::matrix(&[1, 2, 4]);
        let mut with_run = matrix.clone();
        sample::add_runs(&mut with_run.cells[0], &[1.0]);
        let run = &mut with_run.cells[0].runs[0];
        run.position = 7;
        assert_eq!(round(run, &matrix), 2);
        run.round = Some(5);
        assert_eq!(round(run, &matrix), 5);
    }
}
