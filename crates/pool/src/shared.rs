//! An array that many tasks share, and inputs that are ranges of it.

use crate::background::Background;
use crate::builder::Builder;
use crate::pool::Pool;
use bytemuck::Pod;
use std::marker::PhantomData;
use std::ops::{Bound, Range, RangeBounds};
use std::path::Path;
use supervisor::input::Input;
use supervisor::region::{Region, RegionError};
use wire::RegionId;

/// An array of plain numbers (or [`Pod`] structs) in a region that has been attached to a pool.
/// Gives the inputs of tasks by ranges of elements; a task reads them with
/// [`task::Input::elements`], mostly without a copy.
///
/// A handle, to be copied freely: the array stays until the pool detaches its
/// [`region`](Self::region) or ends.
#[derive(Debug)]
pub struct Shared<T> {
    region: RegionId,
    len: usize,
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Shared<T> {
        *self
    }
}

impl<T> Copy for Shared<T> {}

impl<T: Pod> Shared<T> {
    /// The whole of a region seen as elements, under the number that attaching it gave.
    ///
    /// # Errors
    /// [`RegionError::Ragged`].
    ///
    /// # Panics
    /// Where `T` has no bytes.
    pub fn new(region: RegionId, of: &Region) -> Result<Shared<T>, RegionError> {
        Ok(Shared::over(region, elements_in::<T>(of)?))
    }

    fn over(region: RegionId, len: usize) -> Shared<T> {
        let of = PhantomData;
        Shared { region, len, of }
    }

    /// The region, for [`Pool::detach`].
    pub fn region(&self) -> RegionId {
        self.region
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The elements of `range`, as the input of a task.
    ///
    /// # Panics
    /// Where the range lies outside the array, as indexing a slice does.
    pub fn input(&self, range: impl RangeBounds<usize>) -> Input {
        let Range { start, end } = self.resolve(&range);
        let unit = size_of::<T>() as u64;
        Input::Slice {
            region: self.region,
            offset: start as u64 * unit,
            len: (end - start) as u64 * unit,
        }
    }

    /// The whole array cut into inputs of `elements` each, the last one of what is left.
    ///
    /// # Panics
    /// Where `elements` is 0.
    pub fn chunks(&self, elements: usize) -> impl Iterator<Item = Input> + use<T> {
        assert!(elements > 0, "a chunk has at least one element");
        let shared = *self;
        (0..self.len)
            .step_by(elements)
            .map(move |start| shared.input(start..shared.len.min(start + elements)))
    }

    fn resolve(&self, range: &impl RangeBounds<usize>) -> Range<usize> {
        let start = match range.start_bound() {
            Bound::Included(&start) => start,
            Bound::Excluded(&before) => before.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(&last) => last.saturating_add(1),
            Bound::Excluded(&end) => end,
            Bound::Unbounded => self.len,
        };
        assert!(
            start <= end && end <= self.len,
            "elements {start}..{end} of an array of {}",
            self.len
        );
        start..end
    }
}

fn elements_in<T: Pod>(region: &Region) -> Result<usize, RegionError> {
    let (len, unit) = (region.len(), size_of::<T>());
    assert!(unit > 0, "elements have at least one byte");
    if !len.is_multiple_of(unit as u64) {
        return Err(RegionError::Ragged { len, unit });
    }
    Ok((len / unit as u64) as usize)
}

impl Pool {
    /// Copies `elements` into memory that all workers share, once, however many tasks read it.
    ///
    /// # Errors
    /// [`RegionError::Memory`].
    pub fn share<T: Pod>(&mut self, elements: &[T]) -> Result<Shared<T>, RegionError> {
        let region = Region::from_slice(elements)?;
        let len = elements_in::<T>(&region)?;
        Ok(Shared::over(self.attach(region), len))
    }

    /// Shares a file of elements, laid out as in memory, without a copy
    /// ([`Region::map_file`]).
    ///
    /// # Errors
    /// [`RegionError`]: the file, or its length.
    pub fn share_file<T: Pod>(&mut self, path: impl AsRef<Path>) -> Result<Shared<T>, RegionError> {
        let region = Region::map_file(path)?;
        let len = elements_in::<T>(&region)?;
        Ok(Shared::over(self.attach(region), len))
    }
}

impl Background {
    /// As [`Pool::share`].
    ///
    /// # Errors
    /// [`RegionError::Memory`].
    pub fn share<T: Pod>(&self, elements: &[T]) -> Result<Shared<T>, RegionError> {
        let region = Region::from_slice(elements)?;
        let len = elements_in::<T>(&region)?;
        Ok(Shared::over(self.attach(region), len))
    }

    /// As [`Pool::share_file`].
    ///
    /// # Errors
    /// [`RegionError`]: the file, or its length.
    pub fn share_file<T: Pod>(&self, path: impl AsRef<Path>) -> Result<Shared<T>, RegionError> {
        let region = Region::map_file(path)?;
        let len = elements_in::<T>(&region)?;
        Ok(Shared::over(self.attach(region), len))
    }
}

impl Builder {
    /// Lets forked workers read `elements` where they are: in the memory that they inherit. No
    /// copy is made, neither now nor then.
    #[must_use]
    pub fn inherit<T: Pod + Send + Sync>(self, elements: Vec<T>) -> (Builder, Shared<T>) {
        let len = elements.len();
        let (builder, region) = self.attach(Region::inherit(elements));
        (builder, Shared::over(region, len))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(bytes: usize) -> Result<Shared<u32>, RegionError> {
        Shared::new(7, &Region::inherit(vec![0u8; bytes]))
    }

    fn bytes(input: Input) -> (u64, u64) {
        match input {
            Input::Slice {
                region: 7,
                offset,
                len,
            } => (offset, len),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn ranges_of_elements_are_ranges_of_bytes() {
        let shared = shared(40).unwrap();
        assert_eq!(shared.len(), 10);
        assert_eq!(bytes(shared.input(..)), (0, 40));
        assert_eq!(bytes(shared.input(2..5)), (8, 12));
        assert_eq!(bytes(shared.input(9..=9)), (36, 4));
        assert_eq!(bytes(shared.input(10..)), (40, 0));
        let chunks: Vec<_> = shared.chunks(4).map(bytes).collect();
        assert_eq!(chunks, [(0, 16), (16, 16), (32, 8)]);
    }

    #[test]
    #[should_panic(expected = "elements 3..11 of an array of 10")]
    fn a_range_outside_the_array_is_a_mistake() {
        let _ = shared(40).unwrap().input(3..11);
    }

    #[test]
    fn a_region_of_broken_elements_is_refused() {
        let error = shared(41).unwrap_err().to_string();
        assert_eq!(
            error,
            "41 bytes are not a whole number of elements of 4 bytes"
        );
    }
}
