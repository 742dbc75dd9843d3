//! The kernel for CPUs with AVX-512: eight lanes, masked loads.

use std::arch::x86_64::*;

use crate::sum::simd::{MAX_LANES, Simd, Work};

/// Exists only where the CPU has the instructions.
#[derive(Clone, Copy)]
pub(super) struct Avx512(());

const LANES: usize = 8;

impl Avx512 {
    pub(super) fn detect() -> Option<Avx512> {
        // All that `run` enables; the detection is cached by the standard library.
        let found = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx2");
        found.then_some(Avx512(()))
    }
}

#[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl")]
fn run<W: Work>(proof: Avx512, work: W) -> W::Output {
    work.work(proof)
}

impl Simd for Avx512 {
    const LANES: usize = LANES;
    type Doubles = __m512d;
    type Counts = __m512i;

    fn run<W: Work>(self, work: W) -> W::Output {
        // SAFETY: `self` proves that the CPU has the features.
        unsafe { run(self, work) }
    }

    #[inline(always)]
    fn load(self, lanes: &[f64; MAX_LANES]) -> __m512d {
        // SAFETY: `self` proves the feature; an array of eight doubles is read.
        unsafe { _mm512_loadu_pd(lanes.as_ptr()) }
    }

    #[inline(always)]
    fn store(self, values: __m512d, lanes: &mut [f64; MAX_LANES]) {
        // SAFETY: `self` proves the feature; an array of eight doubles is written.
        unsafe { _mm512_storeu_pd(lanes.as_mut_ptr(), values) }
    }

    #[inline(always)]
    fn add(self, a: __m512d, b: __m512d) -> __m512d {
        // SAFETY: `self` proves the feature.
        unsafe { _mm512_add_pd(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: __m512d, b: __m512d) -> __m512d {
        // SAFETY: `self` proves the feature.
        unsafe { _mm512_sub_pd(a, b) }
    }

    #[inline(always)]
    fn or(self, a: __m512d, b: __m512d) -> __m512d {
        // SAFETY: `self` proves the feature.
        unsafe { _mm512_or_pd(a, b) }
    }

    #[inline(always)]
    fn is_zero(self, values: __m512d) -> bool {
        // SAFETY: `self` proves the feature. A NaN compares as unequal.
        unsafe { _mm512_cmp_pd_mask::<_CMP_NEQ_UQ>(values, _mm512_setzero_pd()) == 0 }
    }

    #[inline(always)]
    fn no_counts(self) -> __m512i {
        // SAFETY: `self` proves the feature.
        unsafe { _mm512_setzero_si512() }
    }

    #[inline(always)]
    fn drop_nans(self, values: __m512d, nans: &mut __m512i) -> __m512d {
        // SAFETY: `self` proves the feature.
        unsafe {
            let is_nan = _mm512_cmp_pd_mask::<_CMP_UNORD_Q>(values, values);
            *nans = _mm512_mask_add_epi64(*nans, is_nan, *nans, _mm512_set1_epi64(1));
            _mm512_maskz_mov_pd(!is_nan, values)
        }
    }

    #[inline(always)]
    fn total(self, counts: __m512i) -> u64 {
        // SAFETY: `self` proves the feature.
        unsafe { _mm512_reduce_add_epi64(counts) as u64 }
    }

    #[inline(always)]
    fn read_f8(self, records: &[u8]) -> __m512d {
        debug_assert_eq!(records.len(), 8 * LANES);
        // SAFETY: `self` proves the feature; 64 bytes are read, all of the slice.
        unsafe { _mm512_loadu_pd(records.as_ptr().cast()) }
    }

    /// Records of three quadwords hold their value in the first of each, seen from the first value:
    /// quadwords 0, 3, 6 of one vector, 1, 4, 7 of the next, 2, 5 of the third. No two share a lane,
    /// so three masked loads into one register gather them, in an order that a sum does not mind.
    #[inline(always)]
    fn read_f8_in_24(self, records: &[u8], offset: usize) -> __m512d {
        debug_assert!(records.len() == 24 * LANES && offset + 8 <= 24);
        // SAFETY: `self` proves the feature; a masked load reads its chosen lanes only, of which the
        // last ends at 7 · 24 + offset + 8 bytes, within the last record.
        unsafe {
            let first = records.as_ptr().add(offset).cast::<f64>();
            let some = _mm512_maskz_loadu_pd(0b0100_1001, first);
            let more = _mm512_mask_loadu_pd(some, 0b1001_0010, first.add(8));
            _mm512_mask_loadu_pd(more, 0b0010_0100, first.add(16))
        }
    }

    #[inline(always)]
    fn read_f8_strided(self, records: &[u8], offset: usize, stride: usize) -> __m512d {
        debug_assert!(records.len() == stride * LANES && offset + 8 <= stride);
        // SAFETY: `self` proves the feature; lane i reads 8 bytes at i · stride + offset, within its
        // record.
        unsafe {
            let steps = _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0);
            let indices = _mm512_mullo_epi64(steps, _mm512_set1_epi64(stride as i64));
            _mm512_i64gather_pd::<1>(indices, records.as_ptr().add(offset).cast())
        }
    }

    #[inline(always)]
    fn swap_bytes(self, values: __m512d) -> __m512d {
        // SAFETY: `self` proves the features.
        unsafe {
            let order =
                _mm512_broadcast_i32x4(_mm_set_epi64x(0x08090a0b0c0d0e0f, 0x0001020304050607));
            _mm512_castsi512_pd(_mm512_shuffle_epi8(_mm512_castpd_si512(values), order))
        }
    }

    #[inline(always)]
    fn read_f4<const SWAP: bool>(self, records: &[u8]) -> __m512d {
        debug_assert_eq!(records.len(), 4 * LANES);
        // SAFETY: `self` proves the features; 32 bytes are read, all of the slice.
        unsafe { widen::<SWAP>(_mm256_loadu_si256(records.as_ptr().cast())) }
    }

    #[inline(always)]
    fn read_f4_strided<const SWAP: bool>(
        self,
        records: &[u8],
        offset: usize,
        stride: usize,
    ) -> __m512d {
        debug_assert!(records.len() == stride * LANES && offset + 4 <= stride);
        // SAFETY: `self` proves the features; lane i reads 4 bytes at i · stride + offset, within
        // its record.
        unsafe {
            let steps = _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0);
            let indices = _mm512_mullo_epi64(steps, _mm512_set1_epi64(stride as i64));
            widen::<SWAP>(_mm512_i64gather_epi32::<1>(
                indices,
                records.as_ptr().add(offset).cast(),
            ))
        }
    }
}

/// Eight floats of 4 bytes, their bytes reversed if `SWAP`, as doubles.
///
/// # Safety
/// The CPU has the features that [`run`] enables.
#[inline(always)]
unsafe fn widen<const SWAP: bool>(floats: __m256i) -> __m512d {
    // SAFETY: the caller's.
    unsafe {
        let order =
            _mm256_broadcastsi128_si256(_mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203));
        let floats = if SWAP {
            _mm256_shuffle_epi8(floats, order)
        } else {
            floats
        };
        _mm512_cvtps_pd(_mm256_castsi256_ps(floats))
    }
}
