//! The built-in tasks and the kernels they run on.
//!
//! [`registry`] holds them; the standalone worker serves it, and so does a coordinator that forks
//! itself. Nothing here knows of pools or coordinators.
//!
//! | part | what it is |
//! | --- | --- |
//! | [`Nansum`] | sums a column of raw records, NaN values left out |
//! | [`NansumRecords`] | the same of records that come encoded one by one |
//! | [`sum`] | the arithmetic: exact whatever the order and the number of parts, in vector registers |
//! | [`records`] | the original study's record, and its encoding |
//! | [`cli`] | the standalone program |
//!
//! A partial sum merges exactly, so the bits of an answer do not depend on how records were divided:
//!
//! ```
//! use dataset::Layout;
//! use worker::sum::Summer;
//!
//! let column = Layout::study().column(Some("val"))?;
//! let record = |value: f64| [&[0; 16][..], &value.to_le_bytes()].concat();
//! let sum = |values: &[f64]| {
//!     let mut summer = Summer::new(&column);
//!     values.iter().for_each(|&value| summer.add(&record(value)));
//!     summer.finish()
//! };
//! let mut first = sum(&[1e100, f64::NAN, 1.0]);
//! first.merge(&sum(&[-1e100]));
//! assert_eq!((first.value(), first.count(), first.nan_count()), (1.0, 3, 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
