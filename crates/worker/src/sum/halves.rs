//! Half-precision floats, summed exactly as integers. A finite one is a whole number of units of 2^-24
//! below 2^40 of them, so a sum in 64 bits is exact for millions of values, and needs no conversion to
//! another type of float. A plain loop, compiled for each kernel's instructions.

use super::bytes::array_at;
use super::prefetch::{LINE, prefetch};
use super::simd::{Simd, Work};

/// What one unit weighs: 2 to this power, negated.
pub(super) const FRACTION_BITS: usize = 24;

/// Bytes of records that are asked for ahead at a time, and summed in 64 bits.
const BLOCK_BYTES: usize = 4096;

/// All bits of the exponent: infinities, and above them NaNs.
const INFINITY: u16 = 0x7c00;

/// What the values are together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Halves {
    /// The sum of the finite ones, in units.
    pub(super) units: i128,
    pub(super) nans: u64,
    pub(super) positive_infinities: u64,
    pub(super) negative_infinities: u64,
}

/// Sums the halves at `offset` of whole records; their bytes are reversed if `SWAP`.
pub(super) struct SumHalves<'a, const SWAP: bool> {
    pub(super) records: &'a [u8],
    pub(super) offset: usize,
    pub(super) stride: usize,
}

impl<const SWAP: bool> Work for SumHalves<'_, SWAP> {
    type Output = Halves;

    #[inline(always)]
    fn work<S: Simd>(self, _: S) -> Halves {
        let SumHalves {
            records,
            offset,
            stride,
        } = self;
        let mut total = Halves::default();
        for block in records.chunks((BLOCK_BYTES / stride).max(1) * stride) {
            for start in (offset..block.len()).step_by(stride.max(LINE)) {
                prefetch(block, start);
            }
            // A stride that the compiler knows is one that it can make vectors of.
            if stride == 2 {
                add_block::<SWAP>(&mut total, block, 0, 2);
            } else {
                add_block::<SWAP>(&mut total, block, offset, stride);
            }
        }
        total
    }
}

#[inline(always)]
fn add_block<const SWAP: bool>(total: &mut Halves, block: &[u8], offset: usize, stride: usize) {
    let (mut units, mut nans, mut positive, mut negative) = (0i64, 0u64, 0u64, 0u64);
    for record in block.chunks_exact(stride) {
        let bits = u16::from_ne_bytes(array_at(record, offset));
        let bits = if SWAP { bits.swap_bytes() } else { bits };
        let (magnitude, is_negative) = (bits & 0x7fff, bits >> 15 == 1);
        nans += u64::from(magnitude > INFINITY);
        positive += u64::from(bits == INFINITY);
        negative += u64::from(bits == INFINITY | 0x8000);
        let value = if magnitude < INFINITY {
            finite(magnitude)
        } else {
            0
        };
        units += if is_negative { -value } else { value };
    }
    total.units += i128::from(units);
    total.nans += nans;
    total.positive_infinities += positive;
    total.negative_infinities += negative;
}

/// The units of a finite half without its sign. Subnormals are in units already; each exponent beyond
/// theirs doubles.
#[inline(always)]
fn finite(magnitude: u16) -> i64 {
    let (exponent, fraction) = (magnitude >> 10, magnitude & 0x3ff);
    let leading = u16::from(exponent != 0) << 10;
    i64::from(fraction | leading) << (exponent.max(1) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sum::{Kernel, Partial, Summer};
    use dataset::{Column, Kind, Order, Scalar};

    /// Every half, by the definition of its format.
    fn value(bits: u16) -> f64 {
        let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
        let magnitude = match exponent {
            0 => fraction / 1024.0 * 2f64.powi(-14),
            31 if fraction == 0.0 => f64::INFINITY,
            31 => f64::NAN,
            _ => (1.0 + fraction / 1024.0) * 2f64.powi(exponent - 15),
        };
        if bits >> 15 == 1 {
            -magnitude
        } else {
            magnitude
        }
    }

    fn sum(halves: &[u16], order: Order, offset: usize, stride: usize, kernel: Kernel) -> Partial {
        let mut records = vec![0xff; halves.len() * stride];
        for (record, half) in records.chunks_exact_mut(stride).zip(halves) {
            let bytes = match order {
                Order::Little => half.to_le_bytes(),
                Order::Big => half.to_be_bytes(),
            };
            record[offset..offset + 2].copy_from_slice(&bytes);
        }
        let scalar = Scalar::new(Kind::F2, order);
        let mut summer = Summer::with_kernel(
            &Column {
                offset,
                stride,
                scalar,
            },
            kernel,
        )
        .unwrap();
        summer.add(&records);
        summer.finish()
    }

    #[test]
    fn every_half_is_the_number_that_it_stands_for() {
        for kernel in Kernel::available() {
            for bits in 0..=u16::MAX {
                let (partial, known) = (sum(&[bits], Order::Little, 0, 2, kernel), value(bits));
                assert_eq!(partial.nan_count(), u64::from(known.is_nan()), "{bits:#x}");
                assert_eq!(partial.count(), u64::from(!known.is_nan()), "{bits:#x}");
                let known = if known.is_nan() { 0.0 } else { known };
                assert_eq!(partial.value(), known, "{bits:#x}");
            }
        }
    }

    #[test]
    fn packed_or_aligned_and_in_either_order() {
        // Every finite half but the negative ones below 1: a sum that is not zero.
        let halves: Vec<u16> = (0..INFINITY).chain(0xbc00..0xfc00).collect();
        let known: f64 = halves.iter().map(|&bits| value(bits) * 2f64.powi(24)).sum();
        let known = known / 2f64.powi(24);
        for kernel in Kernel::available() {
            for order in [Order::Little, Order::Big] {
                for (offset, stride) in [(0, 2), (1, 3), (2, 8), (5, 24), (4095, 5000)] {
                    let partial = sum(&halves, order, offset, stride, kernel);
                    assert_eq!(
                        partial.value(),
                        known,
                        "{order:?} {offset} {stride} on {kernel}"
                    );
                    assert_eq!(partial.count(), halves.len() as u64);
                }
            }
        }
    }

    #[test]
    fn infinities_decide() {
        let of = |halves: &[u16]| sum(halves, Order::Little, 0, 2, Kernel::detect());
        assert_eq!(of(&[0x7c00, 0xfbff, 0x7e00]).value(), f64::INFINITY);
        assert_eq!(of(&[0xfc00, 0x3c00]).value(), f64::NEG_INFINITY);
        assert!(of(&[0xfc00, 0x7c00]).value().is_nan());
        assert_eq!(of(&[0x7c00, 0xfbff, 0x7e00, 0xfe01]).nan_count(), 2);
    }
}
