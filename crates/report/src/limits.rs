//! What `cargo xtask limits` saves: what this machine can do at best.

use serde::{Deserialize, Serialize};

use crate::{Machine, Spread};

/// All limits of one machine, measured in one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// [`crate::SCHEMA`].
    pub schema: u32,
    /// When, in UTC, as RFC 3339 writes it.
    pub date: String,
    /// Where.
    pub machine: Machine,
    /// The file that the file and segment probes read.
    pub data: LimitData,
    /// One entry for each thing measured.
    pub limits: Vec<Limit>,
}

/// The file that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitData {
    /// Its path, as given by the user.
    pub path: String,
    /// Its size.
    pub bytes: u64,
}

/// One thing measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// The probe's name: `segment-read`.
    pub probe: String,
    /// By how many threads or processes.
    pub width: Width,
    /// In pages of which size, where the probe chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages: Option<Pages>,
    /// Whether the memory is touched for the first time, where that matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub touch: Option<Touch>,
    /// The unit of `value` and `samples`.
    pub unit: Unit,
    /// The measurements' middle and ends; null where the probe could not run.
    pub value: Option<Spread>,
    /// Every measurement in the order in which it was made, the warm-up left out.
    pub samples: Vec<f64>,
    /// Why it could not run, or what else there is to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// How many work at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Width {
    /// Threads of one process.
    Threads(u32),
    /// Single-threaded processes.
    Processes(u32),
}

/// The size of the pages behind a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pages {
    /// The machine's base pages.
    Base,
    /// Huge pages.
    Huge,
}

/// Whether a process has read the memory before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Touch {
    /// Page tables are filled on the way.
    First,
    /// They are there.
    Again,
}

/// What a limit is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Unit {
    /// 10⁹ bytes a second.
    #[serde(rename = "GB/s")]
    GigabytesPerSecond,
    /// 10⁻⁶ seconds.
    #[serde(rename = "us")]
    Microseconds,
}
