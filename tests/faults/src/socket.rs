//! The worker's own socket, behind the back of what serves on it.

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{Shutdown, shutdown};
use std::os::fd::{AsRawFd, BorrowedFd};

/// Writes bytes without a frame; gives up where the peer has closed the socket.
pub(crate) fn write(mut bytes: &[u8]) {
    let socket = find();
    while !bytes.is_empty() {
        match nix::unistd::write(socket, bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => {
                let mut room = [PollFd::new(socket, PollFlags::POLLOUT)];
                let _ = poll(&mut room, PollTimeout::NONE);
            }
            Err(_) => return,
        }
    }
}

/// Closes both directions.
pub(crate) fn close() {
    // Closed already is closed too.
    let _ = shutdown(find().as_raw_fd(), Shutdown::Both);
}

/// The lowest socket: a worker has no other descriptors but this one, its standard streams and
/// what calls bring.
fn find() -> BorrowedFd<'static> {
    for number in 3..1024 {
        // SAFETY: the number is only asked about until it is known to be an open socket, which
        // the serving loop keeps for as long as this process lives.
        let fd = unsafe { BorrowedFd::borrow_raw(number) };
        let is_socket = nix::sys::stat::fstat(fd)
            .is_ok_and(|stat| stat.st_mode & libc::S_IFMT == libc::S_IFSOCK);
        if is_socket {
            return fd;
        }
    }
    panic!("a worker without a socket");
}
