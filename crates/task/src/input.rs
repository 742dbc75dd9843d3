//! The input of a call as its task sees it: nothing, bytes in memory, or a stream of chunks.

use bytemuck::Pod;
use std::borrow::Cow;
use std::ops::Range;
use thiserror::Error;

/// Why an input could not be read to its end.
#[derive(Debug, Error)]
pub enum InputError {
    /// The region the call refers to is not attached, or the range lies outside it.
    #[error("input is out of reach: {0}")]
    OutOfReach(String),
    /// The coordinator gave the stream up, or closed the socket.
    #[error("the stream of input ended before it was complete")]
    Incomplete,
    /// The length is not a multiple of the task's unit.
    #[error("input of {length} bytes is not a whole number of units of {unit} bytes")]
    Ragged {
        /// Bytes in the input.
        length: u64,
        /// Bytes in a unit.
        unit: usize,
    },
    /// The stream itself failed.
    #[error("the stream of input failed: {0}")]
    Stream(String),
}

/// Gives the chunks of a streamed input, each valid until the next is asked for.
pub trait Chunks {
    /// The next chunk; `None` at the end.
    ///
    /// # Errors
    /// [`InputError`] where the source fails or ends early.
    fn next_chunk(&mut self) -> Result<Option<&[u8]>, InputError>;
}

/// The input of a call.
pub struct Input<'a>(Kind<'a>);

enum Kind<'a> {
    Bytes(&'a [u8]),
    Stream(&'a mut dyn Chunks),
}

impl<'a> Input<'a> {
    /// An input of no bytes.
    pub fn none() -> Input<'static> {
        Input(Kind::Bytes(&[]))
    }

    /// Bytes that are in memory already.
    pub fn from_bytes(bytes: &'a [u8]) -> Input<'a> {
        Input(Kind::Bytes(bytes))
    }

    /// An input that comes in chunks.
    pub fn from_stream(chunks: &'a mut dyn Chunks) -> Input<'a> {
        Input(Kind::Stream(chunks))
    }

    /// The whole input: borrowed where it is memory already, gathered where it is a stream.
    ///
    /// # Errors
    /// [`InputError`] where the stream fails or ends early.
    pub fn bytes(self) -> Result<Cow<'a, [u8]>, InputError> {
        match self.0 {
            Kind::Bytes(bytes) => Ok(Cow::Borrowed(bytes)),
            Kind::Stream(chunks) => {
                let mut bytes = Vec::new();
                while let Some(chunk) = chunks.next_chunk()? {
                    bytes.extend_from_slice(chunk);
                }
                Ok(Cow::Owned(bytes))
            }
        }
    }

    /// The whole input as elements of a plain type (numbers, or structs that derive
    /// [`Pod`]): borrowed where it is memory already and lies as `T` wants it, else copied.
    ///
    /// # Errors
    /// [`InputError::Ragged`] where a part of an element is left over, or what the stream says.
    ///
    /// # Panics
    /// Where `T` has no bytes.
    pub fn elements<T: Pod>(self) -> Result<Cow<'a, [T]>, InputError> {
        let unit = size_of::<T>();
        assert!(unit > 0, "elements have at least one byte");
        let bytes = self.bytes()?;
        if !bytes.len().is_multiple_of(unit) {
            return Err(InputError::Ragged {
                length: bytes.len() as u64,
                unit,
            });
        }
        if let Cow::Borrowed(bytes) = bytes
            && let Ok(elements) = bytemuck::try_cast_slice(bytes)
        {
            return Ok(Cow::Borrowed(elements));
        }
        Ok(Cow::Owned(bytemuck::pod_collect_to_vec(&bytes)))
    }

    /// Hands the input to `each` in order, in blocks of any whole number of units of `unit`
    /// bytes, as they arrive: a streamed input is never held as a whole. Blocks have no
    /// particular alignment.
    ///
    /// # Errors
    /// [`InputError::Ragged`] where a part of a unit is left over, or what the stream says.
    ///
    /// # Panics
    /// Where `unit` is 0.
    pub fn for_each_block(
        self,
        unit: usize,
        mut each: impl FnMut(&[u8]),
    ) -> Result<(), InputError> {
        assert!(unit > 0, "a unit has at least one byte");
        match self.0 {
            Kind::Bytes(bytes) => {
                let whole = bytes.len() - bytes.len() % unit;
                if whole < bytes.len() {
                    return Err(InputError::Ragged {
                        length: bytes.len() as u64,
                        unit,
                    });
                }
                memory_blocks(bytes, unit, &mut each);
                Ok(())
            }
            Kind::Stream(chunks) => stream_blocks(chunks, unit, &mut each),
        }
    }
}

/// Bytes that a page fault maps at once, in memory that is shared in small pages (the
/// kernel's `fault_around_bytes` by default), from a multiple of that on.
const FAULT_AROUND: usize = 64 << 10;
/// Bytes of memory that are prefaulted ahead of a task.
const PREFAULTED: usize = 512 << 10;

/// Passes memory on in blocks of whole units, each of which is prefaulted by then, and so is what comes
/// after it.
///
/// A page fault in the middle of a computation costs more than the fault: what was under way is lost,
/// and what the computation had asked for ahead (prefetches of pages that are not mapped do nothing)
/// is waited for. Summing a new mapping in small pages takes nearly a third less time this way; in huge pages,
/// as much as without.
fn memory_blocks(bytes: &[u8], unit: usize, each: &mut dyn FnMut(&[u8])) {
    let block = (PREFAULTED / unit).max(1) * unit;
    let mut touched = 0;
    let mut start = 0;
    while start < bytes.len() {
        let end = bytes.len().min(start.saturating_add(block));
        touched = touch(bytes, touched..end.saturating_add(PREFAULTED));
        each(&bytes[start..end]);
        start = end;
    }
}

/// Reads a byte of whatever a page fault brings at once; returns where that ends.
fn touch(bytes: &[u8], range: Range<usize>) -> usize {
    let mut at = range.start;
    while at < range.end.min(bytes.len()) {
        std::hint::black_box(bytes[at]);
        let address = bytes.as_ptr().addr() + at;
        at += FAULT_AROUND - address % FAULT_AROUND;
    }
    at
}

/// Cuts chunks into whole units; what a chunk leaves over waits in `carry` for the next.
fn stream_blocks(
    chunks: &mut dyn Chunks,
    unit: usize,
    each: &mut dyn FnMut(&[u8]),
) -> Result<(), InputError> {
    let mut carry: Vec<u8> = Vec::new();
    let mut length = 0;
    while let Some(mut chunk) = chunks.next_chunk()? {
        length += chunk.len() as u64;
        if !carry.is_empty() {
            let (head, rest) = chunk.split_at(chunk.len().min(unit - carry.len()));
            carry.extend_from_slice(head);
            chunk = rest;
            if carry.len() == unit {
                each(&carry);
                carry.clear();
            }
        }
        let (whole, rest) = chunk.split_at(chunk.len() - chunk.len() % unit);
        if !whole.is_empty() {
            each(whole);
        }
        carry.extend_from_slice(rest);
    }
    if carry.is_empty() {
        Ok(())
    } else {
        Err(InputError::Ragged { length, unit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Cut<'a>(Vec<&'a [u8]>);
    impl Chunks for Cut<'_> {
        fn next_chunk(&mut self) -> Result<Option<&[u8]>, InputError> {
            Ok(if self.0.is_empty() {
                None
            } else {
                Some(self.0.remove(0))
            })
        }
    }

    fn cut<'a>(mut bytes: &'a [u8], cuts: &[usize]) -> Cut<'a> {
        let mut chunks = Vec::new();
        for &at in cuts {
            let (head, rest) = bytes.split_at(at.min(bytes.len()));
            chunks.push(head);
            bytes = rest;
        }
        chunks.push(bytes);
        Cut(chunks)
    }

    proptest! {
        #[test]
        fn blocks_are_whole_units_in_order_however_the_stream_is_cut(
            bytes in prop::collection::vec(any::<u8>(), 0..400),
            cuts in prop::collection::vec(0usize..40, 0..30),
            unit in 1usize..30,
        ) {
            let mut seen = Vec::new();
            let mut chunks = cut(&bytes, &cuts);
            let result = Input::from_stream(&mut chunks).for_each_block(unit, |block| {
                assert!(!block.is_empty() && block.len() % unit == 0);
                seen.extend_from_slice(block);
            });
            let whole = bytes.len() - bytes.len() % unit;
            prop_assert_eq!(&seen[..], &bytes[..whole]);
            prop_assert_eq!(result.is_ok(), whole == bytes.len());
            let gathered = Input::from_stream(&mut cut(&bytes, &cuts)).bytes().unwrap().into_owned();
            prop_assert_eq!(gathered, bytes);
        }
    }

    #[test]
    fn elements_are_borrowed_where_they_lie_well_and_copied_where_not() {
        let numbers = [1u64, 2, 3];
        let bytes: &[u8] = bytemuck::cast_slice(&numbers);
        let lent = Input::from_bytes(bytes).elements::<u64>().unwrap();
        assert!(matches!(lent, Cow::Borrowed([1, 2, 3])));

        let shifted = [&[0], bytes, bytes].concat();
        for start in 1..=8 {
            let bytes = &shifted[start..start + 8];
            let copied = Input::from_bytes(bytes).elements::<u64>().unwrap();
            let expected = u64::from_ne_bytes(bytes.try_into().unwrap());
            assert_eq!(copied[..], [expected]);
        }
        let streamed = Input::from_stream(&mut cut(bytes, &[5, 1]))
            .elements::<u64>()
            .unwrap()
            .into_owned();
        assert_eq!(streamed, numbers);
        let ragged = Input::from_bytes(&bytes[..12]).elements::<u64>();
        assert!(matches!(
            ragged,
            Err(InputError::Ragged {
                length: 12,
                unit: 8
            })
        ));
    }

    #[test]
    fn memory_that_is_not_whole_units_is_ragged() {
        let result = Input::from_bytes(&[0; 10]).for_each_block(3, |_| panic!("not to be called"));
        assert!(matches!(
            result,
            Err(InputError::Ragged {
                length: 10,
                unit: 3
            })
        ));
    }
}
