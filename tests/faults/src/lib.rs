//! Programs that go wrong on purpose, for `cargo xtask chaos` and for trying things by hand.
//!
//! - `faulty-worker` serves the built-in tasks as `worker` does, except that it misbehaves now and
//!   then: `HANDOFF_FAULTS=7:200:crash,slow coordinator sum DATA --start-method spawn --worker-bin
//!   target/debug/faulty-worker`.
//! - `mixed-load` is a program that uses the pool as a library in every way there is, with workers
//!   that may be faulty, and checks each answer.
//!
//! Which fault strikes at which task of which worker follows from a seed and the worker's name.
//! Nothing depends on this crate, and nothing of it is installed.

mod dice;
mod fault;
mod faulty;
pub mod load;
mod socket;

pub use dice::{Dice, ParseDiceError};
pub use fault::Fault;
pub use faulty::{Faulty, VARIABLE, arm_from_environment};

/// The built-in tasks, which go wrong as the dice say once this process is
/// [armed](arm_from_environment).
pub fn registry() -> task::Registry {
    armed(
        task::Registry::new()
            .with::<Faulty<worker::Nansum>>()
            .with::<Faulty<worker::NansumRecords>>(),
    )
}

/// A registry of [`Faulty`] tasks whose workers take the dice into their hands.
pub(crate) fn armed(registry: task::Registry) -> task::Registry {
    registry.on_named(faulty::on_named)
}
