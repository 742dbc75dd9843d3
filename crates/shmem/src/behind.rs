//! Which limit of this process is behind an error of the kernel's: errno names none.

use nix::sys::resource::{Resource, getrlimit};
use std::{fs, io};

/// Mappings that a refused call may have wanted.
const FEW: usize = 4;

/// The limit behind an error, with its value and the command that raises it, in parentheses after a space. Empty
/// where no limit is known to be behind it.
pub fn limit_behind(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::EMFILE) => {
            let soft = getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft);
            format!(
                " (this process may have {soft} open files, RLIMIT_NOFILE: `ulimit -n` raises it)"
            )
        }
        Some(libc::ENOMEM) => mappings().unwrap_or_default(),
        Some(libc::ENOENT) => " (it is opened by /proc/self/fd: mount /proc)".to_owned(),
        _ => String::new(),
    }
}

/// `vm.max_map_count`, where that is reached.
fn mappings() -> Option<String> {
    let most = fs::read_to_string("/proc/sys/vm/max_map_count").ok()?;
    let most: usize = most.trim().parse().ok()?;
    let count = fs::read_to_string("/proc/self/maps").ok()?.lines().count();
    let text = format!(
        " (this process has {count} mappings and may have {most}: `sysctl -w vm.max_map_count=N` \
         raises that)"
    );
    (count + FEW >= most).then_some(text)
}
