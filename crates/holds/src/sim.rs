//! A simulation of a process with its workers: random calls, arrays, kept arrays, forks, deaths and lies, from a
//! seed. After every step the state machine is compared with a naive model, and with who really uses which bytes.
//!
//! The same seed gives the same run. [`run`] returns the first thing that is wrong.

mod actions;
mod ending;
mod ground;
mod lies;
mod model;
mod model_compare;
mod model_report;
mod owners;
mod scale;
mod traffic;
mod worker;
mod world;

use crate::defect::Defect;
pub use scale::Counts;
use world::World;

/// Something is wrong.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("seed {seed}, step {step}: {what}")]
pub struct Failure {
    /// The seed of the run.
    pub seed: u64,
    /// The step after which it was found.
    pub step: u32,
    /// What was found.
    pub what: String,
}

/// Runs `steps` random steps from `seed`, and then ends everything.
pub fn run(seed: u64, steps: u32) -> Result<Counts, Failure> {
    run_with(seed, steps, None)
}

/// The same with a deliberate defect.
#[cfg(feature = "defects")]
pub fn run_defect(seed: u64, steps: u32, defect: Defect) -> Result<Counts, Failure> {
    run_with(seed, steps, Some(defect))
}

fn run_with(seed: u64, steps: u32, defect: Option<Defect>) -> Result<Counts, Failure> {
    let mut step = 0;
    let mut all = || {
        let mut world = World::new(seed, defect)?;
        while step < steps {
            step += 1;
            world.step()?;
        }
        world.finish()?;
        Ok(world.counts)
    };
    let result: Result<Counts, String> = all();
    result.map_err(|what| Failure { seed, step, what })
}
