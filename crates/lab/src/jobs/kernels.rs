//! What the tasks of the jobs compute, for threads and workers alike, and numbers as plain bytes.

use serde::{Deserialize, Serialize};

/// Parts that the data of a job has: tasks enough for 8 workers, and large enough to be shared in memory.
pub(crate) const PARTS: usize = 16;

/// Numbers as bytes, which travel as one block.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Raw(#[serde(with = "serde_bytes")] Vec<u8>);

impl Raw {
    /// A copy of numbers.
    pub(crate) fn of(numbers: &[f64]) -> Raw {
        Raw(bytemuck::cast_slice(numbers).to_vec())
    }

    /// The numbers.
    pub(crate) fn numbers(&self) -> &[f64] {
        // The allocator aligns a block of this size to 16 bytes; elsewhere this is a panic, not a wrong sum.
        bytemuck::cast_slice(&self.0)
    }
}

/// The sum, in eight chains that do not wait for each other.
pub(crate) fn sum(numbers: &[f64]) -> f64 {
    let (blocks, rest) = numbers.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for block in blocks {
        for (sum, number) in sums.iter_mut().zip(block) {
            *sum += number;
        }
    }
    sums.iter().chain(rest).sum()
}

/// Fills a part of a result: a number that depends on its place and nothing else.
pub(crate) fn make(first: usize, part: &mut [f64]) {
    for (place, number) in (first..).zip(part) {
        *number = number_at(place);
    }
}

/// The number at a place: 20 bits of a hash, so that sums are exact.
#[expect(clippy::cast_precision_loss, reason = "20 bits")]
pub(crate) fn number_at(place: usize) -> f64 {
    let mixed = (place as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 44) as f64
}

/// Numbers in the memory of a caller.
pub(crate) fn numbers(bytes: u64) -> anyhow::Result<Vec<f64>> {
    let count = usize::try_from(bytes)? / size_of::<f64>();
    Ok((0..count).map(number_at).collect())
}

/// The length of a part of this number of numbers.
pub(crate) fn part_of(count: usize) -> usize {
    count.div_ceil(PARTS).max(1)
}

/// A chain of steps, each of which needs the one before.
pub(crate) fn steps(seed: u64, count: u64) -> u64 {
    (0..count).fold(seed | 1, |state, _| {
        let state = state ^ (state << 13);
        let state = state ^ (state >> 7);
        state ^ (state << 17)
    })
}
