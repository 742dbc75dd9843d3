//! Memory that two processes share for one large buffer: a sealed memfd, and mappings of it.
//!
//! All of this module's `unsafe` is mapping and copying. A receiver opens the memfd by the
//! sender's entry in /proc; the inode shows that the number still means the same memory.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU32;

/// Bytes before the data of a block that a worker makes: its state.
pub(crate) const HEADER: usize = 4096;

/// The states of a worker's block, in the first word of its header.
pub(crate) const MINE: u32 = 0;
pub(crate) const SENT: u32 = 1;
pub(crate) const RELEASED: u32 = 2;

/// Copies of at least this many bytes are divided between threads.
const DIVIDED: usize = 8 << 20;

/// A mapping. Its memory is valid for as long as it lives.
#[derive(Debug)]
pub(crate) struct Map {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: a mapping is memory; its users decide who may write to it when.
unsafe impl Send for Map {}
// SAFETY: as above.
unsafe impl Sync for Map {}

impl Map {
    /// Maps `len` bytes of `fd` from `offset`, which is a multiple of the page size.
    pub(crate) fn new(fd: RawFd, offset: u64, len: usize, flags: i32) -> io::Result<Map> {
        Map::of(fd, offset, len, (libc::PROT_READ | libc::PROT_WRITE, flags))
    }

    fn of(fd: RawFd, offset: u64, len: usize, (access, flags): (i32, i32)) -> io::Result<Map> {
        if len == 0 {
            return Err(io::Error::other("nothing to map"));
        }
        // SAFETY: maps at an address that the kernel chooses, where nothing is.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                access,
                flags | libc::MAP_NORESERVE,
                fd,
                offset as libc::off_t,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).ok_or_else(|| io::Error::other("mapped at 0"))?;
        Ok(Map { base, len })
    }

    pub(crate) fn base(&self) -> *mut u8 {
        self.base.as_ptr()
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Children that this process forks do not have it.
    fn not_in_children(&self) {
        // SAFETY: changes what a fork copies of our own mapping.
        unsafe { libc::madvise(self.base.as_ptr().cast(), self.len, libc::MADV_DONTFORK) };
    }

    /// Replaces a private view of shared memory by a copy at the same address: what happens to the
    /// shared memory does not matter to it any more.
    pub(crate) fn detach(&self) -> io::Result<()> {
        let copy = Map::new(-1, 0, self.len, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS)?;
        // SAFETY: both are mappings of this length, and do not overlap; then the copy takes the
        // address of the view, whose users find the same bytes there.
        unsafe {
            std::ptr::copy_nonoverlapping(self.base(), copy.base(), self.len);
            let moved = libc::mremap(
                copy.base().cast(),
                self.len,
                self.len,
                libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED,
                self.base(),
            );
            if moved == libc::MAP_FAILED {
                return Err(io::Error::last_os_error());
            }
        }
        std::mem::forget(copy);
        Ok(())
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: our own mapping, which nobody refers to any more.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.len) };
    }
}

/// A memfd of fixed size, mapped for writing.
#[derive(Debug)]
pub(crate) struct Block {
    fd: OwnedFd,
    inode: u64,
    map: Map,
}

impl Block {
    pub(crate) fn new(len: usize) -> io::Result<Block> {
        // SAFETY: the name is a constant; the result is checked.
        let raw = unsafe {
            libc::memfd_create(
                c"handoff".as_ptr(),
                libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING,
            )
        };
        if raw < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made this descriptor for us.
        let fd = unsafe { OwnedFd::from_raw_fd(raw) };
        let file = File::from(fd);
        file.set_len(len as u64)?;
        let inode = file.metadata()?.ino();
        let fd = OwnedFd::from(file);
        seal(&fd, libc::F_SEAL_SHRINK | libc::F_SEAL_GROW)?;
        let map = Map::new(fd.as_raw_fd(), 0, len, libc::MAP_SHARED)?;
        map.not_in_children();
        Ok(Block { fd, inode, map })
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    pub(crate) fn inode(&self) -> u64 {
        self.inode
    }

    pub(crate) fn map(&self) -> &Map {
        &self.map
    }

    /// The word of the header of a worker's block.
    pub(crate) fn state(&self) -> &AtomicU32 {
        state(&self.map)
    }

    /// The same, read-only for every process from now on.
    pub(crate) fn seal_writes(self) -> io::Result<Block> {
        let Block { fd, inode, map } = self;
        let len = map.len();
        drop(map);
        seal(&fd, libc::F_SEAL_WRITE)?;
        let map = Map::of(fd.as_raw_fd(), 0, len, (libc::PROT_READ, libc::MAP_SHARED))?;
        Ok(Block { fd, inode, map })
    }

    /// Copies `bytes` to `offset`.
    pub(crate) fn fill(&self, offset: usize, bytes: &[u8]) {
        assert!(offset + bytes.len() <= self.map.len(), "past the block");
        // SAFETY: within the mapping, which this process alone writes to now.
        unsafe { copy(bytes, self.map.base().add(offset)) };
    }
}

/// The first word of a mapping that begins with a header.
pub(crate) fn state(map: &Map) -> &AtomicU32 {
    // SAFETY: mapped, aligned to a page, and only ever used as an atomic word.
    unsafe { AtomicU32::from_ptr(map.base().cast()) }
}

pub(crate) fn seal(fd: &OwnedFd, seals: i32) -> io::Result<()> {
    // SAFETY: takes no pointers.
    if unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_ADD_SEALS, seals) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Copies to memory of at least that length, by several threads where that is long.
///
/// # Safety
/// `to` is valid for writes of `from.len()` bytes, which nobody else uses.
unsafe fn copy(from: &[u8], to: *mut u8) {
    let threads = match std::thread::available_parallelism() {
        Ok(count) if from.len() >= DIVIDED => count.get().min(4),
        _ => 1,
    };
    if threads == 1 {
        // SAFETY: by contract of this function.
        unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), to, from.len()) };
        return;
    }
    struct To(*mut u8);
    // SAFETY: each thread gets a part of its own.
    unsafe impl Send for To {}
    let each = from.len().div_ceil(threads).next_multiple_of(4096);
    std::thread::scope(|scope| {
        for (index, part) in from.chunks(each).enumerate() {
            // SAFETY: within what the caller vouches for.
            let to = To(unsafe { to.add(index * each) });
            let run = move || {
                let To(to) = { to };
                // SAFETY: the parts do not overlap, and lie within what the caller vouches for.
                unsafe { std::ptr::copy_nonoverlapping(part.as_ptr(), to, part.len()) };
            };
            scope.spawn(run);
        }
    });
}

/// Where another process's memory is: its descriptor, and the inode that is to be found there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) pid: u32,
    pub(crate) fd: u32,
    pub(crate) inode: u64,
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

impl Place {
    /// Opens the memory. Fails where it is not what was meant, or could become shorter.
    pub(crate) fn open(&self, write: bool) -> io::Result<OwnedFd> {
        let path = format!("/proc/{}/fd/{}", self.pid, self.fd);
        let path = CString::new(path).map_err(io::Error::other)?;
        let mode = if write { libc::O_RDWR } else { libc::O_RDONLY };
        // SAFETY: the path is a terminated string.
        let raw = unsafe { libc::open(path.as_ptr(), mode | libc::O_CLOEXEC) };
        if raw < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made this descriptor for us.
        let file = unsafe { File::from_raw_fd(raw) };
        let found = file.metadata()?;
        // SAFETY: takes no pointers.
        let seals = unsafe { libc::fcntl(raw, libc::F_GET_SEALS) };
        let end = self.offset.checked_add(self.len);
        if found.ino() != self.inode
            || seals & libc::F_SEAL_SHRINK == 0
            || end.is_none_or(|end| end > found.len())
        {
            return Err(io::Error::other(format!(
                "descriptor {} of process {} is not the memory that was sent",
                self.fd, self.pid
            )));
        }
        Ok(file.into())
    }

    /// A private view: writes to it are this process's own.
    pub(crate) fn view(&self) -> io::Result<Map> {
        let fd = self.open(false)?;
        let map = Map::new(
            fd.as_raw_fd(),
            self.offset,
            usize::try_from(self.len).map_err(io::Error::other)?,
            libc::MAP_PRIVATE,
        )?;
        Ok(map)
    }
}

/// Whether a process that is a child of ours, or was one, has ended or is about to: its descriptors may be gone.
pub(crate) fn has_ended(pid: u32) -> bool {
    /// The kernel's flag of a process that ends (`PF_EXITING`).
    const EXITING: u64 = 4;
    let stat = match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => stat,
        Err(error) => {
            let gone = error.kind() == io::ErrorKind::NotFound
                || error.raw_os_error() == Some(libc::ESRCH);
            return gone && Path::new("/proc/self").exists();
        }
    };
    // Behind the name, which may have any characters: state, four numbers, terminal's group, flags.
    let Some((_, rest)) = stat.rsplit_once(')') else {
        return false;
    };
    let flags = rest.split_whitespace().nth(6);
    flags
        .and_then(|flags| flags.parse::<u64>().ok())
        .is_some_and(|flags| flags & EXITING != 0)
}

/// Physical memory of this machine in bytes.
pub(crate) fn physical() -> usize {
    // SAFETY: takes no pointers.
    let (pages, page) = unsafe {
        (
            libc::sysconf(libc::_SC_PHYS_PAGES),
            libc::sysconf(libc::_SC_PAGESIZE),
        )
    };
    usize::try_from(pages).unwrap_or(0) * usize::try_from(page).unwrap_or(4096)
}
