//! How large an arena is where nobody says so, and the limits that decide it.

use crate::address_space::AddressSpace;
use crate::sys;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

/// All arenas of a pool's workers together take at most this much address space, bytes.
const ALL_ARENAS: u64 = 32 << 40;
/// Where the machine's memory cannot be read.
const UNKNOWN_MEMORY: u64 = 1 << 40;

/// The size of an arena where nothing else is asked for: the machine's memory, or less where `count`
/// arenas of that size would not fit into the address space or a limit of this process
/// (`ulimit -v`, `ulimit -f`) is lower.
pub fn default_arena_size(count: usize) -> u64 {
    let count = (count as u64).max(1);
    let memory = machine_memory().unwrap_or(UNKNOWN_MEMORY);
    let mut size = memory.min(ALL_ARENAS / count);
    if let Some(space) = AddressSpace::now() {
        // Half of it stays for everything else.
        size = size.min(space.available / 2 / count);
    }
    if let Some(limit) = sys::file_size_limit() {
        size = size.min(limit);
    }
    let page = sys::page_size();
    (size / page * page).max(page)
}

/// As [`default_arena_size`], for arenas that other processes read; 0 where /proc is not mounted, by which a
/// [reader](crate::Arena::reader) is opened.
pub fn shared_arena_size(count: usize) -> u64 {
    match std::path::Path::new("/proc/self/fd").exists() {
        true => default_arena_size(count),
        false => 0,
    }
}

/// The limits that [`default_arena_size`] respects, with their values: for reports. `None`: not limited.
pub fn arena_limits() -> [(&'static str, Option<u64>); 3] {
    let limit = |resource| match getrlimit(resource) {
        Ok((soft, _)) if soft != RLIM_INFINITY => Some(soft),
        _ => None,
    };
    [
        ("memory of the machine", machine_memory()),
        ("RLIMIT_AS", limit(Resource::RLIMIT_AS)),
        ("RLIMIT_FSIZE", limit(Resource::RLIMIT_FSIZE)),
    ]
}

/// Bytes of memory that the machine has.
fn machine_memory() -> Option<u64> {
    use nix::unistd::{SysconfVar, sysconf};
    let pages = sysconf(SysconfVar::_PHYS_PAGES).ok().flatten()?;
    u64::try_from(pages).ok()?.checked_mul(sys::page_size())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_large_arenas_fit_into_the_address_space() {
        let one = default_arena_size(1);
        assert!(one >= 4096 && one.is_multiple_of(4096));
        assert!(default_arena_size(4096) <= one);
        assert!(default_arena_size(4096) * 4096 <= ALL_ARENAS);
        assert_eq!(default_arena_size(usize::MAX), 4096);
    }
}
