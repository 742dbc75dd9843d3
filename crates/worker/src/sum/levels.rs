//! The one algorithm for floating-point values, written over the vectors of any instruction set.
//!
//! The sum of each lane is kept as three doubles: a plain sum, the sum of its rounding errors, and
//! the sum of the rounding errors of that, each error exact by Knuth's two-sum. As long as the third
//! level rounds nothing off, the three together are the exact sum. The loop only notes whether it
//! did; a block for which it did is returned untouched, for slower means.
//! (Ogita, Rump, Oishi, "Accurate sum and dot product", 2005, on sums of this kind.)

use super::format::Layout;
use super::partial::Partial;
use super::simd::{MAX_LANES, Simd, Work};

/// The running sums of all lanes: their exact sum is that of everything added so far. All finite.
#[derive(Clone, Debug, Default)]
pub(super) struct Levels([[f64; MAX_LANES]; 3]);

impl Levels {
    /// Moves everything into `partial`, whose counts stay unchanged.
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
