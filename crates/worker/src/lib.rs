//! The built-in tasks and the kernels they run on.
//!
//! [`registry`] holds them; the standalone worker serves it, and so does a coordinator that forks
//! itself. Nothing here knows of pools or coordinators.

pub mod cli;
mod nansum;
pub mod records;
pub mod sum;

pub use nansum::{Nansum, NansumRecords, NansumRecordsArgs};

/// The built-in tasks.
pub fn registry() -> task::Registry {
    task::Registry::new()
        .with::<Nansum>()
        .with::<NansumRecords>()
}
