//! The guardian's whole life, in a process of its own.
//!
//! It may be a copy of a process with many threads: nothing here allocates, takes a lock or panics.

use crate::table::{Group, Table};
use crate::{slim, sys};
use std::ffi::CStr;

/// What `ps` and `/proc/<pid>/comm` call a guardian.
pub const NAME: &str = "handoff-guard";
const C_NAME: &CStr = c"handoff-guard";

/// Nanoseconds of a clock tick, the unit of start times in `/proc/<pid>/stat` (`USER_HZ` is 100).
const TICK_NS: u64 = 10_000_000;

/// Waits for the end of the process that `owner` is a descriptor of, then cleans up.
///
/// # Safety
///
/// Called in a forked child with all signals blocked that runs nothing else; `thread` is the
/// address of thread-local memory.
pub(crate) unsafe fn keep(owner: i32, table: &Table, thread: usize) -> ! {
    // SAFETY: all of these concern this process alone.
    unsafe {
        // Its own session: what a terminal sends to its group does not come here.
        libc::syscall(libc::SYS_setsid);
        libc::syscall(libc::SYS_prctl, libc::PR_SET_NAME, C_NAME.as_ptr());
        if owner != 0 {
            libc::syscall(libc::SYS_dup3, owner, 0, 0);
        }
        libc::syscall(libc::SYS_chdir, c"/".as_ptr());
    }
    let here = 0u8;
    let table_at = std::ptr::from_ref(table).addr();
    let keep = [
        slim::around((&raw const here).addr()),
        slim::around(thread),
        slim::spanning(table_at..table_at + size_of::<Table>()),
    ];
    // SAFETY: what is used from here on is code, this stack, the table, and the C library's errno.
    unsafe { slim::unmap_all_but(&keep) };
    // A descriptor of the owner's that stayed open would keep pipes from ending and files from
    // going. The last one that is closed signals the owner that no more is held.
    // SAFETY: concerns this process alone; the owner's pidfd stays.
    unsafe { libc::syscall(libc::SYS_close_range, 1, u32::MAX, 0) };

    while !sys::wait_readable(0) {}
    // Processes first: they hold what the paths name, and could make more of it.
    table.groups().for_each(end);
    table.each_path(|path| sys::unlink(path));
    sys::exit(0)
}

/// Kills a process group, unless its number belongs to another group by now.
fn end(group: Group) {
    let pid = i64::from(group.pid);
    let leader = sys::pidfd_open(group.pid);
    if leader < 0 {
        // The leader has been reaped. While others are left in its group, the number is theirs.
        sys::kill(-pid, libc::SIGKILL);
        return;
    }
    // The descriptor was opened first, so it stands for whom the start time is asked of, or for
    // one who is dead.
    if start_tick(group.pid).is_none_or(|tick| tick <= group.at_ns / TICK_NS) {
        sys::kill(-pid, libc::SIGKILL);
        // It may not have come to make a group of its own.
        sys::pidfd_kill(leader, libc::SIGKILL);
    }
    sys::close(leader);
}

/// When a process started, clock ticks since boot (field 22 of `/proc/<pid>/stat`).
fn start_tick(pid: u32) -> Option<u64> {
    let mut path = [0; 32];
    let file = sys::open(stat_path(pid, &mut path)?);
    if file < 0 {
        return None;
    }
    // The fields up to the one that is wanted are shorter by far.
    let mut text = [0; 512];
    let got = sys::read(file, &mut text);
    sys::close(file);
    parse_start_tick(text.get(..usize::try_from(got).ok()?)?)
}

/// `/proc/<pid>/stat`.
fn stat_path(pid: u32, path: &mut [u8; 32]) -> Option<&CStr> {
    let mut digits = [0; 10];
    let (mut first, mut rest) = (digits.len(), pid);
    while rest > 0 || first == digits.len() {
        first -= 1;
        *digits.get_mut(first)? = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let text = b"/proc/"
        .iter()
        .chain(digits.get(first..)?)
        .chain(b"/stat\0");
    for (to, byte) in path.iter_mut().zip(text) {
        *to = *byte;
    }
    CStr::from_bytes_until_nul(path).ok()
}

/// Field 22, counted after the command's name, which may itself hold spaces and parentheses.
fn parse_start_tick(stat: &[u8]) -> Option<u64> {
    let name_end = stat.iter().rposition(|&byte| byte == b')')?;
    // State is field 3 and the first after the name.
    let mut fields = stat.get(name_end + 2..)?.split(|&byte| byte == b' ');
    let field = fields.nth(19)?;
    field.iter().try_fold(0u64, |value, &byte| {
        let digit = byte.checked_sub(b'0').filter(|&digit| digit < 10)?;
        value.checked_mul(10)?.checked_add(digit.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_processes() {
        for (pid, expected) in [(0, c"/proc/0/stat"), (u32::MAX, c"/proc/4294967295/stat")] {
            assert_eq!(stat_path(pid, &mut [0; 32]), Some(expected));
        }
    }

    #[test]
    fn a_start_time_is_read_after_a_hostile_name() {
        let fields = "S 1 1 1 0 -1 4194304 100 0 0 0 0 0 0 0 20 0 1 0 84690 3133440 394";
        let text = format!("7490 (a) R) ( Z) {fields}");
        assert_eq!(parse_start_tick(text.as_bytes()), Some(84690));
        assert_eq!(parse_start_tick(b"1 (a) S 1"), None);
        assert_eq!(parse_start_tick(b""), None);
    }

    #[test]
    fn our_own_start_was_before_now() {
        let tick = start_tick(std::process::id()).unwrap();
        assert!(tick > 0 && tick <= crate::owner::boot_ns() / TICK_NS);
    }

    #[test]
    fn a_number_that_came_to_be_anothers_is_left_alone() {
        use std::os::unix::process::{CommandExt, ExitStatusExt};
        let mut command = std::process::Command::new("sleep");
        let mut child = command.arg("1000").process_group(0).spawn().unwrap();
        let pid = child.id();
        // As if the registered group had been started long before.
        let at_ns = (start_tick(pid).unwrap() - 1) * TICK_NS;
        end(Group { pid, at_ns });
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert!(child.try_wait().unwrap().is_none());
        end(Group {
            pid,
            at_ns: crate::owner::boot_ns(),
        });
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
    }
}
