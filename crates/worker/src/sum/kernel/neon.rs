//! The kernel for aarch64: two lanes. Every CPU of the architecture has the instructions.

use std::arch::aarch64::*;

use crate::sum::simd::{MAX_LANES, Simd, Work};

/// Needs no proof.
#[derive(Clone, Copy)]
pub(super) struct Neon;

const LANES: usize = 2;

impl Simd for Neon {
    const LANES: usize = LANES;
    type Doubles = float64x2_t;
    type Counts = uint64x2_t;

    #[inline(always)]
    fn run<W: Work>(self, work: W) -> W::Output {
        work.work(self)
    }

    #[inline(always)]
    fn load(self, lanes: &[f64; MAX_LANES]) -> float64x2_t {
        // SAFETY: every CPU has NEON; the first two of eight doubles are read.
        unsafe { vld1q_f64(lanes.as_ptr()) }
    }

    #[inline(always)]
    fn store(self, values: float64x2_t, lanes: &mut [f64; MAX_LANES]) {
        // SAFETY: every CPU has NEON; the first two of eight doubles are written.
        unsafe { vst1q_f64(lanes.as_mut_ptr(), values) }
    }

    #[inline(always)]
    fn add(self, a: float64x2_t, b: float64x2_t) -> float64x2_t {
        // SAFETY: every CPU has NEON.
        unsafe { vaddq_f64(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: float64x2_t, b: float64x2_t) -> float64x2_t {
        // SAFETY: every CPU has NEON.
        unsafe { vsubq_f64(a, b) }
    }

    #[inline(always)]
    fn or(self, a: float64x2_t, b: float64x2_t) -> float64x2_t {
        // SAFETY: every CPU has NEON.
        unsafe {
            let bits = vorrq_u64(vreinterpretq_u64_f64(a), vreinterpretq_u64_f64(b));
            vreinterpretq_f64_u64(bits)
        }
    }

    #[inline(always)]
    fn is_zero(self, values: float64x2_t) -> bool {
        // SAFETY: every CPU has NEON. A NaN compares as unequal, and only true lanes are all ones.
        unsafe { vminvq_u32(vreinterpretq_u32_u64(vceqzq_f64(values))) == u32::MAX }
    }

    #[inline(always)]
    fn no_counts(self) -> uint64x2_t {
        // SAFETY: every CPU has NEON.
        unsafe { vdupq_n_u64(0) }
    }

    #[inline(always)]
    fn drop_nans(self, values: float64x2_t, nans: &mut uint64x2_t) -> float64x2_t {
        // SAFETY: every CPU has NEON. A NaN alone differs from itself.
        unsafe {
            let is_number = vceqq_f64(values, values);
            *nans = vaddq_u64(*nans, vbicq_u64(vdupq_n_u64(1), is_number));
            vreinterpretq_f64_u64(vandq_u64(vreinterpretq_u64_f64(values), is_number))
        }
    }

    #[inline(always)]
    fn total(self, counts: uint64x2_t) -> u64 {
        // SAFETY: every CPU has NEON.
        unsafe { vaddvq_u64(counts) }
    }

    #[inline(always)]
    fn read_f8(self, records: &[u8]) -> float64x2_t {
        debug_assert_eq!(records.len(), 8 * LANES);
        // SAFETY: every CPU has NEON; 16 bytes are read, all of the slice.
        unsafe { vld1q_f64(records.as_ptr().cast()) }
    }

    #[inline(always)]
    fn read_f8_strided(self, records: &[u8], offset: usize, stride: usize) -> float64x2_t {
        debug_assert!(records.len() == stride * LANES && offset + 8 <= stride);
        // SAFETY: every CPU has NEON; lane i reads 8 bytes at i · stride + offset, within its record.
        unsafe {
            let at = |i: usize| vld1_f64(records.as_ptr().add(offset + stride * i).cast());
            vcombine_f64(at(0), at(1))
        }
    }

    #[inline(always)]
    fn swap_bytes(self, values: float64x2_t) -> float64x2_t {
        // SAFETY: every CPU has NEON.
        unsafe { vreinterpretq_f64_u8(vrev64q_u8(vreinterpretq_u8_f64(values))) }
    }

    #[inline(always)]
    fn read_f4<const SWAP: bool>(self, records: &[u8]) -> float64x2_t {
        debug_assert_eq!(records.len(), 4 * LANES);
        // SAFETY: every CPU has NEON; 8 bytes are read, all of the slice.
        unsafe { widen::<SWAP>(vld1_u32(records.as_ptr().cast())) }
    }

    #[inline(always)]
    fn read_f4_strided<const SWAP: bool>(
        self,
        records: &[u8],
        offset: usize,
        stride: usize,
    ) -> float64x2_t {
        debug_assert!(records.len() == stride * LANES && offset + 4 <= stride);
        // SAFETY: every CPU has NEON; lane i reads 4 bytes at i · stride + offset, within its record.
        unsafe {
            let at = |i: usize| {
                records
                    .as_ptr()
                    .add(offset + stride * i)
                    .cast::<u32>()
                    .read_unaligned()
            };
            widen::<SWAP>(vset_lane_u32::<1>(at(1), vdup_n_u32(at(0))))
        }
    }
}

/// Two floats of 4 bytes, their bytes reversed if `SWAP`, as doubles.
#[inline(always)]
fn widen<const SWAP: bool>(floats: uint32x2_t) -> float64x2_t {
    // SAFETY: every CPU has NEON.
    unsafe {
        let floats = if SWAP {
            vreinterpret_u32_u8(vrev32_u8(vreinterpret_u8_u32(floats)))
        } else {
            floats
        };
        vcvt_f64_f32(vreinterpret_f32_u32(floats))
    }
}
