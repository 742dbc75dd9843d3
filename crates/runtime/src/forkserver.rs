//! The forkserver: a small process that forks workers on request.
//!
//! It is started by exec before any data is loaded, so its children are cheap and carry nothing
//! of the coordinator's. It passes pidfds back and relays how its children ended, since only
//! a parent may reap.

use crate::channel::{Channel, Incoming, send_all};
use crate::{Inherited, child, fork, hooks, reap, serve};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;
use task::Registry;
use wire::{FromServer, Hello, ToServer};

/// A forked worker that has not been reaped.
struct Child {
    pid: u32,
    pidfd: OwnedFd,
}

/// What a worker is given.
struct Ends {
    socket: OwnedFd,
    stderr: OwnedFd,
    /// Without, it has this process's stdout.
    stdout: Option<OwnedFd>,
}

/// Serves fork requests on `socket` until the coordinator closes it. Workers that are left then
/// die with this process.
pub(crate) fn run(socket: OwnedFd, registry: &Registry) -> io::Result<()> {
    let mut kept = hooks::kept_descriptors();
    kept.retain(|&fd| fd != socket.as_raw_fd());
    let socket = Arc::new(socket);
    let mut channel = Channel::with_read_size(Arc::clone(&socket), 4096);
    let mut children: Vec<Child> = Vec::new();
    send(socket.as_fd(), &Hello::ours(), &[])?;
    let Some(frame) = channel.wait_frame().map_err(io::Error::other)? else {
        return Ok(());
    };
    Hello::accept(frame.body).map_err(io::Error::other)?;
    loop {
        while let Some(mut frame) = channel.next_frame().map_err(io::Error::other)? {
            match wire::decode(frame.body).map_err(io::Error::other)? {
                ToServer::Shutdown => return Ok(()),
                message @ (ToServer::Fork { request } | ToServer::ForkPiped { request }) => {
                    let piped = matches!(message, ToServer::ForkPiped { .. });
                    let mut take = || {
                        let missing =
                            || io::Error::other("a fork request came without descriptors");
                        frame.take_descriptor().ok_or_else(missing)
                    };
                    let ends = Ends {
                        socket: take()?,
                        stderr: take()?,
                        stdout: piped.then(take).transpose()?,
                    };
                    let forked = fork_worker(ends, registry, &kept);
                    children.extend(answer(socket.as_fd(), request, forked)?);
                }
            }
        }
        let due = wait(&channel, &children)?;
        for index in due.children.into_iter().rev() {
            let child = children.swap_remove(index);
            send(socket.as_fd(), &death_report(&child)?, &[])?;
        }
        if due.requests && channel.receive().map_err(io::Error::other)? == Incoming::End {
            return Ok(());
        }
    }
}

/// Reports the result of a request; returns the child, if there is one.
fn answer(
    socket: BorrowedFd<'_>,
    request: u64,
    forked: Result<fork::Forked, fork::ForkError>,
) -> io::Result<Option<Child>> {
    match forked {
        Ok(fork::Forked { pid, pidfd }) => {
            send(
                socket,
                &FromServer::Forked { request, pid },
                &[pidfd.as_fd()],
            )?;
            Ok(Some(Child { pid, pidfd }))
        }
        Err(error) => {
            let reason = error.to_string();
            send(
                socket,
                &FromServer::Failed {
                    request,
                    reason: &reason,
                    permanent: error.is_permanent(),
                },
                &[],
            )?;
            Ok(None)
        }
    }
}

/// What there is to do: requests to read, and children (by index, ascending) that have ended.
struct Due {
    requests: bool,
    children: Vec<usize>,
}

fn wait(channel: &Channel, children: &[Child]) -> io::Result<Due> {
    let readable = |fd| PollFd::new(fd, PollFlags::POLLIN);
    let mut fds = vec![readable(channel.as_fd())];
    fds.extend(children.iter().map(|child| readable(child.pidfd.as_fd())));
    match poll(&mut fds, PollTimeout::NONE) {
        Ok(_) | Err(nix::errno::Errno::EINTR) => {}
        Err(error) => return Err(error.into()),
    }
    let is_due = |fd: &PollFd<'_>| fd.revents().is_some_and(|events| !events.is_empty());
    Ok(Due {
        requests: is_due(&fds[0]),
        children: (0..children.len())
            .filter(|index| is_due(&fds[index + 1]))
            .collect(),
    })
}

fn death_report(child: &Child) -> io::Result<FromServer<'static>> {
    // What it left in its group goes with it, while the number is still its own.
    let _ = killpg(Pid::from_raw(child.pid as i32), Signal::SIGKILL);
    let reaped = reap(child.pidfd.as_fd(), true)?.expect("it was waited for");
    Ok(FromServer::Ended {
        pid: child.pid,
        exit: reaped.ending.ok(),
        signal: reaped.ending.err(),
        rss_peak: reaped.rss_peak,
    })
}

fn fork_worker(
    ends: Ends,
    registry: &Registry,
    kept: &[RawFd],
) -> Result<fork::Forked, fork::ForkError> {
    let parent = std::process::id();
    hooks::before();
    let forked = fork::fork(false, move || {
        hooks::in_child();
        let code = worker(ends, (parent, kept), registry);
        hooks::before_exit();
        code
    });
    hooks::in_parent();
    forked
}

/// The whole life of a forked worker; gives its exit code.
fn worker(ends: Ends, (parent, kept): (u32, &[RawFd]), registry: &Registry) -> i32 {
    let Ends {
        socket,
        stderr,
        stdout,
    } = ends;
    let redirected = nix::unistd::dup2_stderr(&stderr)
        .and_then(|()| stdout.as_ref().map_or(Ok(()), nix::unistd::dup2_stdout))
        .map_err(io::Error::from);
    child::close_all_but(&[kept, &[socket.as_raw_fd()]].concat());
    std::mem::forget((stderr, stdout));
    let served = redirected
        .and_then(|()| child::isolate(parent))
        .and_then(|()| serve(socket, registry, Inherited::new()).map_err(io::Error::other));
    match served {
        Ok(()) => 0,
        Err(error) => {
            // A reader that has gone away is no reason for a panic.
            let _ = writeln!(io::stderr(), "worker: {error}");
            1
        }
    }
}

fn send(
    socket: BorrowedFd<'_>,
    message: &impl serde::Serialize,
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let mut bytes = Vec::new();
    wire::encode(message, &mut bytes).map_err(io::Error::other)?;
    send_all(socket, &bytes, descriptors)
}
