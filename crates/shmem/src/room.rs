//! How much more shared or private memory this process may take: the least of what the file
//! system, the machine, the control group and the limit on file sizes leave.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;

use crate::segment::SHM_DIRECTORY;
use crate::{cgroup, sys};

/// Bytes that each limit leaves; `None` where that limit does not apply or cannot be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Free space of the tmpfs, and its path.
    pub file_system: Option<(PathBuf, u64)>,
    /// `MemAvailable` of `/proc/meminfo`: what the machine can give without swapping.
    pub mem_available: Option<u64>,
    /// What the tightest control group above this process leaves.
    pub cgroup: Option<CgroupRoom>,
    /// The longest file this process may write (`ulimit -f`).
    pub file_size: Option<u64>,
}

/// What a memory control group leaves: its limit less its usage, where file pages that can be
/// dropped do not count as used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CgroupRoom {
    /// The group's directory.
    pub path: PathBuf,
    /// Bytes.
    pub available: u64,
}

/// The limit that binds; displayed with what it leaves and what moves it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// The tmpfs is (almost) full.
    FileSystem {
        /// Where it is mounted.
        path: PathBuf,
        /// Bytes free.
        available: u64,
    },
    /// The machine's memory.
    Memory {
        /// Bytes available.
        available: u64,
    },
    /// A control group (a container's memory limit, say).
    Cgroup(CgroupRoom),
    /// `ulimit -f`.
    FileSize {
        /// The longest file, bytes.
        available: u64,
    },
    /// None that could be read.
    None,
}

/// The room for a segment in `/dev/shm`.
pub fn room() -> io::Result<Room> {
    Room::of(Path::new(SHM_DIRECTORY))
}

impl Room {
    /// The room for a segment in a directory of a tmpfs.
    pub fn of(directory: &Path) -> io::Result<Room> {
        let status = statvfs(directory)?;
        // tmpfs without a size limit tells 0 blocks in all.
        let free = match status.blocks() {
            0 => None,
            _ => Some(status.blocks_available() * status.fragment_size()),
        };
        Ok(Room {
            file_system: free.map(|free| (directory.to_owned(), free)),
            file_size: sys::file_size_limit(),
            ..Room::of_memory()
        })
    }

    /// The room for memory that no mounted file system holds.
    pub fn of_memory() -> Room {
        Room {
            file_system: None,
            mem_available: fs::read_to_string("/proc/meminfo")
                .ok()
                .and_then(|text| parse_mem_available(&text)),
            cgroup: cgroup::room(),
            file_size: None,
        }
    }

    /// The bytes that all limits leave, and the limit that leaves the least.
    pub fn least(&self) -> (u64, Limit) {
        let file_system = self
            .file_system
            .clone()
            .map(|(path, available)| (available, Limit::FileSystem { path, available }));
        let memory = self
            .mem_available
            .map(|available| (available, Limit::Memory { available }));
        let cgroup = self
            .cgroup
            .clone()
            .map(|room| (room.available, Limit::Cgroup(room)));
        let file_size = self
            .file_size
            .map(|available| (available, Limit::FileSize { available }));
        [file_system, memory, cgroup, file_size]
            .into_iter()
            .flatten()
            .min_by_key(|(available, _)| *available)
            .unwrap_or((u64::MAX, Limit::None))
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Limit::FileSystem { path, available } => {
                let path = path.display();
                write!(
                    f,
                    "{path} has {available} bytes free; remove what fills it, or enlarge it \
                     (mount -o remount,size=SIZE {path}; for a container --shm-size)"
                )
            }
            Limit::Memory { available } => write!(
                f,
                "the machine has {available} bytes of memory available (MemAvailable); end other \
                 programs or take less at a time"
            ),
            Limit::Cgroup(CgroupRoom { path, available }) => write!(
                f,
                "the memory limit of control group {} leaves {available} bytes; raise it or take \
                 less at a time",
                path.display()
            ),
            Limit::FileSize { available } => write!(
                f,
                "files may have {available} bytes at most; raise the limit (ulimit -f unlimited)"
            ),
            Limit::None => f.write_str("no limit is known"),
        }
    }
}

fn parse_mem_available(meminfo: &str) -> Option<u64> {
    let value = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mem_available_is_read_from_meminfo() {
        let text = "MemTotal:       24683656 kB\nMemFree: 1 kB\nMemAvailable:   23001234 kB\n";
        assert_eq!(parse_mem_available(text), Some(23_001_234 * 1024));
        assert_eq!(parse_mem_available("MemTotal: 1 kB\n"), None);
        assert_eq!(parse_mem_available("MemAvailable: x kB\n"), None);
    }

    #[test]
    fn the_least_limit_binds_and_says_how_to_move_it() {
        let mut room = Room {
            file_system: Some(("/dev/shm".into(), 300)),
            mem_available: Some(200),
            cgroup: Some(CgroupRoom {
                path: "/sys/fs/cgroup/a".into(),
                available: 100,
            }),
            file_size: None,
        };
        assert_eq!(room.least().0, 100);
        assert!(room.least().1.to_string().contains("/sys/fs/cgroup/a"));
        room.cgroup = None;
        assert_eq!(room.least(), (200, Limit::Memory { available: 200 }));
        room.mem_available = None;
        assert!(
            room.least()
                .1
                .to_string()
                .contains("remount,size=SIZE /dev/shm")
        );
        room.file_size = Some(7);
        assert!(room.least().1.to_string().contains("ulimit -f"));
        assert_eq!(Room::default().least(), (u64::MAX, Limit::None));
    }

    #[test]
    fn this_machine_has_room() {
        let room = room().unwrap();
        assert!(room.mem_available.is_some());
        assert!(room.least().0 > 0, "{room:?}");
    }
}
