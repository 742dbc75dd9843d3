//! What the guardian has to know, in memory that it shares with its owner: the owner writes, the
//! guardian reads once the owner is dead.
//!
//! The owner may die between any two stores, so each entry becomes valid by its last one.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

/// Process groups that can be guarded at once.
pub(crate) const GROUPS: usize = 16 * 1024;
/// Paths that can be guarded at once.
pub(crate) const PATHS: usize = 8 * 1024;
/// The longest path, bytes.
pub(crate) const PATH_LEN: usize = 508;

/// The whole table. All zeros is an empty one; pages that were never used take no memory.
#[repr(C)]
pub(crate) struct Table {
    /// No entry from this one on was ever used.
    groups_used: AtomicU32,
    paths_used: AtomicU32,
    groups: [GroupEntry; GROUPS],
    paths: [PathEntry; PATHS],
}

#[repr(C)]
struct GroupEntry {
    /// The group's number, which is its leader's pid; 0 where there is none.
    pid: AtomicU32,
    /// A moment at which the leader had started (CLOCK_BOOTTIME): who has its pid and started
    /// later is someone else.
    at_ns: AtomicU64,
}

#[repr(C)]
struct PathEntry {
    /// The path's length; 0 where there is none.
    len: AtomicU32,
    bytes: [AtomicU8; PATH_LEN],
}

/// A process group that the owner has registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) pid: u32,
    pub(crate) at_ns: u64,
}

/// A path with its closing zero, as the kernel takes it.
pub(crate) type PathBuffer = [u8; PATH_LEN + 1];

impl Table {
    /// Registers a group.
    pub(crate) fn set_group(&self, index: usize, group: Group) {
        let entry = &self.groups[index];
        self.groups_used
            .fetch_max(index as u32 + 1, Ordering::Release);
        entry.at_ns.store(group.at_ns, Ordering::Relaxed);
        entry.pid.store(group.pid, Ordering::Release);
    }

    /// Takes a group back.
    pub(crate) fn clear_group(&self, index: usize) {
        self.groups[index].pid.store(0, Ordering::Release);
    }

    /// Registers a path of at most [`PATH_LEN`] bytes.
    pub(crate) fn set_path(&self, index: usize, path: &[u8]) {
        debug_assert!(path.len() <= PATH_LEN);
        let entry = &self.paths[index];
        self.paths_used
            .fetch_max(index as u32 + 1, Ordering::Release);
        for (to, byte) in entry.bytes.iter().zip(path) {
            to.store(*byte, Ordering::Relaxed);
        }
        entry.len.store(path.len() as u32, Ordering::Release);
    }

    /// Takes a path back.
    pub(crate) fn clear_path(&self, index: usize) {
        self.paths[index].len.store(0, Ordering::Release);
    }

    /// Every group that is guarded. Allocates nothing and cannot panic.
    pub(crate) fn groups(&self) -> impl Iterator<Item = Group> {
        let used = self.groups_used.load(Ordering::Acquire) as usize;
        self.groups.iter().take(used).filter_map(|entry| {
            let pid = entry.pid.load(Ordering::Acquire);
            let at_ns = entry.at_ns.load(Ordering::Relaxed);
            (pid != 0).then_some(Group { pid, at_ns })
        })
    }

    /// Gives every guarded path to `each`. Allocates nothing and cannot panic.
    pub(crate) fn each_path(&self, mut each: impl FnMut(&PathBuffer)) {
        let used = self.paths_used.load(Ordering::Acquire) as usize;
        for entry in self.paths.iter().take(used) {
            let len = entry.len.load(Ordering::Acquire) as usize;
            if len == 0 || len > PATH_LEN {
                continue;
            }
            let mut path: PathBuffer = [0; PATH_LEN + 1];
            for (to, byte) in path.iter_mut().zip(&entry.bytes).take(len) {
                *to = byte.load(Ordering::Relaxed);
            }
            each(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> Box<Table> {
        let mut table = Box::<Table>::new_uninit();
        // SAFETY: the box is as large as one table.
        unsafe { table.as_mut_ptr().write_bytes(0, 1) };
        // SAFETY: all zeros is a valid table, of atomics alone.
        unsafe { table.assume_init() }
    }

    #[test]
    fn what_was_told_is_found_until_it_is_taken_back() {
        let table = empty();
        let told = Group { pid: 7, at_ns: 5 };
        table.set_group(2, told);
        table.set_group(0, Group { pid: 8, at_ns: 6 });
        table.clear_group(0);
        assert_eq!(table.groups().collect::<Vec<_>>(), [told]);

        table.set_path(1, b"/a");
        table.set_path(1, b"/bc");
        table.set_path(0, &[b'x'; PATH_LEN]);
        table.set_path(3, b"/gone");
        table.clear_path(3);
        let mut found = Vec::new();
        table.each_path(|path| {
            let path = std::ffi::CStr::from_bytes_until_nul(path).unwrap();
            found.push(path.to_bytes().to_owned());
        });
        assert_eq!(found, [vec![b'x'; PATH_LEN], b"/bc".to_vec()]);
    }
}
