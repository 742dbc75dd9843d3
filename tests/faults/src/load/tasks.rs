//! The tasks of `mixed-load`: small enough that their answers are known beforehand.

use crate::{Faulty, armed};
use task::{Input, Reduce, Registry, Task, TaskError};

/// Every task, all of them liable to faults.
pub fn registry() -> Registry {
    armed(
        Registry::new()
            .with::<Faulty<Double>>()
            .with::<Faulty<Digest>>()
            .with::<Faulty<CountBelow>>(),
    )
}

/// Doubles a number.
pub(crate) struct Double;

impl Task for Double {
    const NAME: &'static str = "double";
    type Args = u64;
    type Output = u64;

    fn run(number: u64, _: Input<'_>) -> Result<u64, TaskError> {
        Ok(number.wrapping_mul(2))
    }
}

/// Returns the length of its input and a checksum of its bytes, wherever a stream was cut.
pub(crate) struct Digest;

impl Task for Digest {
    const NAME: &'static str = "digest";
    type Args = ();
    type Output = (u64, u64);

    fn run((): (), input: Input<'_>) -> Result<(u64, u64), TaskError> {
        let mut digest = (0, 0);
        input.for_each_block(1, |bytes| digest = continued(digest, bytes))?;
        Ok(digest)
    }
}

/// The digest of some bytes.
pub(crate) fn digest(bytes: &[u8]) -> (u64, u64) {
    continued((0, 0), bytes)
}

fn continued((length, sum): (u64, u64), bytes: &[u8]) -> (u64, u64) {
    // A byte counts for more the later it comes, so that order matters.
    let sum = bytes.iter().fold(sum, |sum: u64, &byte| {
        sum.wrapping_mul(31).wrapping_add(u64::from(byte))
    });
    (length + bytes.len() as u64, sum)
}

/// Counts the numbers below a bound in a part of an array; parts merge.
pub(crate) struct CountBelow;

impl Task for CountBelow {
    const NAME: &'static str = "count-below";
    type Args = u64;
    type Output = u64;

    fn run(bound: u64, input: Input<'_>) -> Result<u64, TaskError> {
        let numbers = input.elements::<u64>()?;
        Ok(numbers.iter().filter(|&&number| number < bound).count() as u64)
    }
}

impl Reduce for CountBelow {
    type Final = u64;

    fn empty() -> u64 {
        0
    }

    fn merge(merged: &mut u64, part: u64) {
        *merged += part;
    }

    fn finish(merged: u64) -> u64 {
        merged
    }
}
