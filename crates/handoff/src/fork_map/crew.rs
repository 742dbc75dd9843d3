//! The forked processes as their parent holds them: started, read from, reaped.

use super::frame::{self, Frame, Kind, Reader};
use super::share::STRIDE;
use crate::call::undecodable;
use crate::error::{Death, Ending};
use crate::{Error, ErrorKind, encoding};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use runtime::ForkError;
use serde::de::DeserializeOwned;
use shmem::Board;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::atomic::Ordering;
use task::arrays::Parent;

/// Bytes that a pipe holds, where the kernel allows it.
const PIPE: usize = 1 << 20;

/// The processes, each with its pipe. Dropping it kills and reaps them.
pub(super) struct Crew<'a> {
    board: &'a Board,
    items: usize,
    children: Vec<Child>,
}

struct Child {
    pid: u32,
    /// `None` where it was gone before it could be asked for, which takes an ignored SIGCHLD.
    pidfd: Option<OwnedFd>,
    /// `None` once it has said all, or its pipe has ended.
    pipe: Option<OwnedFd>,
    reader: Reader,
    /// It has said that there is no more.
    finished: bool,
    reaped: bool,
}

impl<'a> Crew<'a> {
    pub(super) fn new(board: &'a Board, items: usize) -> Crew<'a> {
        Crew {
            board,
            items,
            children: Vec::new(),
        }
    }

    /// Forks a child that runs `live` with its end of a pipe and our process id.
    pub(super) fn start(&mut self, live: impl FnOnce((OwnedFd, u32)) -> i32) -> Result<(), Error> {
        let failed = |errno: Errno| {
            let error = std::io::Error::from(errno);
            let text = format!("cannot make a pipe: {error}{}", runtime::limit_hint(&error));
            Error::new(ErrorKind::Start, text)
        };
        let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC).map_err(failed)?;
        fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(failed)?;
        // The kernel grants as much as its own limit allows.
        let _ = fcntl(&writer, FcntlArg::F_SETPIPE_SZ(PIPE as i32));
        let parent = std::process::id();
        // Ours, and of no use to the child; everything else stays open there.
        let ours = [reader.as_raw_fd()].into_iter().chain(
            self.children
                .iter()
                .flat_map(|child| child.pipe.iter().chain(&child.pidfd))
                .map(AsRawFd::as_raw_fd),
        );
        let ours: Vec<_> = ours.collect();
        let forked = runtime::fork_from(Parent::Waits, false, || {
            for fd in ours {
                let _ = nix::unistd::close(fd);
            }
            live((writer, parent))
        });
        let (pid, pidfd) = match forked {
            Ok(forked) => (forked.pid, Some(forked.pidfd)),
            Err(ForkError::Kernel(error)) if error.raw_os_error() == Some(libc::ESRCH) => (0, None),
            Err(error) => return Err(Error::new(ErrorKind::Start, error.to_string())),
        };
        self.children.push(Child {
            pid,
            reaped: pidfd.is_none(),
            pidfd,
            pipe: Some(reader),
            reader: Reader::default(),
            finished: false,
        });
        Ok(())
    }

    /// Waits for all results.
    pub(super) fn gather<R: DeserializeOwned>(mut self) -> Result<Vec<R>, Error> {
        let mut results: Vec<Option<R>> = Vec::new();
        results.resize_with(self.items, || None);
        while self.children.iter().any(|child| !child.finished) {
            for number in self.wait()? {
                let child = &mut self.children[number];
                let has_ended = child.has_ended()?;
                child.read(has_ended, &mut results)?;
                if has_ended && !child.finished {
                    return Err(self.death(number));
                }
            }
        }
        for child in &mut self.children {
            child.reap();
        }
        let all: Option<Vec<R>> = results.into_iter().collect();
        all.ok_or_else(|| frame::broken("fewer results than items"))
    }

    /// The children that have written something, or have ended.
    fn wait(&self) -> Result<Vec<usize>, Error> {
        let readable = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let mut fds = Vec::new();
        let mut whose = Vec::new();
        for (number, child) in self.children.iter().enumerate() {
            if child.finished {
                continue;
            }
            if child.pidfd.is_none() {
                return Ok(vec![number]);
            }
            let both = child.pipe.iter().chain(&child.pidfd);
            fds.extend(both.map(|fd| readable(fd.as_fd())));
            whose.resize(fds.len(), number);
        }
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => {
                let text = format!("cannot wait for forked processes: {errno}");
                return Err(Error::new(ErrorKind::System, text));
            }
        }
        let is_due = |fd: &PollFd<'_>| fd.revents().is_some_and(|events| !events.is_empty());
        let due = fds.iter().zip(whose).filter(|(fd, _)| is_due(fd));
        let mut due: Vec<usize> = due.map(|(_, number)| number).collect();
        due.dedup();
        Ok(due)
    }

    /// Why a child that ended early did.
    fn death(&mut self, number: usize) -> Error {
        let word = self.board.word((number + 1) * STRIDE);
        let item = word.load(Ordering::Acquire).checked_sub(1);
        let child = &mut self.children[number];
        let (ending, rss_peak) = child.reap();
        let death = Death {
            worker: format!("ForkMap-{}", number + 1),
            pid: child.pid,
            ending,
            deaths: 1,
            reason: None,
            stderr: Vec::new(),
            rss_peak,
            out_of_memory: false,
        };
        let pid = match child.pid {
            0 => String::new(),
            pid => format!(" (pid {pid})"),
        };
        let text = format!("its process{pid} {ending}");
        let error = Error::of_death(text, death);
        match item {
            Some(item) if (item as usize) < self.items => error.at_item(item as usize),
            _ => error,
        }
    }
}

impl Child {
    /// Takes what lies in the pipe; all of it where the process `has_ended`, else one turn's worth.
    fn read<R: DeserializeOwned>(
        &mut self,
        has_ended: bool,
        results: &mut [Option<R>],
    ) -> Result<(), Error> {
        while let Some(pipe) = &self.pipe {
            let read = self.reader.fill(|buffer| nix::unistd::read(pipe, buffer));
            match read {
                Ok(0) => self.pipe = None,
                Ok(_) => {}
                Err(Errno::EINTR) => continue,
                Err(Errno::EAGAIN) => break,
                Err(errno) => {
                    let text = format!("cannot read results: {errno}");
                    return Err(Error::new(ErrorKind::System, text));
                }
            }
            while let Some(Frame { kind, index, body }) = self.reader.next()? {
                match kind {
                    Kind::Result => {
                        let result = results
                            .get_mut(index)
                            .ok_or_else(|| frame::broken("an index out of range"))?;
                        let decoded = encoding::decode(body);
                        let failed = |why: String| undecodable("fork_map", &why).at_item(index);
                        *result = Some(decoded.map_err(failed)?);
                    }
                    Kind::Panicked => return Err(frame::panicked(body)?.at_item(index)),
                    Kind::NotEncoded => return Err(frame::not_encoded(body)?.at_item(index)),
                    Kind::End => {
                        self.finished = true;
                        self.pipe = None;
                        break;
                    }
                }
            }
            if !has_ended {
                break;
            }
        }
        Ok(())
    }

    fn has_ended(&self) -> Result<bool, Error> {
        let Some(pidfd) = &self.pidfd else {
            return Ok(true);
        };
        let mut fds = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
        loop {
            match poll(&mut fds, PollTimeout::ZERO) {
                Ok(ready) => return Ok(ready == 1),
                Err(Errno::EINTR) => {}
                Err(errno) => {
                    let text = format!("cannot wait for a forked process: {errno}");
                    return Err(Error::new(ErrorKind::System, text));
                }
            }
        }
    }

    /// Waits for its end; how it ended, and the most memory that it had.
    fn reap(&mut self) -> (Ending, Option<u64>) {
        let pidfd = match &self.pidfd {
            Some(pidfd) if !std::mem::replace(&mut self.reaped, true) => pidfd,
            _ => return (Ending::Unknown, None),
        };
        match runtime::reap(pidfd.as_fd(), true) {
            Ok(Some(reaped)) => {
                let ending = match reaped.ending {
                    Ok(code) => Ending::Exit(code),
                    Err(signal) => Ending::Signal(signal),
                };
                (ending, Some(reaped.rss_peak))
            }
            // Where SIGCHLD is ignored, the kernel reaps, and the status is lost.
            _ => (Ending::Unknown, None),
        }
    }
}

impl Drop for Crew<'_> {
    fn drop(&mut self) {
        for child in self.children.iter().filter(|child| !child.reaped) {
            // Not reaped, so the number is still its own.
            let _ = kill(Pid::from_raw(child.pid as i32), Signal::SIGKILL);
        }
        for child in &mut self.children {
            child.reap();
        }
    }
}
