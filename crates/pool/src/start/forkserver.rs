//! `forkserver`: a small process, started by exec once, forks the workers.

use super::{Program, Seat, StartError, spawn};
use crate::process::{Ending, Process};
use guardian::GuardedGroup;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use runtime::{Channel, Incoming, send_all};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use wire::{FromServer, Hello, ToServer};

/// The forkserver as its coordinator holds it.
pub(crate) struct Server {
    process: Process,
    channel: Channel,
    socket: Arc<OwnedFd>,
    greeted: bool,
}

/// What a forkserver says.
pub(crate) enum ServerSaid {
    Forked {
        request: u64,
        process: Process,
    },
    Failed {
        request: u64,
        reason: String,
    },
    Ended {
        pid: u32,
        ending: Ending,
        rss_peak: u64,
    },
    /// It is gone, and its workers with it.
    Gone {
        why: String,
    },
}

impl Server {
    pub(super) fn start(program: &Program, group: GuardedGroup) -> Result<Server, StartError> {
        let (ours, theirs) = socketpair(
            AddressFamily::Unix,
            SockType::Stream,
            None,
            SockFlag::SOCK_CLOEXEC,
        )
        .map_err(io::Error::from)?;
        let process =
            spawn::exec(program, "--forkserver", theirs, None, group).map_err(|source| {
                StartError::Program {
                    path: program.path().to_owned(),
                    source,
                }
            })?;
        let mut hello = Vec::new();
        wire::encode(&Hello::ours(), &mut hello).map_err(io::Error::other)?;
        // One that is gone already is told of by the end of its socket.
        let _ = send_all(ours.as_fd(), &hello, &[]);
        let socket = Arc::new(ours);
        let channel = Channel::with_read_size(Arc::clone(&socket), 4096);
        Ok(Server {
            process,
            channel,
            socket,
            greeted: false,
        })
    }

    /// Asks for a worker on `seat`; requests are small and wait in the socket. Where the forkserver
    /// is gone, the end of its socket will tell, and of what.
    pub(super) fn ask(&mut self, seat: Seat, request: u64) -> Result<(), StartError> {
        let mut bytes = Vec::new();
        wire::encode(&ToServer::Fork { request }, &mut bytes).map_err(io::Error::other)?;
        let descriptors = [seat.socket.as_fd(), seat.stderr.as_fd()];
        match send_all(self.socket.as_fd(), &bytes, &descriptors) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            sent => sent.map_err(|error| StartError::Server(error.to_string())),
        }
    }

    /// What it has said since, without waiting.
    pub(crate) fn listen(&mut self) -> Vec<ServerSaid> {
        let mut said = Vec::new();
        if let Err(why) = self.hear(&mut said) {
            said.push(ServerSaid::Gone { why });
        }
        said
    }

    fn hear(&mut self, said: &mut Vec<ServerSaid>) -> Result<(), String> {
        if self
            .channel
            .receive_now()
            .map_err(|error| error.to_string())?
            == Incoming::End
        {
            return Err(self.ending());
        }
        while let Some(mut frame) = self
            .channel
            .next_frame()
            .map_err(|error| error.to_string())?
        {
            if !self.greeted {
                Hello::accept(frame.body).map_err(|error| error.to_string())?;
                self.greeted = true;
                continue;
            }
            said.push(
                match wire::decode(frame.body).map_err(|error| error.to_string())? {
                    FromServer::Forked { request, pid } => {
                        let pidfd = frame
                            .take_descriptor()
                            .ok_or("no pidfd came with a worker")?;
                        ServerSaid::Forked {
                            request,
                            process: Process::grandchild(pid, pidfd),
                        }
                    }
                    FromServer::Failed { request, reason } => ServerSaid::Failed {
                        request,
                        reason: reason.to_owned(),
                    },
                    FromServer::Ended {
                        pid,
                        exit,
                        signal,
                        rss_peak,
                    } => {
                        let ending = match (exit, signal) {
                            (Some(code), None) => Ending::Exit(code),
                            (None, Some(signal)) => Ending::Signal(signal),
                            _ => return Err(format!("worker {pid} ended in no way or in two")),
                        };
                        ServerSaid::Ended {
                            pid,
                            ending,
                            rss_peak,
                        }
                    }
                },
            );
        }
        Ok(())
    }

    /// Signals the forkserver and its group, in which its workers are not.
    pub(crate) fn signal(&self, signal: i32) {
        self.process.signal(signal);
    }

    fn ending(&mut self) -> String {
        self.process.signal(libc::SIGKILL);
        let pid = self.process.pid();
        match self.process.wait() {
            Ok(Some(ending)) => format!("the forkserver (pid {pid}) {ending}"),
            _ => format!("the forkserver (pid {pid}) is gone"),
        }
    }
}

impl AsFd for Server {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
