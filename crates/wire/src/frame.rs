//! Frames: a little-endian `u32` body length, then a postcard body.
//!
//! A length is compared with [`MAX_BODY`] before any memory is reserved for it, so that a peer
//! can make us hold at most one bounded body.

use postcard::ser_flavors::Flavor;
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use thiserror::Error;

/// Bytes of the length in front of every body.
const PREFIX: usize = 4;
/// Bytes of space, at least, behind frames that fill the buffer.
const SPACE: usize = 4096;

/// The longest body a frame may have, in bytes: a chunk of [`MAX_CHUNK`](crate::MAX_CHUNK) and
/// its tags, or any other message.
pub const MAX_BODY: usize = crate::MAX_CHUNK + 64 * 1024;

/// Why bytes could not be split into frames.
#[derive(Debug, Error)]
pub enum FrameError {
    /// The announced body is longer than any message of this protocol.
    #[error("frame announces a body of {length} bytes, more than the {MAX_BODY} allowed")]
    TooLong {
        /// The announced length in bytes.
        length: usize,
    },
    /// The stream ended inside a frame.
    #[error("the stream ended {missing} bytes before the end of a frame")]
    Truncated {
        /// How many bytes of the frame never came.
        missing: usize,
    },
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Why a body is not the message that was expected.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// The body is not a message of this protocol.
    #[error("frame body is not a message of this protocol ({0})")]
    Malformed(postcard::Error),
    /// The message ended before the body did.
    #[error("frame body has {0} bytes after the end of its message")]
    Trailing(usize),
}

/// Why a message could not be encoded.
#[derive(Debug, Error)]
pub enum EncodeError {
    /// The message does not fit into one frame.
    #[error(
        "message of {length} bytes is longer than the {MAX_BODY} a frame holds; hand large data over as input"
    )]
    TooLong {
        /// Length of the encoded message in bytes.
        length: usize,
    },
    /// A value's `Serialize` refused.
    #[error("message cannot be encoded ({0})")]
    Unencodable(postcard::Error),
}

/// Appends `message` to `out` as one whole frame; on error `out` is unchanged.
///
/// # Errors
/// [`EncodeError`]: the message is longer than a frame, or its `Serialize` refused.
pub fn encode<M: Serialize>(message: &M, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let start = out.len();
    out.extend_from_slice(&[0; PREFIX]);
    if let Err(error) = postcard::serialize_with_flavor(message, Append(out)) {
        out.truncate(start);
        return Err(EncodeError::Unencodable(error));
    }
    let length = out.len() - start - PREFIX;
    if length > MAX_BODY {
        out.truncate(start);
        return Err(EncodeError::TooLong { length });
    }
    // MAX_BODY fits a u32 by far.
    out[start..start + PREFIX].copy_from_slice(&(length as u32).to_le_bytes());
    Ok(())
}

/// Lets postcard append to a buffer that it does not own.
struct Append<'a>(&'a mut Vec<u8>);

impl postcard::ser_flavors::Flavor for Append<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// Encodes a value without a frame around it: for a lane. One whose `Serialize` refuses gives no bytes.
pub fn to_bytes<M: Serialize>(value: &M) -> Vec<u8> {
    postcard::to_stdvec(value).unwrap_or_default()
}

/// As [`to_bytes`], into a buffer; `None` where it does not fit.
pub fn to_slice<'b, M: Serialize>(value: &M, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let filling = Filling { buffer, len: 0 };
    postcard::serialize_with_flavor(value, filling).ok()
}

/// A buffer that is filled. What is short is copied byte by byte: a call of memcpy costs more.
struct Filling<'b> {
    buffer: &'b mut [u8],
    len: usize,
}

/// Up to this many bytes are short.
const SHORT: usize = 32;

impl<'b> Flavor for Filling<'b> {
    type Output = &'b [u8];

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        let place = self.buffer.get_mut(self.len);
        *place.ok_or(postcard::Error::SerializeBufferFull)? = byte;
        self.len += 1;
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        if bytes.len() <= SHORT {
            return bytes.iter().try_for_each(|&byte| self.try_push(byte));
        }
        let place = self.buffer.get_mut(self.len..self.len + bytes.len());
        place
            .ok_or(postcard::Error::SerializeBufferFull)?
            .copy_from_slice(bytes);
        self.len += bytes.len();
        Ok(())
    }

    fn finalize(self) -> postcard::Result<&'b [u8]> {
        Ok(&self.buffer[..self.len])
    }
}

/// Decodes a whole body; bytes left over are an error.
pub fn decode<'a, M: Deserialize<'a>>(body: &'a [u8]) -> Result<M, DecodeError> {
    let (message, rest) = postcard::take_from_bytes(body).map_err(DecodeError::Malformed)?;
    if rest.is_empty() {
        Ok(message)
    } else {
        Err(DecodeError::Trailing(rest.len()))
    }
}

/// Writes `body` as one frame.
///
/// # Errors
/// [`FrameError::TooLong`] for a body over [`MAX_BODY`], else what the writer says.
pub fn write_frame(writer: &mut impl Write, body: &[u8]) -> Result<(), FrameError> {
    check(body.len())?;
    writer.write_all(&(body.len() as u32).to_le_bytes())?;
    writer.write_all(body)?;
    Ok(())
}

/// Reads one frame's body into `body`, replacing what it held. `false` at a clean end of stream.
///
/// # Errors
/// [`FrameError::TooLong`] before anything is reserved, [`FrameError::Truncated`] where the
/// stream ends inside the frame, else what the reader says.
pub fn read_frame(reader: &mut impl Read, body: &mut Vec<u8>) -> Result<bool, FrameError> {
    let mut prefix = [0; PREFIX];
    let got = read_up_to(reader, &mut prefix)?;
    if got == 0 {
        return Ok(false);
    }
    if got < PREFIX {
        return Err(FrameError::Truncated {
            missing: PREFIX - got,
        });
    }
    let length = u32::from_le_bytes(prefix) as usize;
    check(length)?;
    body.resize(length, 0);
    let got = read_up_to(reader, body)?;
    if got < length {
        return Err(FrameError::Truncated {
            missing: length - got,
        });
    }
    Ok(true)
}

fn read_up_to(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match reader.read(&mut buffer[got..]) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}

fn check(length: usize) -> Result<(), FrameError> {
    if length > MAX_BODY {
        Err(FrameError::TooLong { length })
    } else {
        Ok(())
    }
}

/// Splits a byte stream that arrives in pieces of any size into bodies, without copying them.
///
/// The owner reads into [`space`](Self::space), says how much came with
/// [`filled`](Self::filled), and takes bodies with [`next_body`](Self::next_body) until it
/// gives `None`. Then the buffer starts small and grows only up to one frame of [`MAX_BODY`], and only
/// once a checked length asks for it. An owner that reads on before it has taken all bodies makes it longer.
#[derive(Debug)]
pub struct FrameBuffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl FrameBuffer {
    /// An empty buffer that takes at least `capacity` bytes a read.
    pub fn with_capacity(capacity: usize) -> FrameBuffer {
        FrameBuffer {
            bytes: vec![0; capacity.max(PREFIX)],
            start: 0,
            end: 0,
        }
    }

    /// Where to read the next bytes to; never empty. A read into no space would look like the end of the
    /// stream.
    pub fn space(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.bytes.len() {
            // Whole frames lie here that nobody has taken.
            self.make_room(self.end - self.start + SPACE);
        }
        &mut self.bytes[self.end..]
    }

    /// Says that the first `count` bytes of [`space`](Self::space) have been filled.
    pub fn filled(&mut self, count: usize) {
        assert!(
            count <= self.bytes.len() - self.end,
            "more bytes filled than there was space"
        );
        self.end += count;
    }

    /// Whether [`next_body`](Self::next_body) would give a body now; else there is
    /// [`space`](Self::space) for more bytes afterwards.
    ///
    /// # Errors
    /// [`FrameError::TooLong`]; the stream is then of no more use.
    pub fn is_ready(&mut self) -> Result<bool, FrameError> {
        let held = self.end - self.start;
        let wanted = match self.announced() {
            None => PREFIX,
            Some(length) => {
                check(length)?;
                PREFIX + length
            }
        };
        if held < wanted {
            self.make_room(wanted);
        }
        Ok(held >= wanted && self.announced().is_some())
    }

    /// The next whole body, or `None` until more bytes have come.
    ///
    /// # Errors
    /// [`FrameError::TooLong`]; the stream is then of no more use.
    pub fn next_body(&mut self) -> Result<Option<&[u8]>, FrameError> {
        if !self.is_ready()? {
            return Ok(None);
        }
        let length = self.announced().expect("a ready frame has its prefix");
        let body = self.start + PREFIX..self.start + PREFIX + length;
        self.start = body.end;
        Ok(Some(&self.bytes[body]))
    }

    /// The length in the prefix of the frame at the front, once the prefix is there.
    fn announced(&self) -> Option<usize> {
        let prefix = self.bytes[self.start..self.end].first_chunk::<PREFIX>()?;
        Some(u32::from_le_bytes(*prefix) as usize)
    }

    /// How many bytes of an unfinished frame are held; 0 between frames.
    pub fn pending(&self) -> usize {
        self.end - self.start
    }

    /// The end of the stream: an error if it came inside a frame.
    ///
    /// # Errors
    /// [`FrameError::Truncated`].
    pub fn finish(&self) -> Result<(), FrameError> {
        let held = self.pending();
        if held == 0 {
            return Ok(());
        }
        let wanted = PREFIX + self.announced().unwrap_or(0);
        Err(FrameError::Truncated {
            missing: wanted.saturating_sub(held),
        })
    }

    /// Moves the unfinished frame to the front, and grows, when it could not be completed where
    /// it lies.
    fn make_room(&mut self, wanted: usize) {
        if self.start + wanted > self.bytes.len() || self.end == self.bytes.len() {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            if wanted > self.bytes.len() {
                self.bytes.resize(wanted, 0);
            }
        }
    }
}

#[cfg(test)]
mod tests;
