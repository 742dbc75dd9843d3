//! What `coordinator doctor --format json` prints: what this machine does well or badly.

use serde::{Deserialize, Serialize};

use crate::Machine;

/// Everything that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Doctor {
    /// [`crate::SCHEMA`].
    pub schema: u32,
    /// The coordinator's version.
    pub version: String,
    /// The protocol that it speaks.
    pub protocol: u32,
    /// Where.
    pub machine: Machine,
    /// The dataset that was looked at; null where none was named.
    pub dataset: Option<String>,
    /// What was found, the worst first.
    pub findings: Vec<Finding>,
    /// What huge pages bring here; null where it was not asked for, or could not be tried.
    pub trial: Option<Trial>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What: `huge pages for segments`.
    pub topic: String,
    /// How it is.
    pub grade: Grade,
    /// The setting, limit or figure itself.
    pub found: String,
    /// What that costs or brings here, in a sentence.
    pub means: String,
    /// The command that fixes it, where there is one.
    #[serde(default)]
    pub fix: Option<String>,
    /// The same, under the name that it had first.
    pub mend: Option<String>,
}

/// How good a finding is, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// Something will fail.
    Bad,
    /// Something will be slower than it could be.
    CouldBeBetter,
    /// As it should be.
    Good,
}

/// Small pages beside huge ones, in private memory of this process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Bytes of memory.
    pub bytes: u64,
    /// Bytes of it that the kernel put into huge pages where they were asked for.
    pub huge_bytes: u64,
    /// First filling, 10⁹ bytes a second.
    pub fill: PerPages,
    /// Reading afterwards, 10⁹ bytes a second.
    pub read: PerPages,
}

/// A figure for each size of pages.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PerPages {
    /// In the machine's base pages.
    pub small: f64,
    /// In huge pages.
    pub huge: f64,
}
