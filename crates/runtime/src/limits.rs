//! What to do about an error that a limit is behind.

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use std::io;

/// What to say after an error of the kernel's that a limit is behind: which, its value here, and the
/// command that raises it. Empty for other errors.
pub fn limit_hint(error: &io::Error) -> String {
    let soft = |resource| match getrlimit(resource) {
        Ok((soft, _)) if soft != RLIM_INFINITY => soft.to_string(),
        _ => "any number of".to_owned(),
    };
    match error.raw_os_error() {
        Some(libc::EMFILE) => format!(
            "; a process may have {} open files here (RLIMIT_NOFILE): raise it with ulimit -n",
            soft(Resource::RLIMIT_NOFILE)
        ),
        Some(libc::ENFILE) => {
            "; the whole machine has as many open files as it may (sysctl fs.file-max)".to_owned()
        }
        Some(libc::EAGAIN) => format!(
            "; this user may have {} processes here (RLIMIT_NPROC: raise it with ulimit -u), and a \
             control group (pids.max) or the machine (sysctl kernel.pid_max) may allow fewer",
            soft(Resource::RLIMIT_NPROC)
        ),
        Some(libc::ENOMEM) => {
            "; memory is used up, or the address space that a process may have (ulimit -v)"
                .to_owned()
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_named_with_the_command_that_raises_them() {
        let hint = |errno| limit_hint(&io::Error::from_raw_os_error(errno));
        assert!(hint(libc::EMFILE).contains("ulimit -n"));
        assert!(hint(libc::EAGAIN).contains("ulimit -u"));
        assert!(hint(libc::ENOMEM).contains("ulimit -v"));
        assert_eq!(hint(libc::ENOENT), "");
    }
}
