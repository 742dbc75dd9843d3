//! What `cargo xtask peers` saves, and the line that every peer prints.

use serde::{Deserialize, Serialize};

use crate::{Dataset, Machine, Spread, StartMethod};

/// One run of all peers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Peers {
    /// [`crate::SCHEMA`].
    pub schema: u32,
    /// When it began, in UTC, as RFC 3339 writes it.
    pub date: String,
    /// Where.
    pub machine: Machine,
    /// What was summed.
    pub dataset: Dataset,
    /// Pairs of each row, where it does not ask for more.
    pub runs: u32,
    /// Workers, theirs and ours, where a row does not say otherwise.
    pub workers: u32,
    /// Versions of what was installed: `numpy 2.3.5`.
    pub versions: Vec<String>,
    /// Sums, ours beside theirs.
    pub rows: Vec<PeerRow>,
    /// Workers of the tiny tasks, theirs and ours.
    pub tiny_workers: u32,
    /// Rates of tiny tasks, ours beside theirs.
    pub rates: Vec<RateRow>,
    /// One of our tiny tasks alone, for each start method.
    pub alone: Vec<AloneRow>,
    /// A sum by `fork_map` beside threads; left out in files of versions that did not measure it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forked: Vec<ForkedRow>,
    /// Process pools of Python in turns; left out in files of versions that did not measure them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub executors: Vec<ExecutorRow>,
    /// What a task costs here, as our own programs print it; left out in files of versions that did not measure it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub costs: Vec<CostLines>,
    /// Peers that did not run.
    pub skipped: Vec<SkippedPeer>,
}

/// What a program of ours printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostLines {
    /// The program and its arguments.
    pub command: String,
    /// Its lines, or why there are none.
    pub lines: Vec<String>,
}

/// A sum over the memory of one process: by forked copies of it, beside threads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForkedRow {
    /// Bytes that are summed.
    pub bytes: u64,
    /// Whether the memory was advised to be in huge pages.
    pub huge_pages: bool,
    /// Threads, and processes.
    pub workers: u32,
    /// Seconds of scoped threads; null where there is no valid round.
    pub threads: Option<Spread>,
    /// Seconds of `fork_map`.
    pub fork_map: Option<Spread>,
    /// Seconds of a `fork_map` that does nothing, with the same memory.
    pub empty: Option<Spread>,
    /// `fork_map` without the empty one, over threads, round by round.
    pub ratio: Option<Spread>,
    /// Why the timing means nothing.
    pub void: Option<String>,
}

/// The one line of the example `fork_sum` of `handoff`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForkedLine {
    /// Bytes that are summed.
    pub bytes: u64,
    /// Threads, and processes.
    pub workers: u32,
    /// One round after the other.
    pub rounds: Vec<ForkedRound>,
}

/// Seconds of each, run next to each other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ForkedRound {
    /// Scoped threads.
    pub threads: f64,
    /// `fork_map` of the same sum.
    pub fork_map: f64,
    /// `fork_map` of nothing.
    pub empty: f64,
}

/// One process pool of Python in one case, beside `handoff_pool` in the same rounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExecutorRow {
    /// What is measured.
    pub case: String,
    /// Whose pool it is.
    pub executor: String,
    /// Whether the figures are tasks a second; else they are seconds.
    pub rate: bool,
    /// Its figures; null where there is no valid round.
    pub figures: Option<Spread>,
    /// How many times as fast `handoff_pool` is, round by round.
    pub ratio: Option<Spread>,
    /// Why the timing means nothing.
    pub void: Option<String>,
}

/// The one line of `scripts/peers/executors.py`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExecutorsLine {
    /// Versions of what was measured, by package.
    pub versions: std::collections::BTreeMap<String, String>,
    /// One for each case and executor.
    pub rows: Vec<ExecutorFigures>,
    /// Executors that cannot be measured, and why.
    pub skipped: Vec<SkippedExecutor>,
}

/// What one executor has given in one case, round by round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExecutorFigures {
    /// What is measured.
    pub case: String,
    /// Whose pool it is.
    pub executor: String,
    /// Whether the figures are tasks a second; else they are seconds.
    pub rate: bool,
    /// One a round.
    pub figures: Vec<f64>,
    /// Why there are no more.
    pub void: Option<String>,
}

/// An executor that cannot be measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SkippedExecutor {
    /// Its name.
    pub executor: String,
    /// Why.
    pub reason: String,
}

/// The one line that a peer prints to stdout when it has summed a dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PeerLine {
    /// Its name.
    pub name: String,
    /// Its sum, by its own rounding; null where that is not finite.
    pub sum: Option<f64>,
    /// The same as `float.hex` writes it.
    pub sum_hex: String,
    /// Values that are not NaN; null where counting them was not asked for, since a peer that needs
    /// another pass for it should not be timed with it.
    pub count: Option<u64>,
    /// Its phases.
    pub seconds: PeerSeconds,
}

/// Seconds of a peer's phases; they mean what [`crate::Seconds`] means.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PeerSeconds {
    /// Opening or reading the dataset.
    pub load: f64,
    /// Filling a segment.
    pub share: f64,
    /// Starting workers; 0 where the peer starts them on demand, inside `run`.
    pub start: f64,
    /// From the first batch dispatched to the last result received.
    pub run: f64,
    /// `start` + `run`.
    pub total: f64,
}

/// One peer beside our own run of the same job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PeerRow {
    /// The peer's name.
    pub peer: String,
    /// Our own arguments: `sum --start-method fork --transport mmap --workers 8`.
    pub ours: String,
    /// What is compared: `wall`, `total`, or `load + share + total`.
    pub measure: String,
    /// Every pair, in the order in which they were made.
    pub pairs: Vec<PeerPair>,
    /// Seconds of ours; null where there is no valid pair.
    pub our_seconds: Option<Spread>,
    /// Seconds of theirs.
    pub their_seconds: Option<Spread>,
    /// Theirs over ours, pair by pair: above 1, ours is the faster.
    pub ratio: Option<Spread>,
    /// The same of the wall clock, from exec to exit.
    pub wall_ratio: Option<Spread>,
    /// Why the timing means nothing: a wrong sum, or a run that failed.
    pub void: Option<String>,
}

/// One of ours and one of theirs, run next to each other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PeerPair {
    /// Seconds of ours by the row's measure.
    pub ours: f64,
    /// Seconds of theirs.
    pub theirs: f64,
    /// Seconds of ours from exec to exit.
    pub our_wall: f64,
    /// Seconds of theirs from exec to exit.
    pub their_wall: f64,
}

/// The one line that a peer prints when it has run tiny tasks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RateLine {
    /// Its name.
    pub name: String,
    /// Tasks that were run.
    pub tasks: u64,
    /// Seconds from the first task dispatched to the last result received, workers being ready.
    pub seconds: f64,
}

/// The one line of the pool's example `tiny_tasks`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PoolLine {
    /// Tasks that were queued at once.
    pub tasks: u64,
    /// Workers that ran them.
    pub workers: u32,
    /// Tasks a second, from the first submission to the last result, workers being ready.
    pub tasks_per_second: f64,
    /// One task alone; one entry for each number of processors.
    pub alone: Vec<AloneLine>,
}

/// One task alone, in the line of the pool's example `tiny_tasks`. Medians of many, taken turn by
/// turn, with both processes of either pair held to the same processors.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AloneLine {
    /// Processors that the two processes share: 1, or 2 with one for each.
    pub cores: u32,
    /// Microseconds of one task there and back, the pool being idle otherwise.
    pub task_us: f64,
    /// Microseconds of one byte to another process and back through a socket, without the pool.
    pub ping_pong_us: f64,
}

/// Tiny tasks: the pool as a library, by one start method, beside one peer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RateRow {
    /// The peer's name.
    pub peer: String,
    /// How our workers were started.
    pub start_method: StartMethod,
    /// Tasks of one of our runs, all queued at once.
    pub our_tasks: u64,
    /// Tasks of one of theirs: fewer where a peer is slow.
    pub their_tasks: u64,
    /// Tasks a second, ours.
    pub our_rate: Option<Spread>,
    /// Tasks a second, theirs.
    pub their_rate: Option<Spread>,
    /// Ours over theirs, round by round: above 1, ours is the faster.
    pub ratio: Option<Spread>,
    /// Why there is no figure.
    pub void: Option<String>,
}

/// One tiny task there and back, nothing else being under way, beside the bare socket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AloneRow {
    /// How our workers were started.
    pub start_method: StartMethod,
    /// Processors that the two processes shared: 1, or 2 with one for each.
    pub cores: u32,
    /// Microseconds of the task: submitted, run, answered.
    pub one_task_us: Option<Spread>,
    /// Microseconds of one byte to another process and back.
    pub ping_pong_us: Option<Spread>,
    /// The first over the second, both of the same run.
    pub ratio: Option<Spread>,
    /// Why there is no figure.
    pub void: Option<String>,
}

/// A peer that did not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedPeer {
    /// Its name.
    pub name: String,
    /// Why.
    pub reason: String,
}
