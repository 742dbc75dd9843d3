//! `forkserver`: a small process, started by exec once, forks the workers. Nothing here waits for it:
//! requests that its socket does not take are kept.

use super::ends::{WorkerEnds, output_pipe};
use super::error::StartError;
use super::method::Program;
use super::spawn;
use crate::lines::Lines;
use crate::process::{Ending, Process};
use guardian::GuardedGroup;
use nix::errno::Errno;
use nix::sys::socket::{
    self, AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, sendmsg, socketpair,
};
use runtime::{Channel, Incoming};
use std::collections::VecDeque;
use std::io::{self, IoSlice, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;
use wire::{FromServer, Hello, ToServer};

/// The forkserver as its coordinator holds it.
pub(crate) struct Server {
    process: Process,
    channel: Channel,
    socket: Arc<OwnedFd>,
    /// Its own; workers have theirs.
    stderr: Lines,
    greeted: bool,
    /// What its socket did not take yet.
    requests: VecDeque<Request>,
    watches_room: bool,
}

/// A frame on its way to the forkserver.
struct Request {
    bytes: Vec<u8>,
    sent: usize,
    /// The ends of a worker, which go with the first byte.
    ends: Option<WorkerEnds>,
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
        permanent: bool,
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
        let (stderr, writer) = output_pipe()?;
        let (process, ours) =
            Server::process(program, writer, group).map_err(|source| StartError::Program {
                path: program.path().to_owned(),
                source,
            })?;
        let mut hello = Vec::new();
        wire::encode(&Hello::ours(), &mut hello).map_err(io::Error::other)?;
        let socket = Arc::new(ours);
        let channel = Channel::with_read_size(Arc::clone(&socket), 4096);
        Ok(Server {
            process,
            channel,
            socket,
            stderr: Lines::new(stderr),
            greeted: false,
            requests: VecDeque::from([Request {
                bytes: hello,
                sent: 0,
                ends: None,
            }]),
            watches_room: false,
        })
    }

    /// Its process, started or taken over, and our end of its socket. One that is taken over keeps the
    /// stderr that it has.
    fn process(
        program: &Program,
        stderr: OwnedFd,
        group: GuardedGroup,
    ) -> io::Result<(Process, OwnedFd)> {
        if let Some(running) = program.take_running() {
            let (pid, socket) = running?;
            let pidfd = spawn::pidfd_open(pid as libc::pid_t)?;
            return Ok((Process::forked(pid, pidfd, group), socket));
        }
        let (ours, theirs) = socketpair(
            AddressFamily::Unix,
            SockType::Stream,
            None,
            SockFlag::SOCK_CLOEXEC,
        )?;
        let ends = WorkerEnds {
            socket: theirs,
            stderr,
            stdout: None,
        };
        let process = spawn::exec(program, "--forkserver", ends, group)?;
        Ok((process, ours))
    }

    /// Asks for a worker on `ends`; [`pump`](Self::pump) sends it. Where the forkserver is gone, the end
    /// of its socket will tell, and of what.
    pub(super) fn ask(&mut self, ends: WorkerEnds, request: u64) -> Result<(), StartError> {
        let mut bytes = Vec::new();
        let message = match ends.stdout {
            None => ToServer::Fork { request },
            Some(_) => ToServer::ForkPiped { request },
        };
        wire::encode(&message, &mut bytes).map_err(io::Error::other)?;
        self.requests.push_back(Request {
            bytes,
            sent: 0,
            ends: Some(ends),
        });
        Ok(())
    }

    /// Sends what the socket takes. Gives whether to wait for room, where that has changed.
    pub(crate) fn pump(&mut self) -> Option<bool> {
        let mut full = false;
        while let Some(request) = self.requests.front_mut() {
            let ends = request.ends.iter().flat_map(|ends| {
                let all = [Some(&ends.socket), Some(&ends.stderr), ends.stdout.as_ref()];
                all.into_iter().flatten()
            });
            let descriptors: Vec<RawFd> = ends.map(AsRawFd::as_raw_fd).collect();
            match send_now(
                self.socket.as_fd(),
                &request.bytes[request.sent..],
                &descriptors,
            ) {
                // Also where too many descriptors are under way: the forkserver takes them.
                Ok(0) | Err(Errno::ETOOMANYREFS | Errno::ENOMEM | Errno::ENOBUFS) => {
                    full = true;
                    break;
                }
                Ok(count) => {
                    request.ends = None;
                    request.sent += count;
                    if request.sent == request.bytes.len() {
                        self.requests.pop_front();
                    }
                }
                // It is gone, and the end of its socket says so.
                Err(_) => {
                    self.requests.clear();
                    break;
                }
            }
        }
        let changed = full != self.watches_room;
        self.watches_room = full;
        changed.then_some(full)
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
        let incoming = self.channel.receive_now();
        if incoming.map_err(|error| error.to_string())? == Incoming::End {
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
                    FromServer::Failed {
                        request,
                        reason,
                        permanent,
                    } => ServerSaid::Failed {
                        request,
                        reason: reason.to_owned(),
                        permanent,
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

    pub(crate) fn stderr(&self) -> &Lines {
        &self.stderr
    }

    /// Passes on what it has printed. `false` once it can print no more.
    pub(crate) fn read_stderr(&mut self) -> bool {
        self.stderr.read(pass_on)
    }

    /// How it ended, and what it printed: its own words say why.
    fn ending(&mut self) -> String {
        self.process.signal(libc::SIGKILL);
        let pid = self.process.pid();
        let mut text = match self.process.wait() {
            Ok(Some(ending)) => format!("the forkserver (pid {pid}) {ending}"),
            _ => format!("the forkserver (pid {pid}) is gone"),
        };
        self.stderr.read_rest(pass_on);
        let lines = self.stderr.last_lines();
        if !lines.is_empty() {
            text.push_str("; its stderr: ");
            text.push_str(&lines.join(" | "));
        }
        text
    }
}

/// To our own stderr, where it would have gone unread otherwise.
fn pass_on(line: &str) {
    // Nobody may read it, and that is no failure.
    let _ = writeln!(io::stderr(), "{line}");
}

impl AsFd for Server {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// One send that does not wait; 0 where the socket is full.
fn send_now(socket: BorrowedFd<'_>, bytes: &[u8], descriptors: &[RawFd]) -> nix::Result<usize> {
    let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
    let sent = if descriptors.is_empty() {
        socket::send(socket.as_raw_fd(), bytes, flags)
    } else {
        let (parts, rights) = (
            [IoSlice::new(bytes)],
            [ControlMessage::ScmRights(descriptors)],
        );
        sendmsg::<()>(socket.as_raw_fd(), &parts, &rights, flags, None)
    };
    match sent {
        Err(Errno::EAGAIN | Errno::EINTR) => Ok(0),
        sent => sent,
    }
}
