//! The sum by schoolbook arithmetic: slow, and meant to be obviously right. Tests hold every kernel
//! against it; it shares none of their code, not even the reading of a value.

use std::cmp::Ordering;

use super::{Column, Kind, Order, environment};

/// What there is to know about the values of a column.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// The exact sum, rounded once.
    pub value: f64,
    /// Values but NaNs.
    pub count: u64,
    /// NaNs.
    pub nan_count: u64,
}

impl PartialEq for Answer {
    /// Bit by bit, but that every NaN is the same.
    fn eq(&self, other: &Answer) -> bool {
        let same_value = self.value.to_bits() == other.value.to_bits()
            || self.value.is_nan() && other.value.is_nan();
        same_value && self.count == other.count && self.nan_count == other.nan_count
    }
}

/// The answer for the values of `column` in `records`.
pub fn sum(records: &[u8], column: &Column) -> Answer {
    environment::in_default(|| sum_all(records, column))
}

fn sum_all(records: &[u8], column: &Column) -> Answer {
    let mut positive = Natural::default();
    let mut negative = Natural::default();
    let mut infinities = [false; 2];
    let mut answer = Answer {
        value: 0.0,
        count: 0,
        nan_count: 0,
    };
    for record in records.chunks(column.stride) {
        match read(record, column) {
            Value::Float(value) if value.is_nan() => {
                answer.nan_count += 1;
                continue;
            }
            Value::Float(value) if value.is_infinite() => {
                infinities[usize::from(value < 0.0)] = true
            }
            Value::Float(value) if value < 0.0 => negative.add(&Natural::from_double(-value)),
            Value::Float(value) => positive.add(&Natural::from_double(value.abs())),
            Value::Integer(value) => {
                let sum = if value < 0 {
                    &mut negative
                } else {
                    &mut positive
                };
                sum.add(&Natural::from_integer(value.unsigned_abs()));
            }
        }
        answer.count += 1;
    }
    answer.value = match infinities {
        [true, true] => f64::NAN,
        [true, false] => f64::INFINITY,
        [false, true] => f64::NEG_INFINITY,
        [false, false] => match positive.cmp(&negative) {
            Ordering::Equal => 0.0,
            Ordering::Greater => positive.minus(&negative).nearest_double(),
            Ordering::Less => -negative.minus(&positive).nearest_double(),
        },
    };
    answer
}

enum Value {
    Float(f64),
    Integer(i128),
}

fn read(record: &[u8], column: &Column) -> Value {
    let mut bytes = record[column.offset..column.offset + column.scalar.size()].to_vec();
    if column.scalar.order == Order::Big {
        bytes.reverse();
    }
    let unsigned = bytes
        .iter()
        .rev()
        .fold(0u64, |value, &byte| value << 8 | u64::from(byte));
    match column.scalar.kind {
        Kind::F8 => Value::Float(f64::from_bits(unsigned)),
        Kind::F4 => Value::Float(f64::from(f32::from_bits(unsigned as u32))),
        Kind::F2 => Value::Float(half(unsigned as u16)),
        Kind::I1 => Value::Integer((unsigned as u8 as i8).into()),
        Kind::I2 => Value::Integer((unsigned as u16 as i16).into()),
        Kind::I4 => Value::Integer((unsigned as u32 as i32).into()),
        Kind::I8 => Value::Integer((unsigned as i64).into()),
        Kind::U1 | Kind::U2 | Kind::U4 | Kind::U8 => Value::Integer(unsigned.into()),
        Kind::Bool => Value::Integer((unsigned != 0).into()),
    }
}

/// The value of a binary16, by the definition of the format.
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    let magnitude = match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
    };
    if bits >> 15 == 1 {
        -magnitude
    } else {
        magnitude
    }
}

/// A natural number of any size, in digits of 32 bits, least significant first, in units of
/// 2^-1074.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Natural(Vec<u32>);

impl Natural {
    /// A double that is not negative; infinity counts as 2^1024.
    fn from_double(value: f64) -> Natural {
        assert!(value.is_sign_positive(), "{value} is no natural number");
        let exponent = value.to_bits() >> 52;
        let fraction = value.to_bits() & ((1 << 52) - 1);
        match exponent {
            0 => Natural::shifted(fraction.into(), 0),
            _ => Natural::shifted((fraction | 1 << 52).into(), exponent as usize - 1),
        }
    }

    fn from_integer(value: u128) -> Natural {
        Natural::shifted(value, 1074)
    }

    /// `value` · 2^`places`.
    fn shifted(value: u128, places: usize) -> Natural {
        let mut digits = vec![0; (places + 128) / 32 + 1];
        for i in (0..128).filter(|i| value >> i & 1 == 1) {
            digits[(places + i) / 32] |= 1 << ((places + i) % 32);
        }
        Natural(digits).trimmed()
    }

    fn add(&mut self, other: &Natural) {
        let mut carry = 0;
        for i in 0..self.0.len().max(other.0.len()) + 1 {
            let digit = u64::from(self.digit(i)) + u64::from(other.digit(i)) + carry;
            self.0.resize(self.0.len().max(i + 1), 0);
            self.0[i] = digit as u32;
            carry = digit >> 32;
        }
        *self = std::mem::take(self).trimmed();
    }

    /// `self` - `other`, which is not larger.
    fn minus(&self, other: &Natural) -> Natural {
        let mut borrow = 0;
        let digits = (0..self.0.len()).map(|i| {
            let digit = i64::from(self.digit(i)) - i64::from(other.digit(i)) - borrow;
            borrow = i64::from(digit < 0);
            digit as u32
        });
        Natural(digits.collect()).trimmed()
    }

    /// The nearest double, of two equally near the even one; found by bisection over all doubles,
    /// which are ordered as their bits are. What would follow `f64::MAX` is 2^1024.
    fn nearest_double(&self) -> f64 {
        let (mut below, mut above) = (0, f64::INFINITY.to_bits());
        while above - below > 1 {
            let middle = below + (above - below) / 2;
            match Natural::from_double(f64::from_bits(middle)).cmp(self) {
                Ordering::Greater => above = middle,
                _ => below = middle,
            }
        }
        let [low, high] = [below, above].map(|bits| Natural::from_double(f64::from_bits(bits)));
        if *self >= high {
            return f64::INFINITY;
        }
        let nearest = match self.minus(&low).cmp(&high.minus(self)) {
            Ordering::Less => below,
            Ordering::Greater => above,
            Ordering::Equal => below + below % 2,
        };
        f64::from_bits(nearest)
    }

    fn digit(&self, i: usize) -> u32 {
        self.0.get(i).copied().unwrap_or(0)
    }

    /// Without leading zeros: equal numbers have equal digits.
    fn trimmed(mut self) -> Natural {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
        self
    }
}

impl PartialOrd for Natural {
    fn partial_cmp(&self, other: &Natural) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Natural {
    fn cmp(&self, other: &Natural) -> Ordering {
        let by_length = self.0.len().cmp(&other.0.len());
        by_length.then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }
}
