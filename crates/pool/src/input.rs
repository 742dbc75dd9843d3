//! What a task works on, and where its bytes are.

use shmem::{SealedMemfd, Segment};
use std::fmt;
use std::fs::File;
use std::io;
use std::sync::Arc;
use wire::RegionId;

/// Memory that is shared with workers or inherited by them.
pub type SharedBytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// The input of one task.
#[derive(Clone, Default)]
pub enum Input {
    /// None.
    #[default]
    None,
    /// These bytes, sent with the call; better not many.
    Inline(Vec<u8>),
    /// A range of a region that has been attached to the pool: nothing but the range is sent.
    Slice {
        /// The region.
        region: RegionId,
        /// Bytes from its start.
        offset: u64,
        /// Bytes.
        len: u64,
    },
    /// Bytes that flow through the socket while the worker computes already.
    Stream(Stream),
}

/// Bytes that are streamed to a worker in chunks of at most [`wire::MAX_CHUNK`]. They may be
/// asked for again, when the worker dies.
#[derive(Clone)]
pub enum Stream {
    /// A range of a file; its pages go from the page cache to the worker without a copy in
    /// between.
    File {
        /// The file.
        file: Arc<File>,
        /// Bytes from its start.
        offset: u64,
        /// Bytes.
        len: u64,
    },
    /// Memory of this process.
    Memory(SharedBytes),
    /// Bytes that are made as they are wanted.
    Made(Arc<dyn Make>),
}

/// Makes the bytes of a stream.
pub trait Make: Send + Sync {
    /// Starts from the beginning.
    fn open(&self) -> Maker;
}

/// Appends up to [`wire::MAX_CHUNK`] bytes of a stream to the empty buffer that it is given; none
/// at the end.
pub type Maker = Box<dyn FnMut(&mut Vec<u8>) -> io::Result<()> + Send>;

/// A region of memory that many tasks work on: attached once, told to each worker once.
#[derive(Clone)]
pub enum Region {
    /// A named segment; workers open it by name. It stays the caller's to fill and unlink, and
    /// lives as long as the pool knows it.
    Segment(Arc<Segment>),
    /// A sealed memfd, handed over by descriptor.
    Memfd(Arc<SealedMemfd>),
    /// A file, handed over by descriptor.
    File {
        /// The file.
        file: Arc<File>,
        /// How many bytes of it tasks may refer to.
        len: u64,
        /// How workers get at its bytes.
        access: Access,
    },
    /// Memory of this process, found by forked workers in their own address space. Has to be
    /// attached before the pool starts.
    Inherited(SharedBytes),
}

/// How workers get at the bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// They map it: no copy, as fast as memory where the file is in the page cache.
    Map,
    /// They read it in large pieces: as fast as the disk where it is not.
    Read,
}

impl Region {
    /// The region's length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Region::Segment(segment) => segment.len(),
            Region::Memfd(memfd) => memfd.len(),
            Region::File { len, .. } => *len,
            Region::Inherited(memory) => (**memory).as_ref().len() as u64,
        }
    }

    /// Whether the region has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<()> for Input {
    fn from((): ()) -> Input {
        Input::None
    }
}

impl From<Vec<u8>> for Input {
    fn from(bytes: Vec<u8>) -> Input {
        Input::Inline(bytes)
    }
}

impl From<&[u8]> for Input {
    fn from(bytes: &[u8]) -> Input {
        Input::Inline(bytes.to_vec())
    }
}

impl From<Stream> for Input {
    fn from(stream: Stream) -> Input {
        Input::Stream(stream)
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Input::None => write!(formatter, "no input"),
            Input::Inline(bytes) => write!(formatter, "{} bytes", bytes.len()),
            Input::Slice {
                region,
                offset,
                len,
            } => {
                write!(formatter, "{len} bytes at {offset} of region {region}")
            }
            Input::Stream(Stream::File { offset, len, .. }) => {
                write!(formatter, "a stream of {len} bytes at {offset} of a file")
            }
            Input::Stream(Stream::Memory(bytes)) => {
                write!(formatter, "a stream of {} bytes", (**bytes).as_ref().len())
            }
            Input::Stream(Stream::Made(_)) => write!(formatter, "a stream"),
        }
    }
}
