//! What a task works on, and where its bytes are.

use bytemuck::Pod;
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
    /// Bytes that are made on demand.
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

impl Input {
    /// The bytes of `elements`, sent with the call; a task reads them with
    /// [`task::Input::elements`].
    pub fn of_elements<T: Pod>(elements: &[T]) -> Input {
        Input::Inline(bytemuck::cast_slice(elements).to_vec())
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
