//! Which vector instructions to sum with, and the one algorithm written over them.
//!
//! The sum of each lane is kept as three doubles: a plain sum, the sum of its rounding errors, and
//! the sum of the rounding errors of that, each error exact by Knuth's two-sum. As long as the third
//! level rounds nothing off, the three together are the exact sum. The loop only notes whether it
//! did; a block for which it did is given back untouched, for slower means.
//! (Ogita, Rump, Oishi, "Accurate sum and dot product", 2005, on sums of this kind.)

mod prefetch;
mod scalar;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(avx512)]
#[clippy::msrv = "1.89"]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;

use std::fmt;

use super::format::Layout;
use super::partial::Partial;
pub(super) use prefetch::{LINE, prefetch};

/// A set of instructions that the sums exist for. All give the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// What every CPU of the architecture has.
    Scalar,
    /// Four doubles at a time (x86-64).
    Avx2,
    /// Eight doubles at a time (x86-64).
    Avx512,
    /// Two doubles at a time (aarch64).
    Neon,
}

impl Kernel {
    /// All kernels, fastest first.
    const ALL: [Kernel; 4] = [Kernel::Avx512, Kernel::Avx2, Kernel::Neon, Kernel::Scalar];

    /// The fastest kernel for this CPU.
    pub fn detect() -> Kernel {
        Kernel::available().next().unwrap_or(Kernel::Scalar)
    }

    /// The kernels that this CPU can run, fastest first.
    pub fn available() -> impl Iterator<Item = Kernel> {
        Kernel::ALL
            .into_iter()
            .filter(|kernel| kernel.run(LaneCount).is_some())
    }

    /// Does `work` with these instructions; `None` where the CPU lacks them.
    pub(super) fn run<W: Work>(self, work: W) -> Option<W::Output> {
        match self {
            Kernel::Scalar => Some(scalar::Scalar.run(work)),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 => Some(avx2::Avx2::detect()?.run(work)),
            #[cfg(not(target_arch = "x86_64"))]
            Kernel::Avx2 => None,
            #[cfg(avx512)]
            Kernel::Avx512 => Some(avx512::Avx512::detect()?.run(work)),
            // Not on this architecture, or with a compiler that is too old (`build.rs`).
            #[cfg(not(avx512))]
            Kernel::Avx512 => None,
            #[cfg(target_arch = "aarch64")]
            Kernel::Neon => Some(neon::Neon.run(work)),
            #[cfg(not(target_arch = "aarch64"))]
            Kernel::Neon => None,
        }
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Kernel::Scalar => "scalar",
            Kernel::Avx2 => "avx2",
            Kernel::Avx512 => "avx512",
            Kernel::Neon => "neon",
        })
    }
}

/// Something to be compiled once for each instruction set. Implementations are `#[inline(always)]`:
/// only what is inlined into [`Simd::run`] may use the instructions.
pub(super) trait Work {
    type Output;
    fn work<S: Simd>(self, simd: S) -> Self::Output;
}

/// Asks how many doubles are summed at a time.
pub(super) struct LaneCount;

impl Work for LaneCount {
    type Output = usize;

    #[inline(always)]
    fn work<S: Simd>(self, _: S) -> usize {
        S::LANES
    }
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
    /// The same at a stride of 24 bytes, the study's.
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

/// The running sums of all lanes: their exact sum is that of everything added so far. All finite.
#[derive(Clone, Debug, Default)]
pub(super) struct Levels([[f64; MAX_LANES]; 3]);

impl Levels {
    /// Moves everything into `partial`, whose counts stay as they are.
    pub(super) fn drain_into(&mut self, partial: &mut Partial) {
        for &lane in self.0.as_flattened() {
            partial.sum.add_f64(lane);
        }
        *self = Levels::default();
    }
}

/// Adds a block of records to `levels`: the NaNs left out, or `None` if the sum could not be kept
/// exact (or is not finite), and then `levels` are as before.
pub(super) struct AddBlock<'a, L> {
    pub(super) levels: &'a mut Levels,
    /// Whole groups of [`Simd::LANES`] records; what is more is not read.
    pub(super) records: &'a [u8],
    pub(super) layout: L,
}

impl<L: Layout> Work for AddBlock<'_, L> {
    type Output = Option<u64>;

    #[inline(always)]
    fn work<S: Simd>(self, simd: S) -> Option<u64> {
        let AddBlock {
            levels: Levels(levels),
            records,
            layout,
        } = self;
        let mut running = Running {
            sums: levels.each_ref().map(|level| simd.load(level)),
            left_over: simd.load(&[0.0; MAX_LANES]),
            nans: simd.no_counts(),
        };
        let group_bytes = S::LANES * layout.stride();
        // Four parts side by side: the looks into the page table of each overlap, where pages are
        // small, and so do the hardware's own prefetches.
        let part = records.len() / group_bytes / 4 * group_bytes;
        let (first, rest) = records.split_at(part);
        let (second, rest) = rest.split_at(part);
        let (third, rest) = rest.split_at(part);
        let (fourth, rest) = rest.split_at(part);
        let groups = |part| <[u8]>::chunks_exact(part, group_bytes);
        for (((a, b), c), d) in groups(first)
            .zip(groups(second))
            .zip(groups(third))
            .zip(groups(fourth))
        {
            running.add(simd, layout, a);
            running.add(simd, layout, b);
            running.add(simd, layout, c);
            running.add(simd, layout, d);
        }
        for group in groups(rest) {
            running.add(simd, layout, group);
        }
        if !simd.is_zero(running.left_over) {
            return None;
        }
        for (level, sum) in levels.iter_mut().zip(running.sums) {
            simd.store(sum, level);
        }
        Some(simd.total(running.nans))
    }
}

/// What the loop carries in registers.
struct Running<S: Simd> {
    sums: [S::Doubles; 3],
    /// Nothing, as long as the sums are exact.
    left_over: S::Doubles,
    nans: S::Counts,
}

impl<S: Simd> Running<S> {
    #[inline(always)]
    fn add<L: Layout>(&mut self, simd: S, layout: L, group: &[u8]) {
        layout.prefetch(group);
        let mut values = simd.drop_nans(layout.read(simd, group), &mut self.nans);
        for sum in &mut self.sums {
            (*sum, values) = two_sum(simd, *sum, values);
        }
        // An overflow, an infinity or a NaN anywhere above has made this a NaN.
        self.left_over = simd.or(self.left_over, values);
    }
}

/// `a + b` rounded, and exactly what the rounding took away (Knuth, TAOCP 2, 4.2.2).
#[inline(always)]
fn two_sum<S: Simd>(simd: S, a: S::Doubles, b: S::Doubles) -> (S::Doubles, S::Doubles) {
    let sum = simd.add(a, b);
    let b_seen = simd.sub(sum, a);
    let a_seen = simd.sub(sum, b_seen);
    (sum, simd.add(simd.sub(a, a_seen), simd.sub(b, b_seen)))
}
