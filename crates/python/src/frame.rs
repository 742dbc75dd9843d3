//! What calls and results look like between the two Python processes: a pickle, and the buffers that
//! its arrays have outside it.
//!
//! ```text
//! kind                                    1 byte
//! kinds with buffers only:
//!   number of buffers, length of pickle   u32, u64
//!   each buffer                           tag, place or length
//! pickle
//! bytes of the buffers that travel inline
//! ```

use crate::memory::Place;

/// A pickle alone.
pub(crate) const PLAIN: u8 = 0;
/// A pickled exception.
pub(crate) const RAISED: u8 = 1;
/// A pickle with buffers.
pub(crate) const BUFFERS: u8 = 2;

const INLINE: u8 = 0;
const PLACED: u8 = 1;

/// A buffer outside its pickle.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outside<'a> {
    /// Its bytes.
    Inline(&'a [u8]),
    /// Where its bytes are.
    Placed(Place),
}

/// Appends a frame with buffers.
pub(crate) fn write(out: &mut Vec<u8>, pickle: &[u8], buffers: &[Outside<'_>]) {
    let inline = buffers.iter().map(|buffer| match buffer {
        Outside::Inline(bytes) => bytes.len(),
        Outside::Placed(_) => 0,
    });
    out.reserve(64 + buffers.len() * 40 + pickle.len() + inline.sum::<usize>());
    out.push(BUFFERS);
    out.extend_from_slice(&(buffers.len() as u32).to_le_bytes());
    out.extend_from_slice(&(pickle.len() as u64).to_le_bytes());
    for buffer in buffers {
        match buffer {
            Outside::Inline(bytes) => {
                out.push(INLINE);
                out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            }
            Outside::Placed(place) => {
                out.push(PLACED);
                out.extend_from_slice(&place.pid.to_le_bytes());
                out.extend_from_slice(&place.fd.to_le_bytes());
                for word in [place.inode, place.offset, place.len] {
                    out.extend_from_slice(&word.to_le_bytes());
                }
            }
        }
    }
    out.extend_from_slice(pickle);
    for buffer in buffers {
        if let Outside::Inline(bytes) = buffer {
            out.extend_from_slice(bytes);
        }
    }
}

/// Reads a frame with buffers, after its kind. `None` where it is not one.
pub(crate) fn read(frame: &[u8]) -> Option<(&[u8], Vec<Outside<'_>>)> {
    let mut rest = frame;
    let count = u32::from_le_bytes(take(&mut rest, 4)?.try_into().ok()?);
    let pickle = long(&mut rest)?;
    let mut buffers = Vec::new();
    let mut lengths = Vec::new();
    for _ in 0..count {
        match take(&mut rest, 1)?[0] {
            INLINE => {
                lengths.push(usize::try_from(long(&mut rest)?).ok()?);
                buffers.push(Outside::Inline(&[]));
            }
            PLACED => {
                let pid = u32::from_le_bytes(take(&mut rest, 4)?.try_into().ok()?);
                let fd = u32::from_le_bytes(take(&mut rest, 4)?.try_into().ok()?);
                buffers.push(Outside::Placed(Place {
                    pid,
                    fd,
                    inode: long(&mut rest)?,
                    offset: long(&mut rest)?,
                    len: long(&mut rest)?,
                }));
            }
            _ => return None,
        }
    }
    let pickle = take(&mut rest, usize::try_from(pickle).ok()?)?;
    let mut lengths = lengths.into_iter();
    for buffer in &mut buffers {
        if let Outside::Inline(bytes) = buffer {
            *bytes = take(&mut rest, lengths.next()?)?;
        }
    }
    rest.is_empty().then_some((pickle, buffers))
}

fn long(rest: &mut &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(take(rest, 8)?.try_into().ok()?))
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    rest.split_off(..count)
}
