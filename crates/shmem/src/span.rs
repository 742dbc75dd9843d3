//! Bytes that somebody holds: a part of an arena, private memory, or a mapped file. The unsafe half of
//! typed arrays; what holds mean to other processes is for others to know.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;
use std::sync::Arc;

use thiserror::Error;

use crate::arena::Arena;
use crate::bounds::OutOfBounds;
use crate::mapping::Mapping;

/// Every [`Span::zeroed`] begins at a multiple of this, bytes.
pub const SPAN_ALIGN: usize = 64;

/// Bytes with one holder, who may write them unless they are mapped read-only. What they lie in lives at
/// least as long.
#[derive(Debug)]
pub struct Span {
    start: NonNull<u8>,
    len: usize,
    keep: Keep,
}

// SAFETY: a span is plain bytes; the code that made it guarantees that nobody else writes them while it
// lives. Writing takes `&mut` or the guarantee of `as_mut_ptr`'s caller.
unsafe impl Send for Span {}
// SAFETY: as above; `&Span` gives reads alone.
unsafe impl Sync for Span {}

/// What keeps the bytes in existence.
#[derive(Clone, Debug)]
enum Keep {
    /// There are none.
    Nothing,
    Arena(Arc<Arena>),
    Private(Arc<Private>),
    File(Arc<Mapping>),
}

/// Memory of this process alone.
#[derive(Debug)]
struct Private {
    start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: it is the owner of its memory, which `Span`s guard.
unsafe impl Send for Private {}
// SAFETY: as above.
unsafe impl Sync for Private {}

impl Drop for Private {
    fn drop(&mut self) {
        // SAFETY: allocated with this very layout, and freed once.
        unsafe { dealloc(self.start.as_ptr(), self.layout) }
    }
}

/// The allocator has no memory of that length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no memory for {0} bytes")]
pub struct NoMemory(pub usize);

impl Span {
    /// A span of no bytes.
    pub fn empty() -> Span {
        Span {
            start: NonNull::<Aligned>::dangling().cast(),
            len: 0,
            keep: Keep::Nothing,
        }
    }

    /// `len` bytes of private memory, all of them 0.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn zeroed(len: usize) -> Result<Span, NoMemory> {
        if len == 0 {
            return Ok(Span::empty());
        }
        let layout = Layout::from_size_align(len, SPAN_ALIGN).map_err(|_| NoMemory(len))?;
        // SAFETY: the layout has at least one byte.
        let start = NonNull::new(unsafe { alloc_zeroed(layout) }).ok_or(NoMemory(len))?;
        Ok(Span {
            start,
            len,
            keep: Keep::Private(Arc::new(Private { start, layout })),
        })
    }

    /// `len` bytes of an arena, from `offset` on.
    ///
    /// # Safety
    /// As long as the span lives, and whatever it was split into: nobody else writes these bytes, in this
    /// process or another, and while the holder may write them, nobody else reads them. A span of an arena
    /// that is not writable is never written to.
    ///
    /// # Errors
    /// [`OutOfBounds`].
    pub unsafe fn of_arena(arena: &Arc<Arena>, offset: u64, len: u64) -> Result<Span, OutOfBounds> {
        Ok(Span {
            start: arena.at(offset, len)?,
            len: len as usize,
            keep: Keep::Arena(Arc::clone(arena)),
        })
    }

    /// All bytes of a mapped file. It is never written to.
    ///
    /// # Safety
    /// As long as the span lives, nobody changes or truncates the file.
    pub unsafe fn of_mapping(mapping: Mapping) -> Span {
        let mapping = Arc::new(mapping);
        let Ok(bytes) = mapping.slice(0, mapping.len()) else {
            return Span::empty();
        };
        if bytes.is_empty() {
            return Span::empty();
        }
        Span {
            start: NonNull::from(bytes).cast(),
            len: bytes.len(),
            keep: Keep::File(mapping),
        }
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The address of the first byte. It is good for [`len`](Self::len) bytes while the span, or a part of
    /// it, lives; writing through it is for the one holder.
    pub fn as_ptr(&self) -> NonNull<u8> {
        self.start
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: `len` bytes that `keep` keeps in existence and that nobody else writes, by the
        // guarantee of the code that made the span.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    /// The bytes, to be written.
    ///
    /// # Panics
    /// Where the memory is mapped read-only.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        assert!(self.is_writable(), "this memory is read-only");
        // SAFETY: as above, and `&mut self` says that nobody reads them through the span.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }

    /// Whether the memory is mapped for writing.
    pub fn is_writable(&self) -> bool {
        match &self.keep {
            Keep::Nothing | Keep::Private(_) => true,
            Keep::Arena(arena) => arena.is_writable(),
            Keep::File(_) => false,
        }
    }

    /// The first `at` bytes, and the rest.
    ///
    /// # Panics
    /// Where there are fewer.
    pub fn split_at(self, at: usize) -> (Span, Span) {
        assert!(at <= self.len, "{at} of {} bytes", self.len);
        // SAFETY: the address lies within the span or one past its end.
        let middle = unsafe { self.start.add(at) };
        let rest = Span {
            start: middle,
            len: self.len - at,
            keep: self.keep.clone(),
        };
        (Span { len: at, ..self }, rest)
    }

    /// Adds a span that begins where this one ends, in the same memory; otherwise gives it back.
    ///
    /// # Errors
    /// `next`; this span is unchanged.
    pub fn join(&mut self, next: Span) -> Result<(), Span> {
        let same = match (&self.keep, &next.keep) {
            (Keep::Arena(a), Keep::Arena(b)) => Arc::ptr_eq(a, b),
            (Keep::Private(a), Keep::Private(b)) => Arc::ptr_eq(a, b),
            (Keep::File(a), Keep::File(b)) => Arc::ptr_eq(a, b),
            _ => false,
        };
        if !same || self.start.addr().get() + self.len != next.start.addr().get() {
            return Err(next);
        }
        self.len += next.len;
        Ok(())
    }
}

/// Gives [`Span::empty`] an address of the right alignment.
#[repr(align(64))]
struct Aligned;

const _: () = assert!(align_of::<Aligned>() == SPAN_ALIGN);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_written_apart_and_joined_again() {
        let (mut low, mut high) = Span::zeroed(100).unwrap().split_at(30);
        low.as_mut_slice().fill(1);
        high.as_mut_slice().fill(2);
        drop(low.join(Span::zeroed(1).unwrap()).unwrap_err());
        let high = high
            .join(low)
            .map_or_else(|low| (low, high), |()| panic!("joined backwards"));
        let (mut low, high) = high;
        low.join(high).unwrap();
        assert_eq!(low.as_slice()[..30], [1; 30]);
        assert_eq!(low.as_slice()[30..], [2; 70]);
    }

    #[test]
    fn private_memory_is_aligned_and_zero() {
        for len in [0, 1, 63, 64, 100_000] {
            let span = Span::zeroed(len).unwrap();
            assert_eq!(span.as_ptr().addr().get() % SPAN_ALIGN, 0);
            assert_eq!(span.as_slice(), vec![0; len]);
        }
        assert_eq!(Span::zeroed(usize::MAX).unwrap_err(), NoMemory(usize::MAX));
    }

    #[test]
    fn a_mapped_file_is_read_only() {
        use std::io::Write;
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"hello").unwrap();
        let mapping = Mapping::map_file(&file).unwrap();
        // SAFETY: nobody else has the file.
        let span = unsafe { Span::of_mapping(mapping) };
        assert_eq!(span.as_slice(), b"hello");
        assert!(!span.is_writable());
    }
}
