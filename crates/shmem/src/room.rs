//! How much more shared or private memory this process may take: the least of what the file
//! system, the machine, the control group and the limits of the process leave.

use std::fs;
use std::io;
use std::path::Path;

use nix::sys::statvfs::statvfs;

use crate::address_space::AddressSpace;
use crate::limit::{CgroupRoom, FileSystem, Limit};
use crate::place::SHM_DIRECTORY;
use crate::{cgroup, sys};

/// Bytes that each limit leaves; `None` where that limit does not apply or cannot be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// The tmpfs.
    pub file_system: Option<FileSystem>,
    /// `MemAvailable` of `/proc/meminfo`: what the machine can give without swapping.
    pub mem_available: Option<u64>,
    /// What the tightest control group above this process leaves.
    pub cgroup: Option<CgroupRoom>,
    /// The longest file this process may write (`ulimit -f`).
    pub file_size: Option<u64>,
    /// Address space, for memory that this process itself maps.
    pub address_space: Option<AddressSpace>,
}

/// The processes and threads that the tightest control group above this process leaves; `None`
/// where no group limits them.
pub fn cgroup_tasks() -> Option<CgroupRoom> {
    cgroup::tasks()
}

/// The room for a segment in `/dev/shm`.
pub fn room() -> io::Result<Room> {
    Room::of(Path::new(SHM_DIRECTORY))
}

impl Room {
    /// The room for a segment in a directory of a tmpfs.
    pub fn of(directory: &Path) -> io::Result<Room> {
        let status = statvfs(directory)?;
        // tmpfs without a size limit reports 0 blocks in all.
        let unit = status.fragment_size();
        let file_system = (status.blocks() > 0).then(|| FileSystem {
            path: directory.to_owned(),
            total: status.blocks() * unit,
            available: status.blocks_available() * unit,
        });
        Ok(Room {
            file_system,
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
            address_space: None,
        }
    }

    /// The room for an anonymous file (memfd), which is a file to the limit on their size.
    pub fn of_memfd() -> Room {
        Room {
            file_size: sys::file_size_limit(),
            ..Room::of_memory()
        }
    }

    /// The room for private memory, which takes address space of this process too.
    pub fn of_private_memory() -> Room {
        Room {
            address_space: AddressSpace::now(),
            ..Room::of_memory()
        }
    }

    /// The bytes that all limits leave, and the limit that leaves the least.
    pub fn least(&self) -> (u64, Limit) {
        let file_system = self.file_system.clone().map(Limit::FileSystem);
        let memory = self
            .mem_available
            .map(|available| Limit::Memory { available });
        let cgroup = self.cgroup.clone().map(Limit::Cgroup);
        let file_size = self
            .file_size
            .map(|available| Limit::FileSize { available });
        let address_space = self.address_space.map(Limit::AddressSpace);
        [file_system, memory, cgroup, file_size, address_space]
            .into_iter()
            .flatten()
            .map(|limit| (limit.available(), limit))
            .min_by_key(|(available, _)| *available)
            .unwrap_or((u64::MAX, Limit::None))
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
            file_system: Some(FileSystem {
                path: "/dev/shm".into(),
                total: 64 << 20,
                available: 300,
            }),
            mem_available: Some(200),
            cgroup: Some(CgroupRoom {
                file: "/sys/fs/cgroup/a/memory.max".into(),
                limit: 5000,
                available: 100,
            }),
            file_size: None,
            address_space: None,
        };
        let least = |room: &Room| {
            let (available, limit) = room.least();
            (available, limit.for_bytes(1 << 20).to_string())
        };
        let (available, text) = least(&room);
        assert_eq!(available, 100);
        // What is used and what is wanted.
        let command = format!("echo {} > /sys/fs/cgroup/a/memory.max", 4900 + (1 << 20));
        assert!(text.contains(&command), "{text}");
        room.cgroup = None;
        assert_eq!(room.least(), (200, Limit::Memory { available: 200 }));
        room.mem_available = None;
        let (_, text) = least(&room);
        assert!(text.contains("remount,size=65M /dev/shm"), "{text}");
        room.file_size = Some(7);
        let (_, text) = least(&room);
        assert!(text.contains("ulimit -f 1024"), "{text}");
        let (limit, available) = (1 << 30, 5);
        room.address_space = Some(AddressSpace { limit, available });
        let (_, text) = least(&room);
        assert!(text.contains("ulimit -v 1065984"), "{text}");
        assert_eq!(Room::default().least(), (u64::MAX, Limit::None));
    }

    #[test]
    fn this_machine_has_room() {
        let room = room().unwrap();
        assert!(room.mem_available.is_some());
        assert!(room.least().0 > 0, "{room:?}");
    }
}
