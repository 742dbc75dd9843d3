//! Why an array could not be made, joined or handed over.

use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why an array could not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ArrayError {
    /// The array would have more bytes than an address space.
    #[error("an array of {len} elements of {unit} bytes is too long")]
    TooLong {
        /// Elements asked for.
        len: usize,
        /// Bytes of an element.
        unit: usize,
    },
    /// There is no memory for it.
    #[error(transparent)]
    NoMemory(#[from] shmem::NoMemory),
    /// The arena has no room. Nothing waits for it: drop arrays, or give arenas more
    /// (`Builder::arena_bytes`).
    #[error("{0}; drop arrays, or raise Builder::arena_bytes")]
    Full(String),
    /// The memory for it would not fit into the machine or the control group.
    #[error("no room for an array of {wanted} bytes: {}", .limit.for_bytes(*.wanted))]
    NoRoom {
        /// Bytes asked for.
        wanted: u64,
        /// The limit that leaves less.
        limit: Box<shmem::Limit>,
    },
    /// The process's arena could not be created.
    #[error(transparent)]
    Arena(#[from] shmem::ArenaError),
    /// A file could not be read.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
    /// A file could not be mapped.
    #[error("{path}: {source}")]
    Map {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: shmem::MapError,
    },
    /// The length of a file is not a whole number of elements.
    #[error("{path}: {len} bytes are not a whole number of elements of {unit} bytes")]
    Ragged {
        /// The file.
        path: PathBuf,
        /// Its length, bytes.
        len: u64,
        /// Bytes of an element.
        unit: usize,
    },
    /// Descriptors have run out, or /proc is not there.
    #[error("no descriptor for an arena: {0}{behind}", behind = shmem::limit_behind(.0))]
    Descriptor(#[source] io::Error),
    /// See [`StillHeld`].
    #[error(transparent)]
    StillHeld(#[from] StillHeld),
    /// The books about shared memory refuse what they should not.
    #[error("the memory of an array is not where it should be: {0}")]
    Books(String),
}

/// An `ArrayMut` that was to be handed over has another holder, or occurs twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "an ArrayMut of {bytes} bytes is handed over, and somebody holds it still (an Arc, or it occurs \
     twice): give it away whole, or send an Array"
)]
pub struct StillHeld {
    /// Its length, bytes.
    pub bytes: usize,
}
