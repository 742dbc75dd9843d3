//! How many workers a pool has.

use std::ops::RangeInclusive;

/// The most workers that a pool has.
pub const MAX_WORKERS: usize = pool::MAX_WORKERS;

/// How many workers a pool has: a number, or a range within which it grows and shrinks. What
/// [`Builder::workers`](crate::Builder::workers) and [`Pool::resize`](crate::Pool::resize) take:
///
/// ```
/// use handoff::Workers;
///
/// assert_eq!(Workers::from(4), Workers::from(4..=4));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Workers {
    pub(crate) min: usize,
    pub(crate) max: usize,
}

impl Workers {
    /// # Panics
    /// Where the numbers are out of range.
    pub(crate) fn checked(self) -> Workers {
        let Workers { min, max } = self;
        assert!(
            (1..=MAX_WORKERS).contains(&max) && min <= max,
            "{min} to {max} workers: at least 1 and at most {MAX_WORKERS}"
        );
        self
    }
}

impl From<usize> for Workers {
    fn from(workers: usize) -> Workers {
        Workers {
            min: workers,
            max: workers,
        }
    }
}

impl From<RangeInclusive<usize>> for Workers {
    fn from(workers: RangeInclusive<usize>) -> Workers {
        Workers {
            min: *workers.start(),
            max: *workers.end(),
        }
    }
}
