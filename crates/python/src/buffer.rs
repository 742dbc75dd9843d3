//! Memory that Python looks into, and may write to.

use crate::blocks::Lease;
use crate::memory::{Block, HEADER, Map, Place, RELEASED, state};
use pyo3::exceptions::{PyBufferError, PyOSError};
use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::c_int;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A block of a worker's, in the coordinator. Dropping it says that the worker may use it again.
#[derive(Debug)]
pub(crate) struct Received {
    map: Map,
    /// This process: its forked children do not speak for it.
    pid: u32,
}

impl Received {
    pub(crate) fn open(place: &Place) -> io::Result<Received> {
        let file = File::from(place.open(true)?);
        // All of it: other arrays of the same result may lie behind this one.
        let len = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        let map = Map::new(file.as_raw_fd(), 0, len, libc::MAP_SHARED)?;
        let pid = std::process::id();
        Ok(Received { map, pid })
    }

    /// Whether the whole range is mapped, behind the header.
    pub(crate) fn has(&self, place: &Place) -> bool {
        let end = place.offset.checked_add(place.len);
        place.offset >= HEADER as u64 && end.is_some_and(|end| end <= self.map.len() as u64)
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        if self.pid == std::process::id() {
            state(&self.map).store(RELEASED, Ordering::Release);
        }
    }
}

/// What keeps memory valid.
#[derive(Debug)]
pub(crate) enum Owner {
    Bytes(Box<[u8]>),
    /// A private view of shared memory or of a file.
    View(Arc<Map>),
    /// A block that a task makes its result in.
    Lease(Arc<Lease>),
    Received(Arc<Received>),
    /// Sealed memory that `share` has made.
    Shared(Arc<Block>),
}

/// Memory that Python looks into.
#[pyclass(frozen, module = "handoff_pool._native", weakref)]
pub(crate) struct Buffer {
    owner: Owner,
    offset: usize,
    len: usize,
}

impl Buffer {
    pub(crate) fn new(owner: Owner, offset: usize, len: usize) -> Buffer {
        Buffer { owner, offset, len }
    }

    pub(crate) fn of_bytes(bytes: impl Into<Box<[u8]>>) -> Buffer {
        let bytes = bytes.into();
        let len = bytes.len();
        Buffer::new(Owner::Bytes(bytes), 0, len)
    }

    fn base(&self) -> *mut u8 {
        let base = match &self.owner {
            Owner::Bytes(bytes) => bytes.as_ptr().cast_mut(),
            Owner::View(map) => map.base(),
            Owner::Lease(lease) => lease.block().map().base(),
            Owner::Received(received) => received.map.base(),
            Owner::Shared(block) => block.map().base(),
        };
        base.wrapping_add(self.offset)
    }
}

#[pymethods]
impl Buffer {
    unsafe fn __getbuffer__(
        slf: Bound<'_, Self>,
        view: *mut ffi::Py_buffer,
        flags: c_int,
    ) -> PyResult<()> {
        if view.is_null() {
            return Err(PyBufferError::new_err("there is no view to fill"));
        }
        let buffer = slf.get();
        let read_only = c_int::from(matches!(buffer.owner, Owner::Shared(_)));
        // SAFETY: the memory lives as long as this object, which the view holds.
        let filled = unsafe {
            ffi::PyBuffer_FillInfo(
                view,
                slf.as_ptr(),
                buffer.base().cast(),
                buffer.len as isize,
                read_only,
                flags,
            )
        };
        if filled == 0 {
            Ok(())
        } else {
            Err(PyErr::fetch(slf.py()))
        }
    }

    fn __len__(&self) -> usize {
        self.len
    }

    /// Where it is in this process.
    #[getter]
    fn address(&self) -> usize {
        self.base().addr()
    }

    /// Process, descriptor, inode, offset and length of memory that `share` has made, else None.
    #[getter]
    fn place(&self) -> Option<(u32, u32, u64, usize, usize)> {
        match &self.owner {
            Owner::Shared(block) => Some((
                std::process::id(),
                block.fd() as u32,
                block.inode(),
                self.offset,
                self.len,
            )),
            _ => None,
        }
    }

    /// Whether it is memory that a task makes its result in.
    #[getter]
    fn leased(&self) -> bool {
        matches!(self.owner, Owner::Lease(_))
    }
}

/// A sealed copy that no process can change.
#[pyfunction]
pub(crate) fn share(py: Python<'_>, bytes: &Bound<'_, PyAny>) -> PyResult<Buffer> {
    let source = pyo3::buffer::PyBuffer::<u8>::get(bytes)?;
    let len = source.len_bytes();
    // SAFETY: the buffer is held, contiguous (asked for as bytes), and of this length.
    let bytes = unsafe { std::slice::from_raw_parts(source.buf_ptr().cast::<u8>(), len) };
    let block = py.detach(|| -> io::Result<Block> {
        let block = Block::new(len.max(1))?;
        block.fill(0, bytes);
        block.seal_writes()
    })?;
    Ok(Buffer::new(Owner::Shared(Arc::new(block)), 0, len))
}

/// A private view of memory that `share` has made in another process.
#[pyfunction]
pub(crate) fn view_shared(source: (u32, u32, u64), offset: u64, len: u64) -> PyResult<Buffer> {
    let (pid, fd, inode) = source;
    let start = offset - offset % PAGE;
    let place = Place {
        pid,
        fd,
        inode,
        offset: start,
        len: offset - start + len,
    };
    let map = place.view().map_err(|error| {
        PyOSError::new_err(format!(
            "an array that was shared cannot be reached: {error}"
        ))
    })?;
    let inside = (offset - start) as usize;
    Ok(Buffer::new(
        Owner::View(Arc::new(map)),
        inside,
        len as usize,
    ))
}

/// A private view of `len` bytes of a file from `offset`. Fails where the path names another file by now.
#[pyfunction]
pub(crate) fn view_file(
    path: PathBuf,
    identity: (u64, u64),
    offset: u64,
    len: u64,
) -> PyResult<Buffer> {
    let why = |error: io::Error| {
        PyOSError::new_err(format!(
            "the array lies in {}, which cannot be mapped here: {error}",
            path.display()
        ))
    };
    // What turns out to be a pipe or a terminal must not be waited for.
    let file = File::options()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(&path)
        .map_err(why)?;
    let found = file.metadata().map_err(why)?;
    if (found.dev(), found.ino()) != identity {
        return Err(why(io::Error::other("the file was replaced")));
    }
    if offset.checked_add(len).is_none_or(|end| end > found.len()) {
        return Err(why(io::Error::other("the file became shorter")));
    }
    let start = offset - offset % PAGE;
    let inside = (offset - start) as usize;
    let map = Map::new(
        file.as_raw_fd(),
        start,
        inside + len as usize,
        libc::MAP_PRIVATE,
    )
    .map_err(why)?;
    Ok(Buffer::new(
        Owner::View(Arc::new(map)),
        inside,
        len as usize,
    ))
}

/// Offsets of mappings are multiples of this; a multiple of every page size in use.
const PAGE: u64 = 65536;
