//! What `cargo xtask matrix --job` and a benchmark of one's own task save as `job-NAME.json`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Adaptive, Machine, Spread, StartMethod, TwoModes};

/// One job, run in several ways.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bench {
    /// [`crate::SCHEMA`].
    pub schema: u32,
    /// The version that measured.
    pub version: String,
    /// When it began, in UTC, as RFC 3339 writes it.
    pub date: String,
    /// The command line, word by word.
    pub command: Vec<String>,
    /// Where.
    pub machine: Machine,
    /// What was run.
    pub job: BenchJob,
    /// What the order of the runs was drawn with.
    pub seed: u64,
    /// Measured runs of each row; the maximum where the number is adaptive.
    pub runs: u32,
    /// The terms of an adaptive number of runs; left out where the number was fixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adaptive: Option<Adaptive>,
    /// Every row, the plain ones of a size before the others.
    pub rows: Vec<BenchRow>,
}

/// What was run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BenchJob {
    /// `memory`, or the name of a task of one's own.
    pub name: String,
    /// One sentence on it.
    pub about: String,
    /// Its tasks.
    pub tasks: u64,
}

/// How the data of a job reaches its tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HandOver {
    /// Encoded into the message of each call, or of each result.
    Bytes,
    /// `Array`: immutable shared memory, copied into once.
    Array,
    /// `ArrayMut`: the memory itself is handed over and comes back.
    InPlace,
    /// `fork_map`: forked processes that have all of the caller's memory.
    Inherit,
    /// A file that workers map.
    File,
}

/// Who runs the tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Runner {
    /// A plain loop.
    InProcess,
    /// Scoped threads and one counter.
    Threads,
    /// Worker processes.
    Processes,
}

/// One way to run a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BenchKey {
    /// Bytes of data; 0 where the job has no data to speak of.
    pub bytes: u64,
    /// Who runs the tasks.
    pub runner: Runner,
    /// How data gets there; nothing without processes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hand_over: Option<HandOver>,
    /// Threads or processes.
    pub workers: u32,
    /// How they are started; nothing without processes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_method: Option<StartMethod>,
}

/// A row and what was measured of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BenchRow {
    /// Which.
    #[serde(flatten)]
    pub key: BenchKey,
    /// Every measured run, in the order in which they were made.
    pub runs: Vec<BenchRun>,
    /// What they come to; null while there are none, and where the row failed or is invalid.
    pub summary: Option<BenchSummary>,
    /// Why it failed.
    pub failed: Option<String>,
    /// Why its timings mean nothing: other results than the plain loop's.
    pub void: Option<String>,
}

/// Seconds of one use of the data by all tasks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BenchUse {
    /// Until the data is where the workers can use it.
    pub fill: f64,
    /// From the first call to the last result.
    pub run: f64,
}

/// One run of a row, in a process of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BenchRun {
    /// Its place in the order of all runs.
    pub position: u64,
    /// The round in which it was made.
    pub round: u32,
    /// From data in the caller's memory, with no worker, to all results, with no worker left:
    /// `start` + first use + `stop`.
    pub wall_seconds: f64,
    /// Until the workers are ready.
    pub start: f64,
    /// The first use, into memory that the process did not have before.
    pub first: BenchUse,
    /// The second use, by the same workers, into memory that the process has.
    pub again: BenchUse,
    /// Until no worker is left.
    pub stop: f64,
    /// A hash of all results.
    pub digest: String,
}

/// What the runs of a row come to, in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BenchSummary {
    /// The whole.
    pub wall: Spread,
    /// The wall time as a multiple of that of threads in the same round; nothing where those are missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of_threads: Option<Spread>,
    /// Starting the workers.
    pub start: Spread,
    /// Filling fresh memory.
    pub fill: Spread,
    /// Filling memory that was used before.
    pub fill_reused: Spread,
    /// The tasks, the first time.
    pub run: Spread,
    /// The tasks again, by workers that are there.
    pub run_again: Spread,
    /// Ending the workers.
    pub stop: Spread,
    /// Two groups of wall times, where there are two: such a row is not ranked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modes: Option<TwoModes>,
}

impl HandOver {
    /// All of them, in the order of tables.
    pub const ALL: [HandOver; 5] = [
        HandOver::Bytes,
        HandOver::Array,
        HandOver::InPlace,
        HandOver::Inherit,
        HandOver::File,
    ];

    /// The name on command lines and in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            HandOver::Bytes => "bytes",
            HandOver::Array => "array",
            HandOver::InPlace => "in-place",
            HandOver::Inherit => "inherit",
            HandOver::File => "file",
        }
    }
}

impl fmt::Display for HandOver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl FromStr for HandOver {
    type Err = String;

    fn from_str(text: &str) -> Result<HandOver, String> {
        let known = HandOver::ALL.into_iter();
        let mut known = known.filter(|hand_over| hand_over.as_str() == text);
        known
            .next()
            .ok_or_else(|| format!("no hand-over is called {text:?}"))
    }
}

impl BenchKey {
    /// Whether it is a plain program: no worker process.
    pub fn is_plain(&self) -> bool {
        self.runner != Runner::Processes
    }
}

impl fmt::Display for BenchKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match (self.runner, self.hand_over, self.start_method) {
            (Runner::InProcess, ..) => "in-process".to_owned(),
            (Runner::Threads, ..) => format!("threads × {}", self.workers),
            (Runner::Processes, hand_over, method) => format!(
                "{}, {} × {}",
                hand_over.map_or("?", HandOver::as_str),
                method.map_or("?", StartMethod::as_str),
                self.workers
            ),
        };
        formatter.pad(&text)
    }
}
