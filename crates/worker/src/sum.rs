//! Sums a column exactly, as fast as memory delivers it.
//!
//! The result is the exact sum of all values but NaNs, rounded once, so its bits depend on the
//! values alone: not on their order, nor on how they were split between workers. The pace is kept
//! by vector loops that know when they are exact (`kernel`); what they cannot hold goes through
//! wide integers, and what remains meets in a fixed-point number that spans all doubles.

mod accumulator;
mod bins;
mod bytes;
mod environment;
mod format;
mod halves;
pub mod hex;
mod integers;
mod kernel;
mod levels;
pub mod oracle;
mod partial;
mod prefetch;
mod simd;

use std::marker::PhantomData;

use dataset::{Column, Kind, Order};

use self::bins::Bins;
use self::format::{F8In24, Layout, PlainF4, PlainF8, StridedF4, StridedF8};
use self::halves::{Halves, SumHalves};
use self::integers::{Bool, Integer, Ordered, SumIntegers};
pub use self::kernel::Kernel;
use self::kernel::LaneCount;
use self::levels::{AddBlock, Levels};
pub use self::partial::Partial;
use self::prefetch::BLOCK_BYTES;

/// Blocks, at most, that go straight to the bins before the lanes are tried again.
const MAX_PATIENCE: u32 = 64;

/// Sums a column of records as they come by.
pub struct Summer {
    column: Column,
    kernel: Kernel,
    lanes: usize,
    partial: Partial,
    /// Holds a part of the sum, to be added to `partial` at the end.
    levels: Levels,
    /// As `levels`; taken up when first needed.
    bins: Option<Bins>,
    /// Blocks still to go straight to the bins.
    waiting: u32,
    /// Blocks to send there when the lanes fail next.
    patience: u32,
}

impl Summer {
    /// A sum of nothing yet, on the fastest kernel that this CPU has.
    ///
    /// # Panics
    /// If a value of `column` would not lie within its record.
    pub fn new(column: &Column) -> Summer {
        Summer::with_kernel(column, Kernel::detect()).expect("a detected kernel is available")
    }

    /// As [`Summer::new`], on this kernel; `None` if the CPU lacks it.
    ///
    /// # Panics
    /// If a value of `column` would not lie within its record.
    pub fn with_kernel(column: &Column, kernel: Kernel) -> Option<Summer> {
        // The kernels' reads rely on it.
        let end = column.offset.checked_add(column.scalar.size());
        assert!(
            end.is_some_and(|end| end <= column.stride),
            "a value at offset {} does not lie within a record of {} bytes",
            column.offset,
            column.stride,
        );
        Some(Summer {
            column: *column,
            kernel,
            lanes: kernel.run(LaneCount)?,
            partial: Partial::default(),
            levels: Levels::default(),
            bins: None,
            waiting: 0,
            patience: 1,
        })
    }

    /// Adds the values of whole records, at any alignment. The floating-point environment of the
    /// calling thread does not matter, and is restored.
    ///
    /// # Panics
    /// If `records` is not a whole number of records.
    pub fn add(&mut self, records: &[u8]) {
        let stride = self.column.stride;
        assert!(
            records.len().is_multiple_of(stride),
            "{} bytes are no whole number of records of {stride}",
            records.len(),
        );
        environment::in_default(|| self.add_whole(records));
    }

    fn add_whole(&mut self, records: &[u8]) {
        let Column {
            offset,
            stride,
            scalar,
        } = self.column;
        match scalar.kind {
            Kind::Bool => self.add_integers::<Bool>(records),
            Kind::I1 => self.add_integers::<Ordered<i8, false>>(records),
            Kind::U1 => self.add_integers::<Ordered<u8, false>>(records),
            _ if scalar.order == Order::NATIVE => {
                self.add_ordered::<false>(records, offset, stride)
            }
            _ => self.add_ordered::<true>(records, offset, stride),
        }
    }

    /// The exact sum of all that was added.
    pub fn finish(mut self) -> Partial {
        self.levels.drain_into(&mut self.partial);
        if let Some(bins) = &mut self.bins {
            bins.drain_into(&mut self.partial);
        }
        self.partial
    }

    /// Adds values of more than one byte, reversed if `SWAP`.
    fn add_ordered<const SWAP: bool>(&mut self, records: &[u8], offset: usize, stride: usize) {
        match (self.column.scalar.kind, stride) {
            (Kind::F8, 8) => self.add_floats(records, PlainF8::<SWAP>),
            (Kind::F8, 24) => self.add_floats(records, F8In24::<SWAP> { offset }),
            (Kind::F8, _) => self.add_floats(records, StridedF8::<SWAP> { offset, stride }),
            (Kind::F4, 4) => self.add_floats(records, PlainF4::<SWAP>),
            (Kind::F4, _) => self.add_floats(records, StridedF4::<SWAP> { offset, stride }),
            (Kind::F2, _) => self.add_halves::<SWAP>(records),
            (Kind::I2, _) => self.add_integers::<Ordered<i16, SWAP>>(records),
            (Kind::I4, _) => self.add_integers::<Ordered<i32, SWAP>>(records),
            (Kind::I8, _) => self.add_integers::<Ordered<i64, SWAP>>(records),
            (Kind::U2, _) => self.add_integers::<Ordered<u16, SWAP>>(records),
            (Kind::U4, _) => self.add_integers::<Ordered<u32, SWAP>>(records),
            (Kind::U8, _) => self.add_integers::<Ordered<u64, SWAP>>(records),
            (Kind::I1 | Kind::U1 | Kind::Bool, _) => unreachable!("one byte has no order"),
        }
    }

    fn add_halves<const SWAP: bool>(&mut self, records: &[u8]) {
        let Column { offset, stride, .. } = self.column;
        let work = SumHalves::<SWAP> {
            records,
            offset,
            stride,
        };
        let Halves {
            units,
            nans,
            positive_infinities,
            negative_infinities,
        } = self.kernel.run(work).expect("the kernel was available");
        self.partial.sum.add_fixed(units, halves::FRACTION_BITS);
        self.partial.infinities.positive |= positive_infinities > 0;
        self.partial.infinities.negative |= negative_infinities > 0;
        self.partial.nan_count += nans;
        self.partial.count += (records.len() / stride) as u64 - nans;
    }

    fn add_integers<I: Integer>(&mut self, records: &[u8]) {
        let Column { offset, stride, .. } = self.column;
        let work = SumIntegers::<I> {
            records,
            offset,
            stride,
            integer: PhantomData,
        };
        let sum = self.kernel.run(work).expect("the kernel was available");
        self.partial.sum.add_i128(sum);
        self.partial.count += (records.len() / stride) as u64;
    }

    fn add_floats<L: Layout>(&mut self, records: &[u8], layout: L) {
        let group_bytes = self.lanes * layout.stride();
        let block_bytes = (BLOCK_BYTES / group_bytes).max(1) * group_bytes;
        let (groups, tail) = records.split_at(records.len() / group_bytes * group_bytes);
        for block in groups.chunks(block_bytes) {
            let nans = self.add_block(block, layout);
            self.partial.nan_count += nans;
            self.partial.count += (block.len() / layout.stride()) as u64 - nans;
        }
        for record in tail.chunks_exact(layout.stride()) {
            self.partial.add(layout.read_one(record));
        }
    }

    /// Adds whole groups of records; gives the NaNs, which are left out.
    fn add_block<L: Layout>(&mut self, records: &[u8], layout: L) -> u64 {
        if self.waiting == 0 {
            let work = AddBlock {
                levels: &mut self.levels,
                records,
                layout,
            };
            if let Some(nans) = self.kernel.run(work).expect("the kernel was available") {
                self.patience = 1;
                return nans;
            }
            // Perhaps it was what the lanes held already that did not go with this block.
            self.levels.drain_into(&mut self.partial);
            self.waiting = self.patience;
            self.patience = (2 * self.patience).min(MAX_PATIENCE);
        }
        self.waiting -= 1;
        self.bins
            .get_or_insert_with(Bins::new)
            .add_records(records, layout)
    }
}
