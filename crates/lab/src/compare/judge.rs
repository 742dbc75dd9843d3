//! What is a change and what is noise.
//!
//! A figure has changed where the two spreads do not meet **and** the medians differ by more than
//! [`THRESHOLD`]. With few runs spreads part by chance too, so the chance is told beside the result.

use report::{CellReport, CellRun, Spread};

use crate::stats::spread;

/// The least difference of medians that is told, as a part of the median before.
pub(crate) const THRESHOLD: f64 = 0.05;

/// One figure of a cell that is compared.
pub(crate) struct Figure {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it was in one run.
    of: fn(&CellRun) -> f64,
}

/// Every figure that is compared; less is better for all of them.
pub(crate) const FIGURES: [Figure; 8] = [
    figure("wall", |run| run.wall_seconds),
    figure("total", |run| run.seconds.total),
    figure("load", |run| run.seconds.load),
    figure("share", |run| run.seconds.share),
    figure("start", |run| run.seconds.start),
    figure("run", |run| run.seconds.run),
    figure("coordinator memory", |run| {
        float(run.memory.coordinator.heap_peak)
    }),
    figure("worker memory", |run| {
        let workers = run.memory.workers.iter();
        float(workers.map(|worker| worker.heap_peak).max().unwrap_or(0))
    }),
];

const fn figure(name: &'static str, of: fn(&CellRun) -> f64) -> Figure {
    Figure { name, of }
}

impl Figure {
    /// Its middle and ends over the runs that count.
    pub(crate) fn spread(&self, cell: &CellReport) -> Option<Spread> {
        cell.summary.as_ref()?;
        spread(counting(cell).map(self.of))
    }
}

/// The runs whose figures mean something.
pub(crate) fn counting(cell: &CellReport) -> impl Iterator<Item = &CellRun> {
    cell.runs.iter().filter(|run| !run.seconds.void)
}

/// The median after over the median before, where that is a change and no noise.
pub(crate) fn change(before: &Spread, after: &Spread) -> Option<f64> {
    let apart = before.max < after.min || after.max < before.min;
    let difference = (after.median - before.median).abs();
    (apart && difference > THRESHOLD * before.median.abs()).then(|| after.median / before.median)
}

/// How probable it is that the spreads of so many runs of one and the same thing do not meet: of all
/// orders of the runs, those in which one side comes before the other.
pub(crate) fn chance(before: usize, after: usize) -> f64 {
    let orders = (1..=after).fold(1.0, |orders, k| orders * count(before + k) / count(k));
    (2.0 / orders).min(1.0)
}

#[expect(clippy::cast_precision_loss, reason = "nobody makes 2^53 runs")]
fn count(runs: usize) -> f64 {
    runs as f64
}

#[expect(clippy::cast_precision_loss, reason = "no memory has 2^53 bytes")]
fn float(bytes: u64) -> f64 {
    bytes as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(min: f64, median: f64, max: f64) -> Spread {
        Spread { median, min, max }
    }

    #[test]
    fn a_change_is_apart_and_more_than_a_twentieth() {
        let before = of(0.9, 1.0, 1.1);
        assert_eq!(change(&before, &of(1.8, 2.0, 2.2)), Some(2.0));
        assert_eq!(change(&before, &of(0.4, 0.5, 0.6)), Some(0.5));
        assert_eq!(change(&before, &of(1.05, 2.0, 2.2)), None, "they meet");
        let sharp = of(1.0, 1.0, 1.0);
        assert_eq!(change(&sharp, &of(1.04, 1.04, 1.04)), None, "it is little");
        assert_eq!(change(&of(0.0, 0.0, 0.0), &of(0.0, 0.0, 0.0)), None);
    }

    #[test]
    fn the_chance_is_that_of_the_orders() {
        assert!((chance(3, 3) - 0.1).abs() < 1e-12);
        assert!((chance(5, 5) - 2.0 / 252.0).abs() < 1e-12);
        assert_eq!(chance(1, 1), 1.0);
    }
}
