//! Numbers of calls. What was submitted as one, a call or a batch, is one entry of the schedule; its calls have
//! numbers that follow each other, from a multiple of [`MAX_BATCH`] on.
//!
//! So a set of calls of one entry is a word with a bit for each, and ranks need no table to find the entry of a call.

use pool::MAX_BATCH;
use serde::{Deserialize, Serialize};

const CALLS: u64 = MAX_BATCH as u64;

/// Some calls of one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Group {
    /// The number of the entry's first call.
    pub(crate) first: u64,
    /// A bit for each call that is meant.
    pub(crate) which: u64,
}

impl Group {
    /// One call.
    pub(crate) fn of(id: u64) -> Group {
        Group {
            first: first_with(id),
            which: bit_of(id),
        }
    }

    /// How many.
    pub(crate) fn calls(self) -> usize {
        self.which.count_ones() as usize
    }

    /// Their numbers.
    pub(crate) fn ids(self) -> impl Iterator<Item = u64> {
        each(self.which).map(move |at| self.first + at)
    }
}

/// Adds a call to groups of calls, of which those of one entry mostly follow each other.
pub(crate) fn add_to(groups: &mut Vec<Group>, id: u64) {
    let one = Group::of(id);
    match groups.last_mut().filter(|last| last.first == one.first) {
        Some(last) => last.which |= one.which,
        None => groups.push(one),
    }
}

/// The number of the first call of an entry.
pub(crate) fn first_of(entry: u64) -> u64 {
    entry * CALLS
}

/// The entry of a call.
pub(crate) fn entry_of(id: u64) -> u64 {
    id / CALLS
}

/// The number of the first call of the entry that a call is of.
pub(crate) fn first_with(id: u64) -> u64 {
    id - id % CALLS
}

/// The bit of a call among those of its entry.
pub(crate) fn bit_of(id: u64) -> u64 {
    1 << (id % CALLS)
}

/// The bits of an entry's first calls.
pub(crate) fn first_bits(calls: usize) -> u64 {
    u64::MAX >> (MAX_BATCH - calls)
}

/// Which calls the bits stand for, in order.
pub(crate) fn each(mut bits: u64) -> impl Iterator<Item = u64> {
    std::iter::from_fn(move || {
        let at = u64::from(bits.trailing_zeros());
        (bits != 0).then(|| {
            bits &= bits - 1;
            at
        })
    })
}

/// Which call the bit number `n` of those that are set stands for.
pub(crate) fn nth(bits: u64, n: u64) -> u64 {
    // Nearly always they are the first ones.
    if bits & bits.wrapping_add(1) == 0 {
        return n;
    }
    each(bits).nth(n as usize).unwrap_or(CALLS - 1)
}

/// How many of the calls that the bits stand for are before that one; `None` where it is none of them.
pub(crate) fn rank_in(bits: u64, id: u64) -> Option<u64> {
    let bit = bit_of(id);
    (bits & bit != 0).then(|| u64::from((bits & (bit - 1)).count_ones()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_an_entry_are_found_by_their_bits() {
        let bits = 0b1011_0100;
        assert_eq!(each(bits).collect::<Vec<_>>(), [2, 4, 5, 7]);
        for (n, at) in each(bits).enumerate() {
            let id = first_of(9) + at;
            assert_eq!(
                (nth(bits, n as u64), rank_in(bits, id)),
                (at, Some(n as u64))
            );
            assert_eq!((entry_of(id), first_with(id)), (9, first_of(9)));
        }
        assert_eq!(rank_in(bits, first_of(9) + 3), None);
        for calls in 1..=MAX_BATCH {
            let bits = first_bits(calls);
            assert_eq!(bits.count_ones() as usize, calls);
            assert_eq!(nth(bits, calls as u64 - 1), calls as u64 - 1);
        }
    }
}
