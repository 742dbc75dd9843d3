//! The superaccumulator: one fixed-point number wide enough for any sum of doubles.
//!
//! Exact addition is what makes a sum independent of how it was cut up. A two's complement integer
//! of fixed width has one representation per value, so equal sums have equal limbs, and merging is
//! plain addition. It is not fast (an addition may ripple through all limbs); the kernels are built
//! so that few values come here one at a time.
//!
//! The idea of a register spanning the whole exponent range is Kulisch's; Neal ("Fast exact
//! summation using small and large superaccumulators", 2015) surveys its uses.

/// Limbs of 64 bits. The lowest bit weighs 2^-1074, the smallest subnormal, and one bit is the
/// sign, so the register holds |sum| < 2^1101: 2^77 additions of `f64::MAX` before it could wrap,
/// more than a 64-bit count can number.
pub(super) const LIMBS: usize = 34;

/// The bit that weighs 2^0.
const UNIT_BIT: usize = 1074;

/// Bits of a double's significand that are stored.
const FRACTION_BITS: u32 = 52;

/// An exact sum of finite doubles and integers, in units of 2^-1074, two's complement, least
/// significant limb first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Accumulator {
    limbs: [u64; LIMBS],
}

impl Default for Accumulator {
    fn default() -> Accumulator {
        Accumulator { limbs: [0; LIMBS] }
    }
}

impl Accumulator {
    /// The register with these limbs.
    pub(super) fn from_limbs(limbs: [u64; LIMBS]) -> Accumulator {
        Accumulator { limbs }
    }

    /// All limbs, least significant first.
    pub(super) fn limbs(&self) -> &[u64; LIMBS] {
        &self.limbs
    }

    /// Adds a finite double exactly.
    pub(super) fn add_f64(&mut self, value: f64) {
        debug_assert!(
            value.is_finite(),
            "{value} has no place in a fixed-point sum"
        );
        let bits = value.to_bits();
        let (significand, shift) = significand(bits);
        self.add_scaled(u128::from(significand), shift, value.is_sign_negative());
    }

    /// Adds an integer exactly.
    pub(super) fn add_i128(&mut self, value: i128) {
        self.add_fixed(value, 0);
    }

    /// Adds `value` · 2^-`fraction_bits` exactly.
    pub(super) fn add_fixed(&mut self, value: i128, fraction_bits: usize) {
        self.add_scaled(value.unsigned_abs(), UNIT_BIT - fraction_bits, value < 0);
    }

    /// Adds ± `magnitude` · 2^(`shift` - 1074).
    pub(super) fn add_scaled(&mut self, magnitude: u128, shift: usize, negative: bool) {
        if magnitude == 0 {
            return;
        }
        let (first, bit) = (shift / 64, shift % 64);
        let low = magnitude << bit;
        // The bits that the shift pushed out; a shift by 128 would be one too far.
        let high = if bit == 0 {
            0
        } else {
            (magnitude >> (128 - bit)) as u64
        };
        let parts = [low as u64, (low >> 64) as u64, high];
        let mut carry = false;
        for (i, limb) in self.limbs[first..].iter_mut().enumerate() {
            if i >= parts.len() && !carry {
                break;
            }
            let part = parts.get(i).copied().unwrap_or(0);
            (*limb, carry) = if negative {
                borrowing_sub(*limb, part, carry)
            } else {
                carrying_add(*limb, part, carry)
            };
        }
    }

    /// Adds another register exactly.
    pub(super) fn merge(&mut self, other: &Accumulator) {
        let mut carry = false;
        for (limb, &more) in self.limbs.iter_mut().zip(&other.limbs) {
            (*limb, carry) = carrying_add(*limb, more, carry);
        }
    }

    /// Whether the sum is below zero.
    pub(super) fn is_negative(&self) -> bool {
        self.limbs[LIMBS - 1] >> 63 == 1
    }

    /// The sum without its sign.
    fn magnitude(&self) -> [u64; LIMBS] {
        let mut limbs = self.limbs;
        if self.is_negative() {
            let mut carry = true;
            for limb in &mut limbs {
                (*limb, carry) = carrying_add(!*limb, 0, carry);
            }
        }
        limbs
    }

    /// Bits from the lowest (2^-1074) to the highest set bit of |sum|; 0 for zero.
    pub(super) fn bit_length(&self) -> usize {
        bit_length(&self.magnitude())
    }

    /// The sum, where it is an integer that 128 bits hold.
    pub(super) fn to_i128(&self) -> Option<i128> {
        let magnitude = self.magnitude();
        if any_below(&magnitude, UNIT_BIT) || bit_length(&magnitude) > UNIT_BIT + 127 {
            return None;
        }
        let upper = bits_from(&magnitude, UNIT_BIT + 64);
        let value = i128::from(upper) << 64 | i128::from(bits_from(&magnitude, UNIT_BIT));
        Some(if self.is_negative() { -value } else { value })
    }

    /// The sum rounded once, to nearest with ties to even; zero is +0, and what rounds beyond
    /// `f64::MAX` is infinite.
    pub(super) fn round(&self) -> f64 {
        let magnitude = self.magnitude();
        let dropped = bit_length(&magnitude).saturating_sub(FRACTION_BITS as usize + 1);
        let kept = bits_from(&magnitude, dropped);
        let round_up = dropped > 0 && {
            let half = bit(&magnitude, dropped - 1);
            half && (kept & 1 == 1 || any_below(&magnitude, dropped - 1))
        };
        // `kept` carries its leading bit, which is what turns `dropped` into the biased exponent
        // (and leaves a subnormal, which drops nothing, unchanged); a carry out of the rounding
        // moves to the next binade by itself.
        let bits = ((dropped as u64) << FRACTION_BITS) + kept + u64::from(round_up);
        let value = f64::from_bits(bits.min(f64::INFINITY.to_bits()));
        if self.is_negative() { -value } else { value }
    }
}

/// A finite double's significand and the bit of the register its lowest bit stands at.
#[inline(always)]
pub(super) fn significand(bits: u64) -> (u64, usize) {
    let exponent = (bits >> FRACTION_BITS) as usize & 0x7ff;
    let fraction = bits & ((1 << FRACTION_BITS) - 1);
    let leading = u64::from(exponent != 0) << FRACTION_BITS;
    (fraction | leading, exponent.saturating_sub(1))
}

/// The sum of two limbs and a carry. The methods of this name came with Rust 1.91.
fn carrying_add(limb: u64, more: u64, carry: bool) -> (u64, bool) {
    let (sum, over) = limb.overflowing_add(more);
    let (sum, again) = sum.overflowing_add(u64::from(carry));
    (sum, over | again)
}

/// The difference of two limbs and a borrow.
fn borrowing_sub(limb: u64, less: u64, borrow: bool) -> (u64, bool) {
    let (difference, under) = limb.overflowing_sub(less);
    let (difference, again) = difference.overflowing_sub(u64::from(borrow));
    (difference, under | again)
}

fn bit_length(limbs: &[u64; LIMBS]) -> usize {
    match limbs.iter().rposition(|&limb| limb != 0) {
        Some(top) => 64 * top + (64 - limbs[top].leading_zeros() as usize),
        None => 0,
    }
}

/// The 64 bits that start at bit `start`.
fn bits_from(limbs: &[u64; LIMBS], start: usize) -> u64 {
    let (limb, bit) = (start / 64, start % 64);
    let above = limbs.get(limb + 1).copied().unwrap_or(0);
    ((u128::from(above) << 64 | u128::from(limbs[limb])) >> bit) as u64
}

fn bit(limbs: &[u64; LIMBS], index: usize) -> bool {
    limbs[index / 64] >> (index % 64) & 1 == 1
}

/// Whether any bit below `end` is set.
fn any_below(limbs: &[u64; LIMBS], end: usize) -> bool {
    limbs[..end / 64].iter().any(|&limb| limb != 0)
        || limbs[end / 64] & ((1 << (end % 64)) - 1) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(values: &[f64]) -> Accumulator {
        let mut sum = Accumulator::default();
        values.iter().for_each(|&value| sum.add_f64(value));
        sum
    }

    #[test]
    fn one_value_comes_back_as_it_went_in() {
        let smallest_normal = f64::MIN_POSITIVE;
        for value in [
            1.0,
            -1.0,
            0.1,
            f64::MAX,
            f64::MIN,
            5e-324,
            -5e-324,
            smallest_normal,
            smallest_normal.next_down(),
            -smallest_normal,
            1e16 + 2.0,
            2f64.powi(1023),
        ] {
            assert_eq!(
                sum(&[value]).round().to_bits(),
                value.to_bits(),
                "{value:e}"
            );
        }
    }

    #[test]
    fn zero_is_positive_and_has_one_form() {
        assert_eq!(sum(&[-0.0]).round().to_bits(), 0);
        assert_eq!(
            sum(&[1e300, 1e-300, -1e300, -1e-300]),
            Accumulator::default()
        );
    }

    #[test]
    fn ties_go_to_even_and_the_smallest_rest_decides() {
        let half_ulp = 2f64.powi(-53);
        assert_eq!(sum(&[1.0, half_ulp]).round(), 1.0);
        assert_eq!(sum(&[1.0, half_ulp, 5e-324]).round(), 1.0f64.next_up());
        assert_eq!(sum(&[1.0, half_ulp, -5e-324]).round(), 1.0);
        assert_eq!(
            sum(&[1.0f64.next_up(), half_ulp]).round(),
            1.0f64.next_up().next_up()
        );
    }

    #[test]
    fn only_the_end_overflows() {
        assert_eq!(sum(&[f64::MAX, f64::MAX, -f64::MAX]).round(), f64::MAX);
        assert_eq!(sum(&[f64::MAX, f64::MAX]).round(), f64::INFINITY);
        assert_eq!(sum(&[f64::MIN, f64::MIN]).round(), f64::NEG_INFINITY);
        let half_ulp = 2f64.powi(970);
        assert_eq!(sum(&[f64::MAX, half_ulp]).round(), f64::INFINITY);
        assert_eq!(sum(&[f64::MAX, half_ulp, -5e-324]).round(), f64::MAX);
    }

    #[test]
    fn an_integer_comes_back_exactly_and_nothing_else_does() {
        let of = |value: i128| {
            let mut total = Accumulator::default();
            total.add_i128(value);
            total.to_i128()
        };
        for value in [
            0,
            1,
            -1,
            (1 << 53) + 1,
            -(1 << 64) - 1,
            (1 << 64) - 1,
            i128::MAX,
            -i128::MAX,
        ] {
            assert_eq!(of(value), Some(value));
        }
        assert_eq!(of(i128::MIN), None, "one bit too many");
        assert_eq!(sum(&[0.5]).to_i128(), None);
        assert_eq!(sum(&[0.5, 1.5]).to_i128(), Some(2));
        assert_eq!(sum(&[-5e-324, 1e300]).to_i128(), None);
        assert_eq!(sum(&[1e300]).to_i128(), None);
    }

    #[test]
    fn integers_meet_floats_at_the_unit() {
        let mut total = sum(&[0.5]);
        total.add_i128(-(1 << 100));
        total.add_i128(1 << 100);
        total.add_i128(-3);
        assert_eq!(total.round(), -2.5);
        let mut total = Accumulator::default();
        total.add_i128(i128::MIN);
        assert_eq!(total.round(), -(2f64.powi(127)));
    }
}
