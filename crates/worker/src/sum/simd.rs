//! What an instruction set has to offer, and what can be compiled for each: the traits between the
//! algorithms and the kernels.

/// Something to be compiled once for each instruction set. Implementations are `#[inline(always)]`:
/// only what is inlined into [`Simd::run`] may use the instructions.
pub(super) trait Work {
    type Output;
    fn work<S: Simd>(self, simd: S) -> Self::Output;
}

/// A proof that this CPU has an instruction set, and the operations it gives.
///
/// All are lane by lane. Readers take the bytes of exactly [`Simd::LANES`] records.
pub(super) trait Simd: Copy {
    /// Doubles in a vector: at most [`MAX_LANES`].
    const LANES: usize;
    /// A vector of doubles.
    type Doubles: Copy;
    /// A count for each lane.
    type Counts: Copy;

    /// Does `work` compiled with these instructions.
    fn run<W: Work>(self, work: W) -> W::Output;

    fn load(self, lanes: &[f64; MAX_LANES]) -> Self::Doubles;
    fn store(self, values: Self::Doubles, lanes: &mut [f64; MAX_LANES]);
    fn add(self, a: Self::Doubles, b: Self::Doubles) -> Self::Doubles;
    fn sub(self, a: Self::Doubles, b: Self::Doubles) -> Self::Doubles;
    /// Of the bits.
    fn or(self, a: Self::Doubles, b: Self::Doubles) -> Self::Doubles;
    /// Whether every lane is +0 or -0.
    fn is_zero(self, values: Self::Doubles) -> bool;

    fn no_counts(self) -> Self::Counts;
    /// `values` with +0 for each NaN, and those counted.
    fn drop_nans(self, values: Self::Doubles, nans: &mut Self::Counts) -> Self::Doubles;
    fn total(self, counts: Self::Counts) -> u64;

    /// Doubles one after the other.
    fn read_f8(self, records: &[u8]) -> Self::Doubles;
    /// A double at `offset` of every `stride` bytes.
    fn read_f8_strided(self, records: &[u8], offset: usize, stride: usize) -> Self::Doubles;
    /// The same at a stride of 24 bytes, the original study's.
    #[inline(always)]
    fn read_f8_in_24(self, records: &[u8], offset: usize) -> Self::Doubles {
        self.read_f8_strided(records, offset, 24)
    }
    /// Reverses the bytes of each lane.
    fn swap_bytes(self, values: Self::Doubles) -> Self::Doubles;
    /// Floats of 4 bytes one after the other, widened.
    fn read_f4<const SWAP: bool>(self, records: &[u8]) -> Self::Doubles;
    /// A float of 4 bytes at `offset` of every `stride` bytes, widened.
    fn read_f4_strided<const SWAP: bool>(
        self,
        records: &[u8],
        offset: usize,
        stride: usize,
    ) -> Self::Doubles;
}

/// Doubles in the widest vector.
pub(super) const MAX_LANES: usize = 8;
