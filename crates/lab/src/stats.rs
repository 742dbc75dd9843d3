//! The statistics of all tables and judgements: medians with intervals, when to stop repeating, whether a
//! quantity has two modes, and whether two samples differ.
//!
//! Nothing here assumes a distribution. Times of processes have heavy tails, several modes and outliers;
//! a mean with a standard error describes none of them. What is measured, and what a table says of it, is
//! left to the callers.
//!
//! | part | what it is |
//! | --- | --- |
//! | [`median`], [`interval`] | the median and its confidence interval |
//! | [`runs`] | how often to repeat a measurement |
//! | [`modes`] | whether values form two groups |
//! | [`ranks`] | the two-sample test, the size of a shift, the correction for many comparisons |

mod interval;
mod median;
mod modes;
mod number;
mod order;
mod ranks;
mod runs;
#[cfg(test)]
pub(crate) mod series;

pub(crate) use median::spread;
pub(crate) use modes::modes;
pub(crate) use number::float;
pub(crate) use order::shuffle;
pub(crate) use ranks::{Shift, holm, shift};
pub(crate) use runs::{Precision, Repeat};
