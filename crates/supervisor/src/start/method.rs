//! Start methods and worker programs, as a caller names them.

use super::surroundings::{FIRST_INHERITED, Surroundings};
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// How workers are started.
#[derive(Debug, Clone)]
pub enum StartMethod {
    /// The child is a fork of this process, with its memory (copy-on-write).
    Fork,
    /// A program is started by exec.
    Spawn(Program),
    /// A small process, started once by exec, forks the workers.
    ForkServer(Program),
    /// External workers connect: programs that [`runtime::run`], started by hand with
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
    /// The same, with a program's path that stays valid when this process changes its directory.
    pub fn resolved(self) -> StartMethod {
        match self {
            StartMethod::Spawn(program) => StartMethod::Spawn(program.resolved()),
            StartMethod::ForkServer(program) => StartMethod::ForkServer(program.resolved()),
            other => other,
        }
    }

    /// Whether workers are this program's own image, started by exec.
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
    pub(super) args: Vec<OsString>,
    /// Whether it is this process's own image.
    pub(super) itself: bool,
    /// Whether its socket is named in its environment rather than on its command line.
    pub(super) by_environment: bool,
    /// The process that runs already, if it does.
    running: Option<Running>,
    pub(super) surroundings: Surroundings,
}

/// A forkserver that its program has started itself: it is there once.
#[derive(Clone)]
struct Running(Arc<Mutex<Option<(u32, OwnedFd)>>>);

impl PartialEq for Running {
    fn eq(&self, other: &Running) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Running {}

impl fmt::Debug for Running {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Running")
    }
}

/// This process's image, whatever has happened to the file since: the kernel resolves it in the child,
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
            running: None,
            surroundings: Surroundings::default(),
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

    /// A forkserver that runs already: a child of this process that leads a process group of its own and
    /// serves [`Endpoint::ForkServer`](runtime::Endpoint) on the other end of `socket`. A program that
    /// forks itself while it may (one with an interpreter, say) has its workers forked from that state.
    /// Only for [`StartMethod::ForkServer`]; the pool does not start it again.
    #[must_use]
    pub fn running(pid: u32, socket: OwnedFd) -> Program {
        let mut program = Program::new("the snapshot of this process");
        program.running = Some(Running(Arc::new(Mutex::new(Some((pid, socket))))));
        program
    }

    /// The forkserver that runs already: `None` where the program is to be started.
    pub(super) fn take_running(&self) -> Option<io::Result<(u32, OwnedFd)>> {
        let running = self.running.as_ref()?;
        let taken = running
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let gone = || io::Error::other("it has ended, and cannot be started again");
        Some(taken.ok_or_else(gone))
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

    /// Sets a variable of the program's environment, which is otherwise that of this process when
    /// the pool is made.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Program {
        self.surroundings.change(name.into(), Some(value.into()));
        self
    }

    /// Removes a variable from the program's environment.
    #[must_use]
    pub fn env_remove(mut self, name: impl Into<OsString>) -> Program {
        self.surroundings.change(name.into(), None);
        self
    }

    /// The directory that the program starts in; by default that of this process when a worker is
    /// started.
    #[must_use]
    pub fn current_dir(mut self, directory: impl Into<PathBuf>) -> Program {
        self.surroundings.enter(directory.into());
        self
    }

    /// Gives the program a descriptor, under this number. All workers share what is open there.
    ///
    /// # Panics
    /// Where `number` is below [`FIRST_INHERITED`](crate::start::FIRST_INHERITED): those are taken.
    #[must_use]
    pub fn inherit_fd(mut self, descriptor: OwnedFd, number: RawFd) -> Program {
        assert!(
            number >= FIRST_INHERITED,
            "descriptor {number}: from {FIRST_INHERITED} on"
        );
        self.surroundings.give(descriptor, number);
        self
    }

    /// Where the program is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn resolved(mut self) -> Program {
        if self.running.is_some() {
            return self;
        }
        // Fails only without a current directory; then a relative path names nothing either.
        if let Ok(path) = std::path::absolute(&self.path) {
            self.path = path;
        }
        self.surroundings.take();
        self
    }

    /// What to execute.
    pub(super) fn image(&self) -> &Path {
        if self.itself {
            Path::new(OWN_IMAGE)
        } else {
            &self.path
        }
    }
}
