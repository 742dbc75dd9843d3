//! The coordinator's side of one worker's socket: frames in, frames and streams out, never
//! waiting; and the regions that the worker knows.

mod lane;
mod outbox;
mod outgoing;

pub(crate) use lane::{Lane, Marker};
use nix::errno::Errno;
use nix::sys::socket::{self, ControlMessage, MsgFlags, sendmsg};
pub(crate) use outbox::{Outbox, Pumped};
use runtime::Channel;
use std::collections::HashSet;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;
use wire::RegionId;

/// Bytes taken from a worker's socket at once.
const READ_SIZE: usize = 64 * 1024;

/// A worker's socket.
pub(crate) struct Connection {
    socket: Arc<OwnedFd>,
    /// Out while its messages are being dealt with.
    channel: Option<Channel>,
    pub outbox: Outbox,
    /// The regions that the worker knows.
    pub knows: HashSet<RegionId>,
    /// How often one was introduced.
    pub attached: u32,
}

impl Connection {
    pub(crate) fn new(socket: OwnedFd) -> Connection {
        let socket = Arc::new(socket);
        let channel = Channel::without_descriptors(Arc::clone(&socket), READ_SIZE);
        Connection {
            socket,
            channel: Some(channel),
            outbox: Outbox::default(),
            knows: HashSet::new(),
            attached: 0,
        }
    }

    /// Takes out what has been received; to be put back.
    pub(crate) fn take_channel(&mut self) -> Option<Channel> {
        self.channel.take()
    }

    pub(crate) fn put_back(&mut self, channel: Channel) {
        self.channel = Some(channel);
    }

    /// How many reads take up all that lies in the socket now. A frame may take two, and one more
    /// finds the end.
    pub(crate) fn reads_waiting(&self) -> usize {
        let mut bytes: libc::c_int = 0;
        // SAFETY: the kernel writes a number to a place of its size.
        let asked = unsafe { libc::ioctl(self.socket.as_raw_fd(), libc::FIONREAD, &raw mut bytes) };
        let bytes = if asked == 0 { bytes.max(0) as usize } else { 0 };
        4 * (bytes / READ_SIZE + 1)
    }

    /// Sends as much as the socket takes now.
    pub(crate) fn pump(&mut self) -> io::Result<Pumped> {
        self.outbox.pump(self.socket.as_fd())
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// One send of `bytes`; 0 where the socket is full.
fn send(socket: BorrowedFd<'_>, bytes: &[u8], descriptors: &[RawFd]) -> io::Result<usize> {
    let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
    let raw = socket.as_raw_fd();
    let sent = if descriptors.is_empty() {
        socket::send(raw, bytes, flags)
    } else {
        let parts = [IoSlice::new(bytes)];
        sendmsg::<()>(
            raw,
            &parts,
            &[ControlMessage::ScmRights(descriptors)],
            flags,
            None,
        )
    };
    match sent {
        Ok(count) => Ok(count),
        Err(Errno::EAGAIN | Errno::EINTR) => Ok(0),
        Err(error) => Err(error.into()),
    }
}
