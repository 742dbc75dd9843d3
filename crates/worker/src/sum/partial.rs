//! What a worker knows after its batch: the exact sum so far, which infinities it met, the counts.
//!
//! A partial is what crosses the socket, so it is small (zero limbs at either end are not sent) and
//! what arrives is believed only in the one form that an honest worker sends.

use std::fmt;

use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::ser::{SerializeSeq, Serializer};
use serde::{Deserialize, Serialize};

use super::accumulator::{Accumulator, LIMBS};

/// An exact, mergeable sum of some values of a column.
///
/// Merging is associative and commutative, and the default is its neutral element: however the
/// values were split and in whatever order the partials meet, equal values give equal partials.
/// Exact for any number of values that the counts can number (2^64).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partial {
    /// Of the finite values.
    pub(super) sum: Accumulator,
    pub(super) infinities: Infinities,
    pub(super) count: u64,
    pub(super) nan_count: u64,
}

/// Which infinities were among the values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Infinities {
    pub(super) positive: bool,
    pub(super) negative: bool,
}

impl Partial {
    /// Takes the other's values in.
    pub fn merge(&mut self, other: &Partial) {
        self.sum.merge(&other.sum);
        self.infinities.positive |= other.infinities.positive;
        self.infinities.negative |= other.infinities.negative;
        // Honest counts cannot overflow; forged ones must not panic.
        self.count = self.count.saturating_add(other.count);
        self.nan_count = self.nan_count.saturating_add(other.nan_count);
    }

    /// The exact sum of all values but NaNs, rounded once to nearest, ties to even: +0 for an exact
    /// zero, infinite with an infinity of one sign among the values, NaN with both.
    pub fn value(&self) -> f64 {
        match (self.infinities.positive, self.infinities.negative) {
            (true, true) => f64::NAN,
            (true, false) => f64::INFINITY,
            (false, true) => f64::NEG_INFINITY,
            (false, false) => self.sum.round(),
        }
    }

    /// The exact sum of a column of integers. `None` where there was an infinity or a fraction, or more
    /// than 127 bits, none of which a column of integers gives.
    pub fn integer(&self) -> Option<i128> {
        match self.infinities {
            Infinities {
                positive: false,
                negative: false,
            } => self.sum.to_i128(),
            _ => None,
        }
    }

    /// Values that were summed: all but NaNs.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// NaNs that were left out.
    pub fn nan_count(&self) -> u64 {
        self.nan_count
    }

    /// Adds one value of any kind.
    pub(super) fn add(&mut self, value: f64) {
        if value.is_nan() {
            self.nan_count += 1;
            return;
        }
        self.count += 1;
        if value.is_finite() {
            self.sum.add_f64(value);
        } else {
            self.infinities.positive |= value > 0.0;
            self.infinities.negative |= value < 0.0;
        }
    }

    /// What is wrong with a partial that no values could have given, if anything.
    fn implausible(&self) -> Option<&'static str> {
        let infinite = u64::from(self.infinities.positive) + u64::from(self.infinities.negative);
        let Some(finite_at_most) = self.count.checked_sub(infinite) else {
            return Some("has more kinds of infinity than values");
        };
        // Each finite value is below 2^1024, which is 2098 bits of the register.
        let bits_at_most = match finite_at_most {
            0 => 0,
            n => 2098 + (u64::BITS - n.leading_zeros()) as usize,
        };
        (self.sum.bit_length() > bits_at_most).then_some("has a sum too large for its count")
    }
}

/// The fields in the order in which they are sent.
#[derive(Serialize, Deserialize)]
struct Encoded {
    count: u64,
    nan_count: u64,
    infinities: Infinities,
    sum: Trimmed,
}

impl Serialize for Partial {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Encoded {
            count: self.count,
            nan_count: self.nan_count,
            infinities: self.infinities,
            sum: Trimmed(self.sum.clone()),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Partial {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Partial, D::Error> {
        let Encoded {
            count,
            nan_count,
            infinities,
            sum: Trimmed(sum),
        } = Encoded::deserialize(deserializer)?;
        let partial = Partial {
            sum,
            infinities,
            count,
            nan_count,
        };
        match partial.implausible() {
            Some(fault) => Err(de::Error::custom(format_args!("partial sum {fault}"))),
            None => Ok(partial),
        }
    }
}

/// A register sent as a sequence of numbers: how many low limbs are zero, then the limbs up to the
/// first that only repeats the sign. Zero is the empty sequence.
struct Trimmed(Accumulator);

/// The limbs that must be sent: from the lowest that is not zero to the one that holds the sign.
fn used(limbs: &[u64; LIMBS]) -> std::ops::Range<usize> {
    let Some(start) = limbs.iter().position(|&limb| limb != 0) else {
        return 0..0;
    };
    let sign = sign_extension(limbs[LIMBS - 1]);
    let mut end = LIMBS;
    while end - 1 > start && limbs[end - 1] == sign && sign_extension(limbs[end - 2]) == sign {
        end -= 1;
    }
    start..end
}

/// The limb that continues a two's complement number whose highest limb is `top`.
fn sign_extension(top: u64) -> u64 {
    ((top as i64) >> 63) as u64
}

impl Serialize for Trimmed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let limbs = self.0.limbs();
        let used = used(limbs);
        if used.is_empty() {
            return serializer.serialize_seq(Some(0))?.end();
        }
        let mut seq = serializer.serialize_seq(Some(1 + used.len()))?;
        seq.serialize_element(&(used.start as u64))?;
        for limb in &limbs[used] {
            seq.serialize_element(limb)?;
        }
        seq.end()
    }
}

impl<'de> Deserialize<'de> for Trimmed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Trimmed, D::Error> {
        deserializer.deserialize_seq(TrimmedVisitor).map(Trimmed)
    }
}

struct TrimmedVisitor;

impl<'de> Visitor<'de> for TrimmedVisitor {
    type Value = Accumulator;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the trimmed limbs of an exact sum, at most {LIMBS}")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Accumulator, A::Error> {
        let mut limbs = [0; LIMBS];
        let Some(start) = seq.next_element::<u64>()? else {
            return Ok(Accumulator::default());
        };
        let start = usize::try_from(start)
            .ok()
            .filter(|&start| start < LIMBS)
            .ok_or_else(|| de::Error::custom("partial sum starts beyond its register"))?;
        let mut end = start;
        while let Some(limb) = seq.next_element::<u64>()? {
            *limbs
                .get_mut(end)
                .ok_or_else(|| de::Error::custom("partial sum is longer than its register"))? =
                limb;
            end += 1;
        }
        if end > start {
            let sign = sign_extension(limbs[end - 1]);
            limbs[end..].fill(sign);
        }
        if used(&limbs) != (start..end) || start == end {
            return Err(de::Error::custom("partial sum is not in its shortest form"));
        }
        Ok(Accumulator::from_limbs(limbs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partial(values: &[f64]) -> Partial {
        let mut partial = Partial::default();
        values.iter().for_each(|&value| partial.add(value));
        partial
    }

    #[test]
    fn crosses_a_socket_unchanged_and_small() {
        for values in [
            &[][..],
            &[1.0],
            &[-1.0],
            &[0.0],
            &[f64::NAN],
            &[f64::INFINITY, f64::NEG_INFINITY, 2.0],
            &[5e-324, -f64::MAX],
            &[f64::MIN, f64::MIN],
            &[-5e-324],
        ] {
            let sent = partial(values);
            let bytes = postcard::to_stdvec(&sent).unwrap();
            assert_eq!(
                postcard::from_bytes::<Partial>(&bytes).unwrap(),
                sent,
                "{values:?}"
            );
        }
        assert!(
            postcard::to_stdvec(&partial(&[1.0, 2.0, f64::NAN]))
                .unwrap()
                .len()
                <= 16
        );
    }

    /// The bytes of a partial with these limbs and two values, no NaN, no infinity.
    fn forged(limbs: &[u64]) -> Vec<u8> {
        postcard::to_stdvec(&(2u64, 0u64, (false, false), limbs)).unwrap()
    }

    #[test]
    fn only_the_shortest_form_is_believed() {
        let honest = forged(&[16, 1 << 50]);
        assert_eq!(
            postcard::from_bytes::<Partial>(&honest).unwrap().value(),
            1.0
        );
        for limbs in [
            &[0][..],                  // zero, but not the empty sequence
            &[0, 0],                   // zero again
            &[15, 0, 1 << 50],         // a low zero limb
            &[16, 1 << 50, 0],         // a high zero limb
            &[16, u64::MAX, u64::MAX], // a repeated sign
            &[34, 1],                  // beyond the register
            &[u64::MAX, 1],
            &[33, 1],    // larger than two values could be
            &[33, 1, 1], // longer than the register
        ] {
            postcard::from_bytes::<Partial>(&forged(limbs)).expect_err("a forged form");
        }
        postcard::from_bytes::<Partial>(&forged(&[1; 4096])).expect_err("far too long");
    }

    #[test]
    fn counts_must_allow_for_the_sum() {
        let none = postcard::to_stdvec(&(0u64, 0u64, (false, false), &[16u64, 1][..])).unwrap();
        postcard::from_bytes::<Partial>(&none).expect_err("a sum of nothing");
        let none = postcard::to_stdvec(&(1u64, 0u64, (true, true), &[][..] as &[u64])).unwrap();
        postcard::from_bytes::<Partial>(&none).expect_err("two infinities from one value");
    }

    #[test]
    fn infinities_decide() {
        let (inf, max) = (f64::INFINITY, f64::MAX);
        assert_eq!(partial(&[inf, max, -max]).value(), inf);
        assert_eq!(partial(&[-inf, max]).value(), -inf);
        assert!(partial(&[-inf, 1.0, inf]).value().is_nan());
        assert_eq!(partial(&[inf, f64::NAN]).count(), 1);
    }
}
