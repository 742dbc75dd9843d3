//! The simulation of a pool: the real engine, with workers, callers, a clock and failures that are
//! simulated from a seed. After every step the engine's twelve rules are checked against what really
//! happened, which the engine cannot see. The same seed gives the same run.
//!
//! Real processes, sockets and memory are left to the suites of the pool.

#![forbid(unsafe_code)]

mod batches;
mod caller;
mod check;
mod elastic;
mod facts;
mod hand;
mod happens;
mod life;
mod profile;
mod report;
mod shell;
mod watched;
mod worker;
mod world;

#[cfg(feature = "defects")]
pub use engine::Defect;
pub use report::{Failure, Options, Stats};

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
