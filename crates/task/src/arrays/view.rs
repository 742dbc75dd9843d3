//! Typed views of holds: `Array` and `ArrayMut`, and the unsafe code that their slices take. How they are
//! made and cut is in other files.

use super::hold::Hold;
use bytemuck::Pod;
use shmem::Span;
use std::fmt;
use std::ops::{Deref, DerefMut, Range};
use std::ptr::NonNull;
use std::sync::Arc;

/// An immutable array in memory that processes share: handed to tasks and returned by them without a
/// copy, anywhere in arguments and results.
///
/// Clones and [slices](Self::slice) are cheap, and share the memory. It is a slice (`Deref`), so all of
/// `[T]`'s methods work on it; but [`chunks`](Self::chunks) gives arrays, to be handed over, where
/// `array.as_slice().chunks(n)` gives slices.
///
/// Small arrays, and all arrays of a process that has no pool, are private memory and are copied. To
/// other formats (JSON) an array is the sequence of its elements.
pub struct Array<T> {
    pub(super) hold: Arc<Hold>,
    start: NonNull<T>,
    pub(super) len: usize,
}

/// A unique, writable array in memory that processes share. Passing it to a task hands the memory over:
/// the caller no longer has it, and the task may return it.
///
/// It becomes an [`Array`] by [`freeze`](Self::freeze). A call that was begun and owns an `ArrayMut` is
/// not run again after its worker's death, unless the call's own terms say so (`Call::retries`): its
/// memory is lost with it.
pub struct ArrayMut<T> {
    pub(super) hold: Arc<Hold>,
    start: NonNull<T>,
    pub(super) len: usize,
}

// SAFETY: an array is a slice of `T` whose memory its hold keeps; nobody writes it.
unsafe impl<T: Send + Sync> Send for Array<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Array<T> {}
// SAFETY: an exclusive slice of `T` whose memory its hold keeps.
unsafe impl<T: Send> Send for ArrayMut<T> {}
// SAFETY: `&ArrayMut` gives reads alone.
unsafe impl<T: Sync> Sync for ArrayMut<T> {}

impl<T: Pod> Array<T> {
    /// `len` bytes (or all that follow) of a hold from `offset` on, all of which are whole elements.
    pub(super) fn over(hold: Arc<Hold>, offset: usize, len: Option<usize>) -> Array<T> {
        let bytes = &hold.span().as_slice()[offset..];
        let bytes = &bytes[..len.unwrap_or(bytes.len())];
        let elements: &[T] = if bytes.is_empty() {
            &[]
        } else {
            bytemuck::cast_slice(bytes)
        };
        let (start, len) = (NonNull::from(elements).cast(), elements.len());
        Array { hold, start, len }
    }
}

impl<T> Array<T> {
    /// A view of some of its elements.
    pub(super) fn part(&self, range: Range<usize>) -> Array<T> {
        let elements = &self[range];
        Array {
            hold: Arc::clone(&self.hold),
            start: NonNull::from(elements).cast(),
            len: elements.len(),
        }
    }

    /// Where in its hold it begins, and how long it is, in bytes.
    pub(super) fn extent(&self) -> (usize, usize) {
        let base = self.hold.span().as_ptr().addr().get();
        let bytes = self.len * size_of::<T>();
        match bytes {
            0 => (0, 0),
            _ => (self.start.addr().get() - base, bytes),
        }
    }
}

impl<T: Pod> ArrayMut<T> {
    /// All of a hold, which is whole elements and has no other holder.
    pub(super) fn over(hold: Hold) -> ArrayMut<T> {
        let hold = Arc::new(hold);
        let array = Array::<T>::over(Arc::clone(&hold), 0, None);
        let (start, len) = (array.start, array.len);
        drop(array);
        // From the span's own address, through which it may be written.
        let start = match len {
            0 => start,
            _ => hold.span().as_ptr().cast(),
        };
        ArrayMut { hold, start, len }
    }

    /// The same elements, immutable.
    pub(super) fn into_array(self) -> Array<T> {
        let ArrayMut { hold, start, len } = self;
        Array { hold, start, len }
    }

    pub(super) fn into_hold(self) -> Hold {
        let hold = Arc::into_inner(self.hold);
        hold.expect("nobody else holds an ArrayMut, unless it is being handed over")
    }
}

impl<T> Deref for Array<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: `len` elements of a plain type in the hold's span, aligned (checked where the view was
        // made), which nobody writes.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl<T> Deref for ArrayMut<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: as for `Array`; writing needs `&mut self`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl<T: Pod> DerefMut for ArrayMut<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: all of a writable span that this array alone holds. A table that it was entered in may
        // hold it too, and reads it only once it has seen that this array is gone.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl<T> Clone for Array<T> {
    fn clone(&self) -> Array<T> {
        Array {
            hold: Arc::clone(&self.hold),
            start: self.start,
            len: self.len,
        }
    }
}

impl<T: Pod> Default for Array<T> {
    fn default() -> Array<T> {
        Array::over(Arc::new(Hold::private(Span::empty())), 0, None)
    }
}

impl<T: Pod> Default for ArrayMut<T> {
    fn default() -> ArrayMut<T> {
        ArrayMut::over(Hold::private(Span::empty()))
    }
}

impl<T> AsRef<[T]> for Array<T> {
    fn as_ref(&self) -> &[T] {
        self
    }
}

impl<T> AsRef<[T]> for ArrayMut<T> {
    fn as_ref(&self) -> &[T] {
        self
    }
}

impl<T: fmt::Debug> fmt::Debug for Array<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, formatter)
    }
}

impl<T: fmt::Debug> fmt::Debug for ArrayMut<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, formatter)
    }
}

impl<T: PartialEq> PartialEq for Array<T> {
    fn eq(&self, other: &Array<T>) -> bool {
        **self == **other
    }
}

impl<T: PartialEq> PartialEq for ArrayMut<T> {
    fn eq(&self, other: &ArrayMut<T>) -> bool {
        **self == **other
    }
}
