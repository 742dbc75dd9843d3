//! Counts as numbers to calculate with.

/// A count as a number to calculate with.
#[expect(
    clippy::cast_precision_loss,
    reason = "no sample, memory or dataset has 2^53 of anything"
)]
pub(crate) fn float(count: impl Into<Count>) -> f64 {
    count.into().0 as f64
}

/// A count of any unsigned type.
pub(crate) struct Count(u64);

impl From<u64> for Count {
    fn from(count: u64) -> Count {
        Count(count)
    }
}

impl From<usize> for Count {
    fn from(count: usize) -> Count {
        Count(u64::try_from(count).unwrap_or(u64::MAX))
    }
}
