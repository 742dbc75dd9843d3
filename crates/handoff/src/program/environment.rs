//! The environment of a worker: the variable by which it knows what it is, and what `main` would find.

use runtime::Endpoint;
use std::os::unix::process::parent_id;
use wire::WORKER_VARIABLE;

/// How this process was started.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Started {
    pub(super) endpoint: Endpoint,
    pub(super) parent: u32,
}

/// Whether this process was started as a worker.
pub(super) fn is_worker() -> bool {
    read().is_some_and(|started| started.parent == parent_id())
}

/// How this process was started, if as a worker. The variable is removed: what the worker starts is
/// none.
pub(super) fn take() -> Option<Started> {
    let started = read();
    if std::env::var_os(WORKER_VARIABLE).is_some() {
        // SAFETY: `init` is documented to be called before there are threads; the standard
        // library's own accesses are locked.
        unsafe { std::env::remove_var(WORKER_VARIABLE) };
    }
    let started = started?;
    if started.parent == parent_id() {
        return Some(started);
    }
    // Inherited from a worker that started this process before it served; or the coordinator is
    // dead, and this process must not go on as if a person had started it.
    if process_exists(started.parent) {
        return None;
    }
    std::process::exit(1)
}

/// What the standard library does before `main`, which may come later or not at all; and the name of
/// the thread, which is that of the path by which it was executed.
pub(super) fn settle() {
    // SAFETY: SIG_IGN is a valid disposition.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    let path = std::env::args_os().next().unwrap_or_default();
    let name = std::path::Path::new(&path).file_name().unwrap_or_default();
    if let Ok(name) = std::ffi::CString::new(name.as_encoded_bytes()) {
        // A process without a good name works as well.
        let _ = nix::sys::prctl::set_name(&name);
    }
}

fn read() -> Option<Started> {
    parse(std::env::var_os(WORKER_VARIABLE)?.to_str()?)
}

fn parse(text: &str) -> Option<Started> {
    let mut parts = text.split(',');
    let fd = parts.next()?.parse().ok().filter(|&fd| fd > 2)?;
    let parent = parts.next()?.parse().ok()?;
    let endpoint = match (parts.next(), parts.next()) {
        (None, _) => Endpoint::Fd(fd),
        (Some("forkserver"), None) => Endpoint::ForkServer(fd),
        _ => return None,
    };
    Some(Started { endpoint, parent })
}

fn process_exists(pid: u32) -> bool {
    let pid = nix::unistd::Pid::from_raw(pid as i32);
    nix::sys::signal::kill(pid, None) != Err(nix::errno::Errno::ESRCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_pool_writes_is_understood() {
        let started = |endpoint| {
            Some(Started {
                endpoint,
                parent: 10,
            })
        };
        assert_eq!(parse("3,10"), started(Endpoint::Fd(3)));
        assert_eq!(parse("3,10,forkserver"), started(Endpoint::ForkServer(3)));
        for other in [
            "",
            "3",
            "3,",
            "x,10",
            "3,x",
            "1,10",
            "3,10,x",
            "3,10,forkserver,",
        ] {
            assert_eq!(parse(other), None, "{other:?}");
        }
    }
}
