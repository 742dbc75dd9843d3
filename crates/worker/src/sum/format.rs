//! Where the values of a column lie and what their bytes mean, as types: the kernels are compiled
//! once for each layout, so that a stride or a byte order costs nothing inside the loop.

use super::bytes::{f4_at, f8_at};
use super::prefetch::{LINE, prefetch};
use super::simd::Simd;

/// How to read doubles out of records.
pub(super) trait Layout: Copy {
    /// Bytes of a record.
    fn stride(self) -> usize;
    /// The values of exactly [`Simd::LANES`] records, in any order.
    fn read<S: Simd>(self, simd: S, records: &[u8]) -> S::Doubles;
    /// The value of one record.
    fn read_one(self, record: &[u8]) -> f64;
    /// Asks for records some way beyond these, which are as many.
    fn prefetch(self, records: &[u8]);
}

/// Doubles one after the other.
#[derive(Clone, Copy)]
pub(super) struct PlainF8<const SWAP: bool>;

/// Doubles in records of 24 bytes, such as the original study's.
#[derive(Clone, Copy)]
pub(super) struct F8In24<const SWAP: bool> {
    pub(super) offset: usize,
}

/// Doubles anywhere in records of any size.
#[derive(Clone, Copy)]
pub(super) struct StridedF8<const SWAP: bool> {
    pub(super) offset: usize,
    pub(super) stride: usize,
}

/// Floats of 4 bytes one after the other.
#[derive(Clone, Copy)]
pub(super) struct PlainF4<const SWAP: bool>;

/// Floats of 4 bytes anywhere in records of any size.
#[derive(Clone, Copy)]
pub(super) struct StridedF4<const SWAP: bool> {
    pub(super) offset: usize,
    pub(super) stride: usize,
}

impl<const SWAP: bool> Layout for PlainF8<SWAP> {
    #[inline(always)]
    fn stride(self) -> usize {
        8
    }

    #[inline(always)]
    fn read<S: Simd>(self, simd: S, records: &[u8]) -> S::Doubles {
        swap::<S, SWAP>(simd, simd.read_f8(records))
    }

    #[inline(always)]
    fn read_one(self, record: &[u8]) -> f64 {
        swap_one::<SWAP>(f8_at(record, 0))
    }

    #[inline(always)]
    fn prefetch(self, records: &[u8]) {
        prefetch_lines(records);
    }
}

impl<const SWAP: bool> Layout for F8In24<SWAP> {
    #[inline(always)]
    fn stride(self) -> usize {
        24
    }

    #[inline(always)]
    fn read<S: Simd>(self, simd: S, records: &[u8]) -> S::Doubles {
        swap::<S, SWAP>(simd, simd.read_f8_in_24(records, self.offset))
    }

    #[inline(always)]
    fn read_one(self, record: &[u8]) -> f64 {
        swap_one::<SWAP>(f8_at(record, self.offset))
    }

    #[inline(always)]
    fn prefetch(self, records: &[u8]) {
        prefetch_lines(records);
    }
}

impl<const SWAP: bool> Layout for StridedF8<SWAP> {
    #[inline(always)]
    fn stride(self) -> usize {
        self.stride
    }

    #[inline(always)]
    fn read<S: Simd>(self, simd: S, records: &[u8]) -> S::Doubles {
        swap::<S, SWAP>(
            simd,
            simd.read_f8_strided(records, self.offset, self.stride),
        )
    }

    #[inline(always)]
    fn read_one(self, record: &[u8]) -> f64 {
        swap_one::<SWAP>(f8_at(record, self.offset))
    }

    #[inline(always)]
    fn prefetch(self, records: &[u8]) {
        for start in (self.offset..records.len()).step_by(self.stride) {
            prefetch(records, start);
        }
    }
}

impl<const SWAP: bool> Layout for PlainF4<SWAP> {
    #[inline(always)]
    fn stride(self) -> usize {
        4
    }

    #[inline(always)]
    fn read<S: Simd>(self, simd: S, records: &[u8]) -> S::Doubles {
        simd.read_f4::<SWAP>(records)
    }

    #[inline(always)]
    fn read_one(self, record: &[u8]) -> f64 {
        f4_at::<SWAP>(record, 0)
    }

    #[inline(always)]
    fn prefetch(self, records: &[u8]) {
        prefetch_lines(records);
    }
}

impl<const SWAP: bool> Layout for StridedF4<SWAP> {
    #[inline(always)]
    fn stride(self) -> usize {
        self.stride
    }

    #[inline(always)]
    fn read<S: Simd>(self, simd: S, records: &[u8]) -> S::Doubles {
        simd.read_f4_strided::<SWAP>(records, self.offset, self.stride)
    }

    #[inline(always)]
    fn read_one(self, record: &[u8]) -> f64 {
        f4_at::<SWAP>(record, self.offset)
    }

    #[inline(always)]
    fn prefetch(self, records: &[u8]) {
        for start in (self.offset..records.len()).step_by(self.stride) {
            prefetch(records, start);
        }
    }
}

/// Asks for each line of what lies some way beyond `records`.
#[inline(always)]
fn prefetch_lines(records: &[u8]) {
    for start in (0..records.len()).step_by(LINE) {
        prefetch(records, start);
    }
}

#[inline(always)]
fn swap<S: Simd, const SWAP: bool>(simd: S, values: S::Doubles) -> S::Doubles {
    if SWAP {
        simd.swap_bytes(values)
    } else {
        values
    }
}

#[inline(always)]
fn swap_one<const SWAP: bool>(value: f64) -> f64 {
    if SWAP {
        f64::from_bits(value.to_bits().swap_bytes())
    } else {
        value
    }
}
