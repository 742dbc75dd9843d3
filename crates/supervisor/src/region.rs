//! Regions of memory that many tasks work on, and how to make one.

use crate::input::SharedBytes;
use bytemuck::Pod;
use shmem::{MemfdError, SealedMemfd, Segment};
use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

/// A region of memory that many tasks work on: attached once, sent to each worker once.
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

/// Why a region could not be made.
#[derive(Debug, Error)]
pub enum RegionError {
    /// A file cannot be opened or looked at.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
    /// There is no memory for a copy, or the file could not be copied into it.
    #[error(transparent)]
    Memory(#[from] MemfdError),
    /// The region does not hold a whole number of elements.
    #[error("{len} bytes are not a whole number of elements of {unit} bytes")]
    Ragged {
        /// Bytes in the region.
        len: u64,
        /// Bytes of an element.
        unit: usize,
    },
}

impl Region {
    /// A copy of `elements` in sealed memory, which nobody can change any more. Their numbers are
    /// laid out as in this process's memory.
    ///
    /// # Errors
    /// [`RegionError::Memory`].
    pub fn from_slice<T: Pod>(elements: &[T]) -> Result<Region, RegionError> {
        let memfd = SealedMemfd::from_bytes(bytemuck::cast_slice(elements))?;
        Ok(Region::Memfd(Arc::new(memfd)))
    }

    /// A copy of a file in sealed memory: whatever happens to the file, tasks see what it was.
    ///
    /// # Errors
    /// [`RegionError`]: the file, or memory for it.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Region, RegionError> {
        let (file, len) = open(path.as_ref())?;
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let mut go_on = |_| ControlFlow::Continue(());
        let memfd = SealedMemfd::from_file(&file, 0, len, threads, &mut go_on)?;
        Ok(Region::Memfd(Arc::new(memfd)))
    }

    /// A file, mapped by every worker: no copy. A file that is truncated meanwhile fails
    /// the tasks that read what is gone ([`TaskFailure::InputChanged`](crate::failure::TaskFailure)).
    ///
    /// # Errors
    /// [`RegionError::File`].
    pub fn map_file(path: impl AsRef<Path>) -> Result<Region, RegionError> {
        let (file, len) = open(path.as_ref())?;
        Ok(Region::File {
            file: Arc::new(file),
            len,
            access: Access::Map,
        })
    }

    /// Elements that forked workers find in their own address space. Has to be attached before
    /// the pool starts (`Builder::attach`).
    pub fn inherit<T: Pod + Send + Sync>(elements: Vec<T>) -> Region {
        Region::Inherited(Arc::new(Elements(elements)))
    }

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

fn open(path: &Path) -> Result<(File, u64), RegionError> {
    let opened = File::open(path).and_then(|file| {
        let len = file.metadata()?.len();
        Ok((file, len))
    });
    opened.map_err(|source| RegionError::File {
        path: path.to_owned(),
        source,
    })
}

/// Elements seen as bytes.
struct Elements<T>(Vec<T>);

impl<T: Pod> AsRef<[u8]> for Elements<T> {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}
