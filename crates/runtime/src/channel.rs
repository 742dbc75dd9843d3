//! A stream socket that carries frames and, beside them, descriptors (SCM_RIGHTS).

use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, recv, recvmsg, send, sendmsg,
};
use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use thiserror::Error;
use wire::{FrameBuffer, FrameError};

/// Descriptors that may wait for their frame; more at once is a peer gone mad, and are closed.
const MAX_DESCRIPTORS: usize = 8;

/// Bytes taken from the socket at once. Smaller than a core's second-level cache, so that a
/// streamed input is still there when the task reads it.
const READ_SIZE: usize = 256 * 1024;

/// Why nothing more can be read.
#[derive(Debug, Error)]
pub enum ChannelError {
    /// The bytes are not frames.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The socket failed.
    #[error("the socket failed: {0}")]
    Io(#[from] io::Error),
}

/// What one read brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incoming {
    /// Some bytes, and there may be more.
    Bytes,
    /// Some bytes, after which there were no more.
    Last,
    /// Nothing now; a non-blocking socket would have waited.
    Nothing,
    /// The peer has closed its end.
    End,
}

/// A frame, with the descriptors that came with it or before it.
#[derive(Debug)]
pub struct Frame<'a> {
    /// The message, to be decoded.
    pub body: &'a [u8],
    descriptors: &'a mut VecDeque<OwnedFd>,
}

impl<'a> Frame<'a> {
    /// The descriptor that came longest ago. To be called only for messages that say one comes.
    pub fn take_descriptor(&mut self) -> Option<OwnedFd> {
        self.descriptors.pop_front()
    }
}

/// The receiving half of a socket, with the frames and descriptors that have come.
#[derive(Debug)]
pub struct Channel {
    socket: Arc<OwnedFd>,
    frames: FrameBuffer,
    descriptors: VecDeque<OwnedFd>,
    /// Where descriptors arrive; of no length where none are wanted.
    control: Vec<u8>,
}

impl Channel {
    /// Over a connected stream socket, blocking or not, as its owner has set it.
    pub fn new(socket: Arc<OwnedFd>) -> Channel {
        Channel::with_read_size(socket, READ_SIZE)
    }

    /// As [`new`](Self::new), taking at most `bytes` from the socket at once.
    pub fn with_read_size(socket: Arc<OwnedFd>, bytes: usize) -> Channel {
        Channel {
            socket,
            frames: FrameBuffer::with_capacity(bytes),
            descriptors: VecDeque::new(),
            control: nix::cmsg_space!([RawFd; MAX_DESCRIPTORS]),
        }
    }

    /// As [`with_read_size`](Self::with_read_size), from a peer that has no descriptors to send:
    /// any that come are closed unseen.
    pub fn without_descriptors(socket: Arc<OwnedFd>, bytes: usize) -> Channel {
        Channel {
            control: Vec::new(),
            ..Channel::with_read_size(socket, bytes)
        }
    }

    /// One read from the socket, as it blocks or not.
    ///
    /// # Errors
    /// [`ChannelError`]; a connection reset by the peer counts as its end.
    pub fn receive(&mut self) -> Result<Incoming, ChannelError> {
        self.receive_with(MsgFlags::empty())
    }

    /// One read from the socket that never waits.
    ///
    /// # Errors
    /// [`ChannelError`]; a connection reset by the peer counts as its end.
    pub fn receive_now(&mut self) -> Result<Incoming, ChannelError> {
        self.receive_with(MsgFlags::MSG_DONTWAIT)
    }

    fn receive_with(&mut self, flags: MsgFlags) -> Result<Incoming, ChannelError> {
        let space = self.frames.space();
        let most = space.len();
        let received = if self.control.is_empty() {
            recv(self.socket.as_raw_fd(), space, flags)
        } else {
            self.receive_with_descriptors(flags)
        };
        let count = match received {
            Ok(count) => count,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(Incoming::Nothing),
            Err(Errno::ECONNRESET) => return Ok(Incoming::End),
            Err(error) => return Err(ChannelError::Io(error.into())),
        };
        self.frames.filled(count);
        Ok(match count {
            0 => Incoming::End,
            // What comes with descriptors is read up to these.
            _ if count == most || !self.control.is_empty() => Incoming::Bytes,
            _ => Incoming::Last,
        })
    }

    fn receive_with_descriptors(&mut self, flags: MsgFlags) -> nix::Result<usize> {
        let mut parts = [IoSliceMut::new(self.frames.space())];
        let message = recvmsg::<()>(
            self.socket.as_raw_fd(),
            &mut parts,
            Some(&mut self.control),
            flags | MsgFlags::MSG_CMSG_CLOEXEC,
        )?;
        let count = message.bytes;
        if let Ok(control) = message.cmsgs() {
            for item in control {
                if let ControlMessageOwned::ScmRights(received) = item {
                    for raw in received {
                        // SAFETY: the kernel has just made this descriptor for us.
                        let descriptor = unsafe { OwnedFd::from_raw_fd(raw) };
                        if self.descriptors.len() < MAX_DESCRIPTORS {
                            self.descriptors.push_back(descriptor);
                        }
                    }
                }
            }
        }
        Ok(count)
    }

    /// Whether [`next_frame`](Self::next_frame) would give a frame without another read.
    ///
    /// # Errors
    /// [`ChannelError::Frame`].
    pub fn is_ready(&mut self) -> Result<bool, ChannelError> {
        Ok(self.frames.is_ready()?)
    }

    /// The next whole frame that has come.
    ///
    /// # Errors
    /// [`ChannelError::Frame`].
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, ChannelError> {
        let descriptors = &mut self.descriptors;
        Ok(self
            .frames
            .next_body()?
            .map(|body| Frame { body, descriptors }))
    }

    /// Reads, blocking, until a frame is whole; `None` at the end of the stream.
    ///
    /// # Errors
    /// [`ChannelError`], also where the stream ends inside a frame.
    pub fn wait_frame(&mut self) -> Result<Option<Frame<'_>>, ChannelError> {
        while !self.frames.is_ready()? {
            if self.receive()? == Incoming::End {
                self.frames.finish()?;
                return Ok(None);
            }
        }
        self.next_frame()
    }

    /// Bytes that have come and are no whole frame yet, once [`next_frame`](Self::next_frame) gives none.
    pub fn pending(&self) -> usize {
        self.frames.pending()
    }

    /// The end of the stream.
    ///
    /// # Errors
    /// [`ChannelError::Frame`] where it came inside a frame.
    pub fn finish(&self) -> Result<(), ChannelError> {
        Ok(self.frames.finish()?)
    }

    /// Whether a peer's frame was cut off by the end of the stream.
    pub fn has_partial_frame(&self) -> bool {
        self.frames.pending() > 0
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Writes all of `bytes` to a blocking socket, `descriptors` with the first of them.
///
/// # Errors
/// What the socket says; `EPIPE` where the peer is gone (no signal is raised).
pub fn send_all(
    socket: BorrowedFd<'_>,
    mut bytes: &[u8],
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let flags = MsgFlags::MSG_NOSIGNAL;
    let raw: Vec<RawFd> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    let mut rights = (!raw.is_empty()).then_some(ControlMessage::ScmRights(&raw));
    while !bytes.is_empty() {
        let sent = match &rights {
            None => send(socket.as_raw_fd(), bytes, flags),
            Some(rights) => {
                let (parts, rights) = ([IoSlice::new(bytes)], std::slice::from_ref(rights));
                sendmsg::<()>(socket.as_raw_fd(), &parts, rights, flags, None)
            }
        };
        match sent {
            Ok(count) => {
                bytes = &bytes[count..];
                rights = None;
            }
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::{Read, Seek, Write};
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_descriptor_arrives_with_its_frame() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut file = tempfile();
        file.write_all(b"shared").unwrap();
        let mut frame = Vec::new();
        wire::encode(&wire::ToWorker::Detach { region: 1 }, &mut frame).unwrap();
        send_all(ours.as_fd(), &frame, &[]).unwrap();
        frame.clear();
        wire::encode(&wire::ToWorker::Detach { region: 2 }, &mut frame).unwrap();
        send_all(ours.as_fd(), &frame, &[file.as_fd()]).unwrap();
        drop(ours);

        let mut channel = Channel::new(Arc::new(theirs.into()));
        let mut received = None;
        for region in [1, 2] {
            let mut frame = channel.wait_frame().unwrap().unwrap();
            let message: wire::ToWorker = wire::decode(frame.body).unwrap();
            assert_eq!(message, wire::ToWorker::Detach { region });
            if region == 2 {
                received = frame.take_descriptor();
            }
        }
        let mut received = File::from(received.unwrap());
        received.rewind().unwrap();
        let mut text = String::new();
        received.read_to_string(&mut text).unwrap();
        assert_eq!(text, "shared");
        assert!(channel.wait_frame().unwrap().is_none());
    }

    #[test]
    fn a_flood_of_descriptors_is_bounded() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let file = tempfile();
        for _ in 0..4 {
            send_all(ours.as_fd(), &[0; 5], &[file.as_fd(); 5]).unwrap();
        }
        drop(ours);
        let mut channel = Channel::new(Arc::new(theirs.into()));
        while matches!(channel.receive().unwrap(), Incoming::Bytes | Incoming::Last) {}
        assert_eq!(channel.descriptors.len(), MAX_DESCRIPTORS);
    }

    fn tempfile() -> File {
        let flags = nix::sys::memfd::MFdFlags::MFD_CLOEXEC;
        File::from(nix::sys::memfd::memfd_create("test", flags).unwrap())
    }
}
