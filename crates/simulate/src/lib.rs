//! The simulation of a pool: the real engine, with workers, callers, a clock and failures that are
//! simulated from a seed. After every step the engine's eight rules are checked against what really
//! happened, which the engine cannot see. The same seed gives the same run.
//!
//! Real processes, sockets and memory are left to the suites of the pool.

#![forbid(unsafe_code)]

mod caller;
mod check;
mod profile;
mod shell;
mod worker;
mod world;

use std::fmt;

#[cfg(feature = "defects")]
pub use engine::Defect;

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

/// Runs one seed.
///
/// # Errors
/// [`Failure`]: the first rule that was broken.
pub fn run(seed: u64, options: Options) -> Result<Stats, Box<Failure>> {
    world::World::new(seed, options).run()
}

/// Runs one seed, and again with a trace if it fails.
///
/// # Errors
/// As [`run`].
pub fn run_traced(seed: u64, options: Options) -> Result<Stats, Box<Failure>> {
    run(seed, options).map_err(|failure| {
        let mut traced = options;
        traced.trace = true;
        run(seed, traced).err().unwrap_or(failure)
    })
}
