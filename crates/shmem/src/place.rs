//! Where segments live, and how they are created, opened and removed there.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;

use crate::name::SegmentName;

/// The system's place for them.
pub(crate) const SHM_DIRECTORY: &str = "/dev/shm";

/// Where segments live: the system's place for them, or a directory of the caller's.
#[derive(Debug)]
pub(crate) enum Place {
    Shm,
    Directory(OwnedFd),
}

impl Place {
    pub(crate) fn directory(path: &Path) -> io::Result<Place> {
        let flags = OFlag::O_DIRECTORY | OFlag::O_CLOEXEC | OFlag::O_RDONLY;
        Ok(Place::Directory(nix::fcntl::open(
            path,
            flags,
            Mode::empty(),
        )?))
    }

    /// Makes a new object of that name; one that is there already is the error `EEXIST`.
    pub(crate) fn create(&self, name: &SegmentName) -> io::Result<OwnedFd> {
        let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_RDWR;
        self.open_with(name, flags, Mode::S_IRUSR | Mode::S_IWUSR)
    }

    /// Opens an object for reading.
    pub(crate) fn open(&self, name: &SegmentName) -> io::Result<OwnedFd> {
        self.open_with(name, OFlag::O_RDONLY, Mode::empty())
    }

    fn open_with(&self, name: &SegmentName, flags: OFlag, mode: Mode) -> io::Result<OwnedFd> {
        let flags = flags | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
        Ok(match self {
            Place::Shm => nix::sys::mman::shm_open(name.as_str(), flags, mode)?,
            Place::Directory(fd) => nix::fcntl::openat(fd, name.file_name(), flags, mode)?,
        })
    }

    pub(crate) fn unlink(&self, name: &SegmentName) -> Result<(), Errno> {
        match self {
            Place::Shm => nix::sys::mman::shm_unlink(name.as_str()),
            Place::Directory(fd) => {
                let flags = nix::unistd::UnlinkatFlags::NoRemoveDir;
                nix::unistd::unlinkat(fd, name.file_name(), flags)
            }
        }
    }
}
