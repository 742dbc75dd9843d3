//! Parts of arrays: slices of an `Array`, and how an `ArrayMut` is split, joined and frozen.

use super::hold::{Hold, Kind};
use super::make::take;
use super::view::{Array, ArrayMut};
use bytemuck::Pod;
use shmem::Span;
use std::fmt;
use std::ops::{Bound, RangeBounds};

/// Parts could not be joined; [`parts`](Self::parts) are what was to be joined, in order.
pub struct JoinError<T> {
    /// What was to be joined.
    pub parts: Vec<ArrayMut<T>>,
    why: &'static str,
}

impl<T> fmt::Display for JoinError<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} parts cannot be joined: {}",
            self.parts.len(),
            self.why
        )
    }
}

impl<T> fmt::Debug for JoinError<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl<T> std::error::Error for JoinError<T> {}

impl<T: Pod> Array<T> {
    /// A part of the array. It shares the memory.
    ///
    /// # Panics
    /// Where the range lies outside the array, as indexing a slice does.
    pub fn slice(&self, range: impl RangeBounds<usize>) -> Array<T> {
        let begin = match range.start_bound() {
            Bound::Included(&n) => n,
            Bound::Excluded(&n) => n + 1,
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(&n) => n + 1,
            Bound::Excluded(&n) => n,
            Bound::Unbounded => self.len,
        };
        self.part(begin..end)
    }

    /// Arrays of `len` elements each, the last one of what is left.
    ///
    /// # Panics
    /// Where `len` is 0.
    pub fn chunks(&self, len: usize) -> impl ExactSizeIterator<Item = Array<T>> + use<T> {
        assert!(len > 0, "chunks have at least one element");
        let all = self.clone();
        let count = all.len.div_ceil(len);
        (0..count).map(move |n| all.slice(n * len..all.len.min((n + 1) * len)))
    }

    /// The elements.
    pub fn as_slice(&self) -> &[T] {
        self
    }
}

impl<T: Pod> ArrayMut<T> {
    /// Parts of `len` elements each, the last one of what is left: to be handed to several tasks, and
    /// [joined](Self::join) again. The memory is free when the last part is gone.
    ///
    /// # Panics
    /// Where `len` is 0.
    pub fn split(self, len: usize) -> Vec<ArrayMut<T>> {
        assert!(len > 0, "parts have at least one element");
        let mut parts = Vec::with_capacity(self.len.div_ceil(len));
        let mut rest = self;
        while rest.len > len {
            let (part, after) = rest.split_at(len);
            parts.push(part);
            rest = after;
        }
        parts.push(rest);
        parts
    }

    /// The first `at` elements, and the rest.
    ///
    /// # Panics
    /// Where there are fewer.
    pub fn split_at(self, at: usize) -> (ArrayMut<T>, ArrayMut<T>) {
        assert!(at <= self.len, "split at {at} of {} elements", self.len);
        if at == 0 {
            return (ArrayMut::over(Hold::private(Span::empty())), self);
        }
        if at == self.len {
            return (self, ArrayMut::over(Hold::private(Span::empty())));
        }
        let (low, high) = self.into_hold().split_at(at * size_of::<T>());
        (ArrayMut::over(low), ArrayMut::over(high))
    }

    /// Joins parts that follow each other in one array that was split, in this order. Nothing is copied, unless
    /// a part travelled as bytes, because it is small or was given to a worker that shares no memory: then
    /// all are copied once, in the order given.
    ///
    /// # Errors
    /// [`JoinError`], with the parts.
    pub fn join(parts: impl IntoIterator<Item = ArrayMut<T>>) -> Result<ArrayMut<T>, JoinError<T>> {
        let mut parts = parts.into_iter();
        let Some(first) = parts.next() else {
            let why = "there are none";
            return Err(JoinError { parts: vec![], why });
        };
        let mut lens = vec![first.len];
        let mut all = first.into_hold();
        while let Some(part) = parts.next() {
            let len = part.len;
            if len == 0 {
                continue;
            }
            if all.span().is_empty() {
                (all, lens) = (part.into_hold(), vec![len]);
                continue;
            }
            if let Err(part) = all.join(part.into_hold()) {
                let copied = all.is_copied() || part.is_copied();
                let mut given = cut::<T>(all, &lens);
                given.push(ArrayMut::over(part));
                given.extend(parts);
                if copied {
                    return concatenated(given);
                }
                let why = "they do not follow each other in one array that was split";
                return Err(JoinError { parts: given, why });
            }
            lens.push(len);
        }
        Ok(ArrayMut::over(all))
    }

    /// The array, from now on immutable.
    pub fn freeze(self) -> Array<T> {
        self.hold.freeze();
        self.into_array()
    }

    /// The elements.
    pub fn as_slice(&self) -> &[T] {
        self
    }
}

/// Parts of these lengths, of memory that they were joined to.
fn cut<T: Pod>(joined: Hold, lens: &[usize]) -> Vec<ArrayMut<T>> {
    let mut parts = Vec::new();
    let mut rest = ArrayMut::over(joined);
    for &len in lens {
        let (part, after) = rest.split_at(len);
        parts.push(part);
        rest = after;
    }
    parts
}

/// Copies of the parts, one behind the other.
fn concatenated<T: Pod>(parts: Vec<ArrayMut<T>>) -> Result<ArrayMut<T>, JoinError<T>> {
    let len = parts.iter().map(|part| part.len).sum();
    let Ok((mut all, _)) = take::<T>(len, Kind::ArrayMut) else {
        let why = "some travelled as bytes, and there is no room for a copy of all";
        return Err(JoinError { parts, why });
    };
    let mut rest = &mut all[..];
    for part in &parts {
        let (here, after) = rest.split_at_mut(part.len);
        here.copy_from_slice(part);
        rest = after;
    }
    let mut hold = all.into_hold();
    hold.set_copied();
    Ok(ArrayMut::over(hold))
}

impl<T> From<ArrayMut<T>> for Array<T>
where
    T: Pod,
{
    fn from(array: ArrayMut<T>) -> Array<T> {
        array.freeze()
    }
}
