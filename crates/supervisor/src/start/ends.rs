//! What joins a worker with its coordinator: a socket, a pipe for its stderr, and perhaps one for its stdout.

use nix::sys::socket::{AddressFamily, SockFlag, SockType, setsockopt, socketpair, sockopt};
use std::io;
use std::os::fd::OwnedFd;

/// Bytes that a worker's socket holds on their way to it. More than the kernel's default, so
/// that a worker can compute on a stream while the next part is being written.
pub(super) const SEND_BUFFER: usize = 4 * 1024 * 1024;

/// A worker's end of what joins it with its coordinator.
pub(crate) struct WorkerEnds {
    pub socket: OwnedFd,
    pub stderr: OwnedFd,
    /// Without, it has this process's stdout.
    pub stdout: Option<OwnedFd>,
}

/// The coordinator's end of the same.
pub(crate) struct CoordinatorEnds {
    pub socket: OwnedFd,
    pub stderr: OwnedFd,
    pub stdout: Option<OwnedFd>,
}

/// Makes a connected pair: a stream socket, a pipe for the worker's stderr, and one for its stdout where
/// that is wanted. The coordinator's ends do not block; all are close-on-exec.
pub(crate) fn connected_ends(stdout: bool) -> io::Result<(CoordinatorEnds, WorkerEnds)> {
    let (ours, theirs) = socketpair(
        AddressFamily::Unix,
        SockType::Stream,
        None,
        SockFlag::SOCK_CLOEXEC,
    )?;
    set_nonblocking(&ours)?;
    // The kernel grants as much of it as its own limit allows.
    let _ = setsockopt(&ours, sockopt::SndBuf, &SEND_BUFFER);
    let (reader, writer) = output_pipe()?;
    let (stdout_reader, stdout_writer) = match stdout {
        true => output_pipe().map(|(reader, writer)| (Some(reader), Some(writer)))?,
        false => (None, None),
    };
    Ok((
        CoordinatorEnds {
            socket: ours,
            stderr: reader,
            stdout: stdout_reader,
        },
        WorkerEnds {
            socket: theirs,
            stderr: writer,
            stdout: stdout_writer,
        },
    ))
}

/// A pipe for what a process prints, of which the end that is read does not block.
pub(super) fn output_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
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
