//! What a run reports: options, counts, and the rule that was broken.

use std::fmt;

#[cfg(feature = "defects")]
use engine::Defect;

/// How to run a seed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Whether to keep a trace.
    pub trace: bool,
    /// The deliberate defect that is on.
    #[cfg(feature = "defects")]
    pub defect: Option<Defect>,
}

/// What a seed did.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stats {
    /// Events reported to the engine, calls of the caller and effects.
    pub events: u64,
    /// Tasks submitted.
    pub tasks: u64,
    /// Workers started or joined.
    pub workers: u64,
}

/// A rule that was broken.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// The rule's number, 1 to 8.
    pub rule: u8,
    /// What happened.
    pub what: String,
    /// The last steps, oldest first; empty without [`Options::trace`].
    pub trace: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.trace {
            writeln!(f, "  {line}")?;
        }
        write!(f, "seed {}: rule {}: {}", self.seed, self.rule, self.what)
    }
}

impl std::error::Error for Failure {}
