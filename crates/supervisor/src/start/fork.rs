//! `fork`: the worker is this process again and serves the same registry.

use super::ends::WorkerEnds;
use super::error::StartError;
use crate::process::Process;
use guardian::GuardedGroup;
use runtime::Inherited;
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::{fs, io};
use task::Registry;

/// Forks a worker. Unless `threads_allowed`, only from a single-threaded process.
pub(super) fn start(
    ends: WorkerEnds,
    group: GuardedGroup,
    (registry, inherited): (&Registry, &Inherited),
    threads_allowed: bool,
) -> Result<Process, StartError> {
    let parent = std::process::id();
    let forked = runtime::fork(threads_allowed, move || {
        live(ends, registry, inherited, parent)
    })?;
    Ok(Process::forked(forked.pid, forked.pidfd, group))
}

/// The whole life of the worker; gives its exit code.
fn live(ends: WorkerEnds, registry: &Registry, inherited: &Inherited, parent: u32) -> i32 {
    let WorkerEnds {
        socket,
        stderr,
        stdout,
    } = ends;
    let ran = rewire(&socket, stderr, stdout)
        .and_then(|()| runtime::isolate(parent))
        .and_then(|()| {
            runtime::serve(socket, registry, inherited.clone()).map_err(io::Error::other)
        });
    match ran {
        Ok(()) => 0,
        Err(error) => {
            // A reader that has gone away is no reason for a panic.
            let _ = writeln!(io::stderr(), "worker: {error}");
            1
        }
    }
}

/// Nothing from /dev/null, complaints to the coordinator's pipe, and no other descriptor of the
/// parent's but stdout, unless that has a pipe too, and the worker's own socket.
fn rewire(socket: &OwnedFd, stderr: OwnedFd, stdout: Option<OwnedFd>) -> io::Result<()> {
    let null = fs::File::open("/dev/null")?;
    nix::unistd::dup2_stdin(&null)?;
    nix::unistd::dup2_stderr(&stderr)?;
    if let Some(stdout) = &stdout {
        nix::unistd::dup2_stdout(stdout)?;
    }
    // Closed here, since all others are closed behind their owners' backs.
    drop((null, stderr, stdout));
    runtime::close_all_but(&[socket.as_raw_fd()]);
    Ok(())
}
