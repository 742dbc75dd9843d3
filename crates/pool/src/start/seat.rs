//! What joins a worker with its coordinator: a socket, and a pipe for its stderr.

use nix::sys::socket::{AddressFamily, SockFlag, SockType, setsockopt, socketpair, sockopt};
use std::io;
use std::os::fd::OwnedFd;

/// Bytes that a worker's socket holds on their way to it. More than the kernel's default, so
/// that a worker can compute on a stream while the next part is being written.
pub(super) const SEND_BUFFER: usize = 4 * 1024 * 1024;

/// A worker's end of what joins it with its coordinator.
pub(crate) struct Seat {
    pub socket: OwnedFd,
    pub stderr: OwnedFd,
}

/// The coordinator's end of the same.
pub(crate) struct Wiring {
    pub socket: OwnedFd,
    pub stderr: OwnedFd,
}

/// Makes a connected pair: a stream socket, and a pipe for the worker's stderr. The
/// coordinator's ends do not block; all are close-on-exec.
pub(crate) fn wire_up() -> io::Result<(Wiring, Seat)> {
    let (ours, theirs) = socketpair(
        AddressFamily::Unix,
        SockType::Stream,
        None,
        SockFlag::SOCK_CLOEXEC,
    )?;
    set_nonblocking(&ours)?;
    // The kernel grants as much of it as its own limit allows.
    let _ = setsockopt(&ours, sockopt::SndBuf, &SEND_BUFFER);
    let (reader, writer) = stderr_pipe()?;
    Ok((
        Wiring {
            socket: ours,
            stderr: reader,
        },
        Seat {
            socket: theirs,
            stderr: writer,
        },
    ))
}

/// A pipe for a process's stderr, of which the end that is read does not block.
pub(super) fn stderr_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
    set_nonblocking(&reader)?;
    Ok((reader, writer))
}

fn set_nonblocking(fd: &OwnedFd) -> io::Result<()> {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    let flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?);
    fcntl(fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}
