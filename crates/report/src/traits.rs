//! What `coordinator traits --format json` prints: every claim about start methods, measured.

use serde::{Deserialize, Serialize};

use crate::{Machine, Pages, Spread};

/// All claims that were measured in one run. `Seen` is whatever a claim's probe found; each claim
/// has a shape of its own, so that a reader of all of them takes it as a JSON value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Traits<Seen> {
    /// [`crate::SCHEMA`].
    pub schema: u32,
    /// The program's version.
    pub version: String,
    /// When it began, in UTC, as RFC 3339 writes it; empty in files of versions that did not keep it.
    #[serde(default)]
    pub date: String,
    /// The command line, word by word; empty in files of versions that did not keep it.
    #[serde(default)]
    pub command: Vec<String>,
    /// Where.
    pub machine: Machine,
    /// How long it took.
    pub seconds: f64,
    /// One entry a claim.
    pub rows: Vec<TraitRow<Seen>>,
}

/// One claim.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TraitRow<Seen> {
    /// Its name: `copy-on-write`.
    pub claim: String,
    /// Its title: `Copy-on-write`.
    pub title: String,
    /// What was seen, start method by start method.
    pub cells: TraitCells<Seen>,
    /// The verdict on it.
    pub verdict: Verdict,
    /// What it says, sentence by sentence, each with whether it held here.
    pub statements: Vec<TraitStatement>,
    /// How it was measured, in a sentence.
    pub measured: String,
    /// What was not measured, and why.
    pub skipped: Vec<String>,
}

/// One cell for each start method.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TraitCells<Seen> {
    /// Of a child that was forked.
    pub fork: TraitCell<Seen>,
    /// Of a child that was started by exec.
    pub spawn: TraitCell<Seen>,
    /// Of a child that a forkserver forked.
    pub forkserver: TraitCell<Seen>,
}

/// One measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TraitCell<Seen> {
    /// In words.
    pub text: String,
    /// In figures; null where the probe failed, and then `text` says how.
    pub seen: Option<Seen>,
}

/// What the claim `start-latency` has seen of parents of one size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StartLatency {
    /// What the parent held, bytes.
    pub parent: u64,
    /// In which pages, as asked for.
    pub pages: Pages,
    /// How much of it was in huge pages, bytes.
    pub huge: u64,
    /// From the start call to the first byte of the child's answer.
    pub seconds: Spread,
}

/// One thing that a claim says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraitStatement {
    /// What.
    pub says: String,
    /// Whether the original study says so. Where a claim has statements of that study, they alone make its
    /// verdict.
    pub study: bool,
    /// Whether it held.
    pub holds: bool,
}

/// The verdict on a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// All of it held.
    #[serde(rename = "holds")]
    Holds,
    /// Some of it held.
    #[serde(rename = "holds in part")]
    InPart,
    /// None of it held.
    #[serde(rename = "does not hold")]
    DoesNotHold,
    /// A probe failed.
    #[serde(rename = "not measured")]
    NotMeasured,
}

impl Verdict {
    /// The words used in tables and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::InPart => "holds in part",
            Verdict::DoesNotHold => "does not hold",
            Verdict::NotMeasured => "not measured",
        }
    }
}
