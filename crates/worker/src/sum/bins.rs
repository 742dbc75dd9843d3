//! The slower means, for values whose magnitudes lie too far apart: one wide integer per exponent.
//!
//! Doubles of equal sign and exponent are added as the integers that their significands are, so no
//! value needs shifting or a carry beyond its own bin. (Neal's large superaccumulator, with 128-bit
//! bins in place of his counters: 2^75 additions fit.)

use super::accumulator::significand;
use super::format::Layout;
use super::partial::Partial;

/// A bin for each of the upper 12 bits that a double can have: its sign and biased exponent.
const BINS: usize = 1 << 12;

/// The biased exponent of infinities (NaNs never come here).
const NOT_FINITE: usize = 0x7ff;

/// Sums of significands, by sign and exponent. 64 KiB.
pub(super) struct Bins(Box<[u128; BINS]>);

impl Bins {
    pub(super) fn new() -> Bins {
        let bins = vec![0; BINS].into_boxed_slice();
        Bins(bins.try_into().expect("as many bins as were asked for"))
    }

    /// Adds the values of whole records; gives the NaNs, which are left out.
    pub(super) fn add_records<L: Layout>(&mut self, records: &[u8], layout: L) -> u64 {
        let mut nans = 0;
        for record in records.chunks_exact(layout.stride()) {
            layout.prefetch(record);
            let value = layout.read_one(record);
            nans += u64::from(value.is_nan());
            // A NaN counts as +0, whose significand is 0: no branch that data could mislead.
            let bits = if value.is_nan() { 0 } else { value.to_bits() };
            self.0[(bits >> 52) as usize] += u128::from(significand(bits).0);
        }
        nans
    }

    /// Moves everything into `partial`, whose counts stay unchanged.
    pub(super) fn drain_into(&mut self, partial: &mut Partial) {
        for (bin, sum) in self.0.iter_mut().enumerate().filter(|(_, sum)| **sum != 0) {
            let (negative, exponent) = (bin >= BINS / 2, bin % (BINS / 2));
            match (exponent, negative) {
                (NOT_FINITE, false) => partial.infinities.positive = true,
                (NOT_FINITE, true) => partial.infinities.negative = true,
                _ => partial
                    .sum
                    .add_scaled(*sum, exponent.saturating_sub(1), negative),
            }
            *sum = 0;
        }
    }
}
