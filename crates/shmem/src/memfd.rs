//! Memory handed over by descriptor alone, and sealed: neither side can change or shrink it any
//! more, so a worker may read it without trusting anyone.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::MFdFlags;
use thiserror::Error;

use crate::fill::{FillError, Filled, Target, fill};
use crate::limit::Limit;
use crate::room::Room;

const NAME: &str = "memfd:handoff-data";

/// `MFD_NOEXEC_SEAL` of linux/memfd.h (since Linux 6.3): never executable, which some systems ask of
/// every memfd (`vm.memfd_noexec`).
const MFD_NOEXEC_SEAL: u32 = 0x8;

/// An anonymous file in memory, filled once and sealed against writing, shrinking and growing.
#[derive(Debug)]
pub struct SealedMemfd {
    fd: OwnedFd,
    len: u64,
    filled: Filled,
}

/// Why a sealed memfd could not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MemfdError {
    /// It would not fit.
    #[error("no room in memory for a memfd of {wanted} bytes: {}", .limit.for_bytes(*.wanted))]
    NoRoom {
        /// Bytes asked for.
        wanted: u64,
        /// Bytes that the tightest limit leaves.
        available: u64,
        /// Which limit that is, and what moves it.
        limit: Limit,
    },
    /// A system call failed.
    #[error("cannot {what} a memfd of {len} bytes: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Bytes asked for.
        len: u64,
        /// The kernel's reason.
        source: io::Error,
    },
    /// Its content could not be read or taken in.
    #[error(transparent)]
    Fill(#[from] FillError),
}

impl SealedMemfd {
    /// A memfd that holds `bytes`.
    pub fn from_bytes(bytes: &[u8]) -> Result<SealedMemfd, MemfdError> {
        let len = bytes.len() as u64;
        let file = create(len)?;
        file.write_all_at(bytes, 0)
            .map_err(|source| MemfdError::System {
                what: "write",
                len,
                source,
            })?;
        seal(file, len, Filled::default())
    }

    /// A memfd that holds `len` bytes of `file` from `offset` on; threads and `progress` as for
    /// [`crate::Segment::fill_from_file`].
    pub fn from_file(
        file: &File,
        offset: u64,
        len: u64,
        threads: usize,
        progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<SealedMemfd, MemfdError> {
        let memfd = create(len)?;
        let into = Target {
            fd: memfd.as_fd(),
            name: NAME,
            len,
        };
        let filled = fill(into, file, offset, threads, progress)?;
        seal(memfd, len, filled)
    }

    /// The descriptor to hand over and map by (it is not inherited across exec by itself).
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Its length, bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Which pages it got.
    pub fn filled(&self) -> Filled {
        self.filled
    }
}

fn create(len: u64) -> Result<File, MemfdError> {
    let (available, limit) = Room::of_memfd().least();
    if len > available {
        return Err(MemfdError::NoRoom {
            wanted: len,
            available,
            limit,
        });
    }
    let failed = |what| move |source| MemfdError::System { what, len, source };
    let file = File::from(create_memfd(c"handoff-data").map_err(failed("create"))?);
    file.set_len(len).map_err(failed("size"))?;
    Ok(file)
}

fn seal(file: File, len: u64, filled: Filled) -> Result<SealedMemfd, MemfdError> {
    let seals = SealFlag::F_SEAL_SHRINK
        | SealFlag::F_SEAL_GROW
        | SealFlag::F_SEAL_WRITE
        | SealFlag::F_SEAL_SEAL;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals)).map_err(|errno| MemfdError::System {
        what: "seal",
        len,
        source: errno.into(),
    })?;
    Ok(SealedMemfd {
        fd: file.into(),
        len,
        filled,
    })
}

/// An empty memfd that can be sealed, closed on exec and, where the kernel knows how, never
/// executable.
pub(crate) fn create_memfd(name: &CStr) -> io::Result<OwnedFd> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let never_executable = flags | MFdFlags::from_bits_retain(MFD_NOEXEC_SEAL);
    match nix::sys::memfd::memfd_create(name, never_executable) {
        Err(Errno::EINVAL) => Ok(nix::sys::memfd::memfd_create(name, flags)?),
        result => Ok(result?),
    }
}
