//! The kernel for any CPU: four lanes in plain code, which the compiler may well turn into vectors.

use crate::sum::bytes::{f4_at, f8_at};
use crate::sum::simd::{MAX_LANES, Simd, Work};

/// Needs no proof.
#[derive(Clone, Copy)]
pub(super) struct Scalar;

const LANES: usize = 4;

#[inline(always)]
fn each(lane: impl FnMut(usize) -> f64) -> [f64; LANES] {
    std::array::from_fn(lane)
}

impl Simd for Scalar {
    const LANES: usize = LANES;
    type Doubles = [f64; LANES];
    type Counts = [u64; LANES];

    #[inline(always)]
    fn run<W: Work>(self, work: W) -> W::Output {
        work.work(self)
    }

    #[inline(always)]
    fn load(self, lanes: &[f64; MAX_LANES]) -> [f64; LANES] {
        each(|i| lanes[i])
    }

    #[inline(always)]
    fn store(self, values: [f64; LANES], lanes: &mut [f64; MAX_LANES]) {
        lanes[..LANES].copy_from_slice(&values);
    }

    #[inline(always)]
    fn add(self, a: [f64; LANES], b: [f64; LANES]) -> [f64; LANES] {
        each(|i| a[i] + b[i])
    }

    #[inline(always)]
    fn sub(self, a: [f64; LANES], b: [f64; LANES]) -> [f64; LANES] {
        each(|i| a[i] - b[i])
    }

    #[inline(always)]
    fn or(self, a: [f64; LANES], b: [f64; LANES]) -> [f64; LANES] {
        each(|i| f64::from_bits(a[i].to_bits() | b[i].to_bits()))
    }

    #[inline(always)]
    fn is_zero(self, values: [f64; LANES]) -> bool {
        values == [0.0; LANES]
    }

    #[inline(always)]
    fn no_counts(self) -> [u64; LANES] {
        [0; LANES]
    }

    #[inline(always)]
    fn drop_nans(self, values: [f64; LANES], nans: &mut [u64; LANES]) -> [f64; LANES] {
        for (nans, value) in nans.iter_mut().zip(values) {
            *nans += u64::from(value.is_nan());
        }
        each(|i| if values[i].is_nan() { 0.0 } else { values[i] })
    }

    #[inline(always)]
    fn total(self, counts: [u64; LANES]) -> u64 {
        counts.iter().sum()
    }

    #[inline(always)]
    fn read_f8(self, records: &[u8]) -> [f64; LANES] {
        each(|i| f8_at(records, 8 * i))
    }

    #[inline(always)]
    fn read_f8_strided(self, records: &[u8], offset: usize, stride: usize) -> [f64; LANES] {
        each(|i| f8_at(records, offset + stride * i))
    }

    #[inline(always)]
    fn swap_bytes(self, values: [f64; LANES]) -> [f64; LANES] {
        each(|i| f64::from_bits(values[i].to_bits().swap_bytes()))
    }

    #[inline(always)]
    fn read_f4<const SWAP: bool>(self, records: &[u8]) -> [f64; LANES] {
        each(|i| f4_at::<SWAP>(records, 4 * i))
    }

    #[inline(always)]
    fn read_f4_strided<const SWAP: bool>(
        self,
        records: &[u8],
        offset: usize,
        stride: usize,
    ) -> [f64; LANES] {
        each(|i| f4_at::<SWAP>(records, offset + stride * i))
    }
}
