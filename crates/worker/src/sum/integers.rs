//! Integers and bool, summed exactly: wide values in two halves, so that no lane of a vector needs a
//! carry. Plain loops, compiled for each kernel's instructions.

use super::bytes::array_at;
use super::prefetch::{LINE, prefetch};
use super::simd::{Simd, Work};

/// Bytes of records that are asked for ahead at a time, and summed in 64 bits before the halves
/// meet (halves are below 2^32, so 2^31 of them would fit).
const BLOCK_BYTES: usize = 4096;

/// The bytes of a type of integer.
pub(super) trait Integer {
    const SIZE: usize;
    /// The value at `start` of `bytes`, as (upper, lower) with value = upper · 2^32 + lower, both
    /// within ± 2^32.
    fn halves(bytes: &[u8], start: usize) -> (i64, i64);
}

/// A type whose bytes lie as in memory, or reversed if `SWAP`.
pub(super) struct Ordered<T, const SWAP: bool>(std::marker::PhantomData<T>);

/// One byte, true unless 0.
pub(super) struct Bool;

macro_rules! integers {
    ($($type:ident: $halves:expr;)*) => {$(
        impl<const SWAP: bool> Integer for Ordered<$type, SWAP> {
            const SIZE: usize = size_of::<$type>();

            #[inline(always)]
            fn halves(bytes: &[u8], start: usize) -> (i64, i64) {
                let value = $type::from_ne_bytes(array_at(bytes, start));
                let value = if SWAP { value.swap_bytes() } else { value };
                $halves(value)
            }
        }
    )*};
}

integers! {
    i8: |value| (0, i64::from(value));
    i16: |value| (0, i64::from(value));
    i32: |value| (0, i64::from(value));
    u8: |value| (0, i64::from(value));
    u16: |value| (0, i64::from(value));
    u32: |value| (0, i64::from(value));
    i64: |value: i64| (value >> 32, value & 0xffff_ffff);
    u64: |value: u64| ((value >> 32) as i64, (value & 0xffff_ffff) as i64);
}

impl Integer for Bool {
    const SIZE: usize = 1;

    #[inline(always)]
    fn halves(bytes: &[u8], start: usize) -> (i64, i64) {
        (0, i64::from(bytes[start] != 0))
    }
}

/// Sums the integers at `offset` of whole records.
pub(super) struct SumIntegers<'a, I> {
    pub(super) records: &'a [u8],
    pub(super) offset: usize,
    pub(super) stride: usize,
    pub(super) integer: std::marker::PhantomData<I>,
}

impl<I: Integer> Work for SumIntegers<'_, I> {
    type Output = i128;

    #[inline(always)]
    fn work<S: Simd>(self, _: S) -> i128 {
        let SumIntegers {
            records,
            offset,
            stride,
            ..
        } = self;
        let mut total = 0;
        for block in records.chunks((BLOCK_BYTES / stride).max(1) * stride) {
            for start in (offset..block.len()).step_by(stride.max(LINE)) {
                prefetch(block, start);
            }
            // A stride that the compiler knows is one that it can make vectors of.
            let (upper, lower) = if stride == I::SIZE {
                sum_block::<I>(block, 0, I::SIZE)
            } else {
                sum_block::<I>(block, offset, stride)
            };
            total += (i128::from(upper) << 32) + i128::from(lower);
        }
        total
    }
}

#[inline(always)]
fn sum_block<I: Integer>(block: &[u8], offset: usize, stride: usize) -> (i64, i64) {
    let mut sums = (0, 0);
    for record in block.chunks_exact(stride) {
        let (upper, lower) = I::halves(record, offset);
        sums = (sums.0 + upper, sums.1 + lower);
    }
    sums
}
