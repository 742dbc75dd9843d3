//! Start methods: how a worker comes to be. One method, one file.

mod fork;
mod forkserver;
mod listen;
mod spawn;

pub(crate) use forkserver::{Server, ServerSaid};
pub use listen::ListenError;
pub(crate) use listen::{Door, Guest};

use crate::process::Process;
use guardian::{GuardedGroup, Guardian, GuardianError};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, setsockopt, socketpair, sockopt};
use runtime::{ForkError, Inherited, limit_hint};
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use task::Registry;
use thiserror::Error;

/// Bytes that a worker's socket holds on their way to it. More than the kernel's default, so
/// that a worker can compute on a stream while the next part is being written.
const SEND_BUFFER: usize = 4 * 1024 * 1024;

/// How workers come to be.
#[derive(Debug, Clone)]
pub enum StartMethod {
    /// The child is this process again, with its memory as it is (copy-on-write).
    Fork,
    /// A program is started afresh.
    Spawn(Program),
    /// A small process, started afresh once, forks the workers.
    ForkServer(Program),
    /// Workers come by themselves: programs that [`runtime::run`], started by hand with
    /// `--connect` and this path. The socket is made in a directory that is the user's own
    /// (mode 0700), made with it where it is not there, and both go with the pool.
    Listen(PathBuf),
}

impl StartMethod {
    /// The stem of its workers' names: `Fork`, `Spawn`, `ForkServer` or `Listen`.
    pub fn stem(&self) -> &'static str {
        match self {
            StartMethod::Fork => "Fork",
            StartMethod::Spawn(_) => "Spawn",
            StartMethod::ForkServer(_) => "ForkServer",
            StartMethod::Listen(_) => "Listen",
        }
    }
}

impl StartMethod {
    /// Whether workers are this program's own image, started afresh.
    pub(crate) fn is_own_program(&self) -> bool {
        match self {
            StartMethod::Spawn(program) | StartMethod::ForkServer(program) => program.itself,
            StartMethod::Fork | StartMethod::Listen(_) => false,
        }
    }
}

/// A worker program and what stands on its command line before the pool's own arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    path: PathBuf,
    args: Vec<OsString>,
    /// Whether it is this process's own image.
    itself: bool,
    /// Whether its socket is named in its environment rather than on its command line.
    by_environment: bool,
}

/// This process's image, whatever has become of the file since: the kernel resolves it in the child,
/// which still shares the image when it executes it.
const OWN_IMAGE: &str = "/proc/self/exe";

impl Program {
    /// The program at `path`; its `main` calls [`runtime::run`], or does as that does.
    pub fn new(path: impl Into<PathBuf>) -> Program {
        Program {
            path: path.into(),
            args: Vec::new(),
            itself: false,
            by_environment: false,
        }
    }

    /// This program itself again: the image that runs now, also where its file has been replaced or
    /// removed since.
    ///
    /// # Errors
    /// Where /proc cannot be read.
    pub fn current() -> io::Result<Program> {
        let mut program = Program::new(std::env::current_exe()?);
        program.itself = true;
        Ok(program)
    }

    /// Names the socket in the environment ([`wire::WORKER_VARIABLE`]) rather than on the command
    /// line: for programs that have arguments of their own.
    #[must_use]
    pub fn by_environment(mut self) -> Program {
        self.by_environment = true;
        self
    }

    /// Adds an argument, such as the name of a hidden subcommand.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Program {
        self.args.push(arg.into());
        self
    }

    /// Where the program is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What to execute.
    fn image(&self) -> &Path {
        if self.itself {
            Path::new(OWN_IMAGE)
        } else {
            &self.path
        }
    }
}

/// Why a worker could not be started.
#[derive(Debug, Error)]
pub enum StartError {
    /// This process must not be forked.
    #[error(transparent)]
    Fork(#[from] ForkError),
    /// The program could not be started.
    #[error("cannot start {path}: {source}{hint}", hint = limit_hint(.source))]
    Program {
        /// The program.
        path: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
    /// Nobody would end the worker if this process were killed.
    #[error(transparent)]
    Guardian(#[from] GuardianError),
    /// Sockets, pipes or descriptors have run out.
    #[error("cannot start a worker: {0}{hint}", hint = limit_hint(.0))]
    Resources(#[from] io::Error),
    /// The forkserver failed, or could not fork.
    #[error("the forkserver could not start a worker: {0}")]
    Server(String),
    /// No socket could be opened for workers.
    #[error(transparent)]
    Listen(#[from] ListenError),
}

/// A worker's end of what joins it with its coordinator.
pub(crate) struct Seat {
    pub(crate) socket: OwnedFd,
    pub(crate) stderr: OwnedFd,
}

/// The coordinator's end of the same.
pub(crate) struct Wiring {
    pub(crate) socket: OwnedFd,
    pub(crate) stderr: OwnedFd,
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
    let (reader, writer) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
    set_nonblocking(&reader)?;
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

fn set_nonblocking(fd: &OwnedFd) -> io::Result<()> {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    let flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?);
    fcntl(fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}

/// What starting needs of the pool.
pub(crate) struct Starter {
    pub(crate) method: StartMethod,
    pub(crate) registry: Registry,
    pub(crate) inherited: Inherited,
    pub(crate) threads_allowed: bool,
    pub(crate) guardian: Guardian,
    /// The forkserver, once it runs.
    pub(crate) server: Option<Server>,
}

/// A worker that has been started, or has been asked for.
pub(crate) enum Started {
    Now(Process),
    /// The forkserver will tell of it by the number of the request. Then it is to be guarded.
    Soon(GuardedGroup),
}

impl Starter {
    /// Starts a worker on `seat`. `request` names it to a forkserver.
    pub(crate) fn start(&mut self, seat: Seat, request: u64) -> Result<Started, StartError> {
        let group = self.guardian.group()?;
        match &self.method {
            StartMethod::Fork => {
                let parts = (&self.registry, &self.inherited);
                fork::start(seat, group, parts, self.threads_allowed).map(Started::Now)
            }
            StartMethod::Spawn(program) => spawn::start(program, seat, group).map(Started::Now),
            StartMethod::ForkServer(program) => {
                let server = match &mut self.server {
                    Some(server) => server,
                    none => none.insert(Server::start(program, self.guardian.group()?)?),
                };
                server.ask(seat, request)?;
                Ok(Started::Soon(group))
            }
            StartMethod::Listen(_) => unreachable!("workers come by themselves"),
        }
    }
}
