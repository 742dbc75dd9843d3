//! The kernel for CPUs with AVX2: four lanes, filled one or two at a time where values lie apart.

use std::arch::x86_64::*;

use crate::sum::simd::{MAX_LANES, Simd, Work};

/// Exists only where the CPU has the instructions.
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

const LANES: usize = 4;

impl Avx2 {
    pub(super) fn detect() -> Option<Avx2> {
        is_x86_feature_detected!("avx2").then_some(Avx2(()))
    }
}

#[target_feature(enable = "avx2")]
fn run<W: Work>(proof: Avx2, work: W) -> W::Output {
    work.work(proof)
}

impl Simd for Avx2 {
    const LANES: usize = LANES;
    type Doubles = __m256d;
    type Counts = __m256i;

    fn run<W: Work>(self, work: W) -> W::Output {
        // SAFETY: `self` proves that the CPU has the feature.
        unsafe { run(self, work) }
    }

    #[inline(always)]
    fn load(self, lanes: &[f64; MAX_LANES]) -> __m256d {
        // SAFETY: `self` proves the feature; the first four of eight doubles are read.
        unsafe { _mm256_loadu_pd(lanes.as_ptr()) }
    }

    #[inline(always)]
    fn store(self, values: __m256d, lanes: &mut [f64; MAX_LANES]) {
        // SAFETY: `self` proves the feature; the first four of eight doubles are written.
        unsafe { _mm256_storeu_pd(lanes.as_mut_ptr(), values) }
    }

    #[inline(always)]
    fn add(self, a: __m256d, b: __m256d) -> __m256d {
        // SAFETY: `self` proves the feature.
        unsafe { _mm256_add_pd(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: __m256d, b: __m256d) -> __m256d {
        // SAFETY: `self` proves the feature.
        unsafe { _mm256_sub_pd(a, b) }
    }

    #[inline(always)]
    fn or(self, a: __m256d, b: __m256d) -> __m256d {
        // SAFETY: `self` proves the feature.
        unsafe { _mm256_or_pd(a, b) }
    }

    #[inline(always)]
    fn is_zero(self, values: __m256d) -> bool {
        // SAFETY: `self` proves the feature. A NaN compares as unequal.
        unsafe {
            let nonzero = _mm256_cmp_pd::<_CMP_NEQ_UQ>(values, _mm256_setzero_pd());
            _mm256_movemask_pd(nonzero) == 0
        }
    }

    #[inline(always)]
    fn no_counts(self) -> __m256i {
        // SAFETY: `self` proves the feature.
        unsafe { _mm256_setzero_si256() }
    }

    #[inline(always)]
    fn drop_nans(self, values: __m256d, nans: &mut __m256i) -> __m256d {
        // SAFETY: `self` proves the feature. A true lane is all ones, that is -1.
        unsafe {
            let is_nan = _mm256_cmp_pd::<_CMP_UNORD_Q>(values, values);
            *nans = _mm256_sub_epi64(*nans, _mm256_castpd_si256(is_nan));
            _mm256_andnot_pd(is_nan, values)
        }
    }

    #[inline(always)]
    fn total(self, counts: __m256i) -> u64 {
        let mut lanes = [0u64; LANES];
        // SAFETY: `self` proves the feature; an array of four counts is written.
        unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), counts) };
        lanes.iter().sum()
    }

    #[inline(always)]
    fn read_f8(self, records: &[u8]) -> __m256d {
        debug_assert_eq!(records.len(), 8 * LANES);
        // SAFETY: `self` proves the feature; 32 bytes are read, all of the slice.
        unsafe { _mm256_loadu_pd(records.as_ptr().cast()) }
    }

    #[inline(always)]
    fn read_f8_strided(self, records: &[u8], offset: usize, stride: usize) -> __m256d {
        debug_assert!(records.len() == stride * LANES && offset + 8 <= stride);
        // SAFETY: `self` proves the feature; lane i reads 8 bytes at i · stride + offset, within its
        // record.
        unsafe {
            let at = |i: usize| records.as_ptr().add(offset + stride * i).cast::<f64>();
            let low = _mm_loadh_pd(_mm_load_sd(at(0)), at(1));
            let high = _mm_loadh_pd(_mm_load_sd(at(2)), at(3));
            _mm256_set_m128d(high, low)
        }
    }

    #[inline(always)]
    fn swap_bytes(self, values: __m256d) -> __m256d {
        // SAFETY: `self` proves the feature.
        unsafe {
            let order =
                _mm256_broadcastsi128_si256(_mm_set_epi64x(0x08090a0b0c0d0e0f, 0x0001020304050607));
            _mm256_castsi256_pd(_mm256_shuffle_epi8(_mm256_castpd_si256(values), order))
        }
    }

    #[inline(always)]
    fn read_f4<const SWAP: bool>(self, records: &[u8]) -> __m256d {
        debug_assert_eq!(records.len(), 4 * LANES);
        // SAFETY: `self` proves the feature; 16 bytes are read, all of the slice.
        unsafe { widen::<SWAP>(_mm_loadu_si128(records.as_ptr().cast())) }
    }

    #[inline(always)]
    fn read_f4_strided<const SWAP: bool>(
        self,
        records: &[u8],
        offset: usize,
        stride: usize,
    ) -> __m256d {
        debug_assert!(records.len() == stride * LANES && offset + 4 <= stride);
        // SAFETY: `self` proves the feature; lane i reads 4 bytes at i · stride + offset, within its
        // record.
        unsafe {
            let at = |i: usize| {
                records
                    .as_ptr()
                    .add(offset + stride * i)
                    .cast::<i32>()
                    .read_unaligned()
            };
            widen::<SWAP>(_mm_set_epi32(at(3), at(2), at(1), at(0)))
        }
    }
}

/// Four floats of 4 bytes, their bytes reversed if `SWAP`, as doubles.
///
/// # Safety
/// The CPU has AVX2.
#[inline(always)]
unsafe fn widen<const SWAP: bool>(floats: __m128i) -> __m256d {
    // SAFETY: the caller's.
    unsafe {
        let order = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
        let floats = if SWAP {
            _mm_shuffle_epi8(floats, order)
        } else {
            floats
        };
        _mm256_cvtps_pd(_mm_castsi128_ps(floats))
    }
}
