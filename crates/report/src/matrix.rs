//! What `cargo xtask matrix` saves as `matrix.json`.

use serde::{Deserialize, Serialize};

use crate::{Dataset, Machine, MemoryReport, Seconds, Spread, StartMethod, Transport};

/// One run of the matrix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Matrix {
    /// [`crate::SCHEMA`].
    pub schema: u32,
    /// The coordinator's version.
    pub version: String,
    /// When it began, in UTC, as RFC 3339 writes it.
    pub date: String,
    /// The command line, word by word; empty in files of versions that did not keep it.
    #[serde(default)]
    pub command: Vec<String>,
    /// Where.
    pub machine: Machine,
    /// What was summed.
    pub dataset: Dataset,
    /// What the order of the runs was drawn with.
    pub seed: u64,
    /// Measured runs of each cell, its warm-up not counted; the maximum where the number is adaptive.
    pub runs: u32,
    /// The terms of an adaptive number of runs; left out where the number was fixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adaptive: Option<Adaptive>,
    /// A plain program's time for the same bytes, measured once a round; left out where it was not
    /// measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Baseline>,
    /// The same sum by plain programs without worker processes: a loop, then threads. Empty in files of
    /// versions that did not measure them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plain: Vec<PlainReport>,
    /// Every cell, in the order of the table. One that was not reached has no runs and no failure.
    pub cells: Vec<CellReport>,
    /// Of the fastest cell of each transport: a second sum by the same workers. Left out where it was not
    /// measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reuse: Vec<Reuse>,
}

/// Two sums by the same workers: the first finds memory that they did not have before, the second what the
/// first has left them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reuse {
    /// By which configuration.
    #[serde(flatten)]
    pub cell: Cell,
    /// Every measured command.
    pub runs: Vec<ReuseRun>,
    /// Seconds of the first sum; null where it failed.
    pub first: Option<Spread>,
    /// Seconds of the second; null where it failed.
    pub again: Option<Spread>,
    /// Why it failed.
    pub failed: Option<String>,
}

/// The `run` of two sums of one command, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReuseRun {
    /// Of the first.
    pub first: f64,
    /// Of the second.
    pub again: f64,
}

/// When a cell has been run often enough.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Adaptive {
    /// Either end of the interval of the median wall time is at most this part of it away.
    pub within: f64,
    /// Runs that were made in any case.
    pub min: u32,
    /// Runs that were not exceeded.
    pub max: u32,
    /// Seconds for the runs of a cell, after which none beyond `min` was begun.
    pub budget_seconds: f64,
}

/// What the rows of one round are compared with: a program without workers that reads the same bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// What was measured: `file-read, 2 threads`.
    pub name: String,
    /// Its time in each round.
    pub rounds: Vec<BaselineRound>,
}

/// The baseline in one round.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BaselineRound {
    /// The round; 0 is the warm-up and is left out.
    pub round: u32,
    /// How long the bytes of the dataset took, the median of several times.
    pub seconds: f64,
}

/// The sum by a plain program: it maps the file and sums it with the workers' kernel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlainReport {
    /// Its threads; 1 is a plain loop.
    pub threads: u32,
    /// Every measured run.
    pub runs: Vec<PlainRun>,
    /// Seconds from exec to exit; null while there are no runs, and where it failed or is invalid.
    pub wall: Option<Spread>,
    /// Why it failed.
    pub failed: Option<String>,
    /// Why its timings mean nothing: another sum than most cells have.
    pub void: Option<String>,
}

/// One measured run of a plain program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlainRun {
    /// The round in which it was made.
    pub round: u32,
    /// From exec to exit.
    pub wall_seconds: f64,
    /// The sum's bits.
    pub sum_hex: String,
    /// Values that were summed.
    pub count: u64,
    /// NaN values.
    pub nan_count: u64,
}

/// One combination of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cell {
    /// How batches reach the workers.
    pub transport: Transport,
    /// Number of workers, and of batches.
    pub workers: u32,
    /// How workers are started.
    pub start_method: StartMethod,
}

/// The result of a cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellReport {
    /// Which.
    #[serde(flatten)]
    pub cell: Cell,
    /// Every measured run, in the order in which they were made.
    pub runs: Vec<CellRun>,
    /// What the runs come to; null while there are none, and where the cell failed or is invalid.
    pub summary: Option<CellSummary>,
    /// Why it failed, with the last lines that the program wrote to stderr.
    pub failed: Option<String>,
    /// Why its timings mean nothing: another sum than the other cells have, or a run that was
    /// stopped and continued.
    pub void: Option<String>,
}

/// One measured run of a cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellRun {
    /// Its place in the order of all runs, counted from 0.
    pub position: u64,
    /// The round in which it was made: each runs every cell at most once. Left out in files of versions
    /// that ran every cell in every round, where it follows from `position`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<u32>,
    /// From exec to exit, as its starter saw it.
    pub wall_seconds: f64,
    /// The sum's bits.
    pub sum_hex: String,
    /// Values that were summed.
    pub count: u64,
    /// NaN values.
    pub nan_count: u64,
    /// Batches that were dispatched again.
    pub retries: u64,
    /// What the coordinator measured.
    pub seconds: Seconds,
    /// What the processes held.
    pub memory: MemoryReport,
    /// What a plain program needed, measured next to this run; nothing where that was left out, and
    /// in files of versions that measured references once for all runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<Beside>,
}

/// A reference measurement: what a plain program needed, next to a run, for the bytes that the run moved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Beside {
    /// Which of the run's times it is the reference of.
    pub time: CellTime,
    /// What was measured: `segment-read, 8 processes`.
    pub limit: String,
    /// How long as many bytes took.
    pub seconds: f64,
}

/// A time of a run that has a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CellTime {
    /// From exec to exit.
    Wall,
    /// Start and run.
    Total,
    /// The work itself.
    Run,
    /// Filling a segment.
    Share,
}

/// Two groups of times.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TwoModes {
    /// Median seconds of the faster group.
    pub low: f64,
    /// Median seconds of the slower group.
    pub high: f64,
    /// Runs of the slower group.
    pub in_high: u64,
}

/// What the runs of a cell come to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellSummary {
    /// Seconds from exec to exit.
    pub wall: Spread,
    /// Seconds from `main` to just before the result is printed.
    pub end_to_end: Spread,
    /// Seconds of opening or reading the dataset.
    pub load: Spread,
    /// Seconds of filling a segment.
    pub share: Spread,
    /// Seconds of starting workers.
    pub start: Spread,
    /// Seconds of the work itself.
    pub run: Spread,
    /// Seconds of start and run.
    pub total: Spread,
    /// Seconds of the wall time that no phase counts: exec, exit, freeing memory. Left out in files of
    /// versions that did not keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<Spread>,
    /// Median `total` of one worker, same start method and transport, over this one's; null where
    /// that cell is missing.
    pub speed_up: Option<f64>,
    /// Two groups of wall times, where there are two: such a cell is not ranked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modes: Option<TwoModes>,
    /// The cell's time as a multiple of its reference, the median over runs; null where the reference was
    /// not measured.
    pub limit_multiple: Option<f64>,
    /// The same with its ends and interval; left out in files of versions that did not keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_spread: Option<Spread>,
    /// The wall time as a multiple of that of threads in the same round; left out where those were not
    /// measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of_threads: Option<Spread>,
    /// Which of the cell's times that is, and which reference: `run / segment-read, 8 processes`.
    pub limit: Option<String>,
    /// `share` as a multiple of the fastest way to fill a segment, the median over runs.
    pub share_multiple: Option<f64>,
    /// Peak bytes of the coordinator's allocator, the median over runs.
    pub coordinator_heap_peak: f64,
    /// Private anonymous bytes of the coordinator, the median over runs.
    pub coordinator_private: f64,
    /// Peak bytes of the allocator of the worker that held most, the median over runs.
    pub worker_heap_peak: f64,
    /// Private anonymous bytes of the worker that held most, the median over runs.
    pub worker_private: f64,
    /// Peak resident bytes of the worker that held most, the median over runs.
    pub worker_rss_peak: f64,
}
