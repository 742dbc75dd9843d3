//! What a child writes to its pipe: frames of a kind, the item's index, a length and a body.

use crate::{Error, ErrorKind, encoding};

/// Bytes of a frame before its body.
const HEADER: usize = 1 + 8 + 8;

/// What a frame is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The encoded result of an item.
    Result = 0,
    /// An item panicked: message and place.
    Panicked = 1,
    /// The result of an item could not be encoded: why.
    NotEncoded = 2,
    /// There will be no more.
    End = 3,
}

/// Appends a frame whose body is written by `body`.
pub(super) fn write<E>(
    out: Vec<u8>,
    kind: Kind,
    index: usize,
    body: impl FnOnce(Vec<u8>) -> Result<Vec<u8>, E>,
) -> Result<Vec<u8>, E> {
    let mut out = out;
    let start = out.len();
    out.push(kind as u8);
    out.extend((index as u64).to_le_bytes());
    out.extend([0; 8]);
    let mut out = body(out)?;
    let len = (out.len() - start - HEADER) as u64;
    out[start + 9..start + HEADER].copy_from_slice(&len.to_le_bytes());
    Ok(out)
}

/// A whole frame.
pub(super) struct Frame<'a> {
    pub(super) kind: Kind,
    pub(super) index: usize,
    pub(super) body: &'a [u8],
}

/// Bytes that are read at once, at least.
const MIN_READ: usize = 64 << 10;

/// Cuts what comes through a pipe into frames.
#[derive(Default)]
pub(super) struct Reader {
    /// Zeroed once, then written over.
    buffer: Vec<u8>,
    /// Up to where it holds what was read.
    filled: usize,
    /// Up to where frames have been taken.
    taken: usize,
}

impl Reader {
    /// Has `read` fill a part of the buffer, and gives what `read` says: how many bytes it did.
    pub(super) fn fill<E>(
        &mut self,
        read: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<usize, E> {
        self.buffer.copy_within(self.taken..self.filled, 0);
        self.filled -= self.taken;
        self.taken = 0;
        if self.buffer.len() - self.filled < MIN_READ {
            // Doubled, so that a long result is not read in many small parts.
            let len = (2 * self.buffer.len()).max(2 * MIN_READ);
            self.buffer.resize(len, 0);
        }
        let count = read(&mut self.buffer[self.filled..])?;
        self.filled += count;
        Ok(count)
    }

    /// The next whole frame.
    pub(super) fn next(&mut self) -> Result<Option<Frame<'_>>, Error> {
        let left = &self.buffer[self.taken..self.filled];
        let Some(header) = left.first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let number = |at: usize| {
            let bytes = header[at..at + 8].try_into().expect("eight bytes");
            u64::from_le_bytes(bytes) as usize
        };
        let kind = match header[0] {
            0 => Kind::Result,
            1 => Kind::Panicked,
            2 => Kind::NotEncoded,
            3 => Kind::End,
            other => return Err(broken(&format!("a frame of kind {other}"))),
        };
        let (index, len) = (number(1), number(9));
        let end = self.taken.saturating_add(HEADER).saturating_add(len);
        if end > self.filled {
            return Ok(None);
        }
        let body = self.taken + HEADER..end;
        self.taken = end;
        Ok(Some(Frame {
            kind,
            index,
            body: &self.buffer[body],
        }))
    }
}

/// The error of an item that panicked.
pub(super) fn panicked(body: &[u8]) -> Result<Error, Error> {
    let (message, location): (String, String) =
        encoding::decode(body).map_err(|why| broken(&why))?;
    Ok(Error::of_panic("fork_map".to_owned(), &message, location))
}

/// The error of an item whose result could not be encoded.
pub(super) fn not_encoded(body: &[u8]) -> Result<Error, Error> {
    let (why, _): (String, String) = encoding::decode(body).map_err(|why| broken(&why))?;
    let text = format!("its result cannot be encoded: {why}");
    Ok(Error::new(ErrorKind::Output, text))
}

pub(super) fn broken(what: &str) -> Error {
    let text = format!("a forked process wrote {what} to its results: its memory was overwritten?");
    Error::new(ErrorKind::Output, text)
}
