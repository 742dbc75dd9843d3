//! Start methods and worker programs, as a caller names them.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

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

/// A worker program and what stands on its command line before the pool's own arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    path: PathBuf,
    pub(super) args: Vec<OsString>,
}

impl Program {
    /// The program at `path`; its `main` calls [`runtime::run`], or does as that does.
    pub fn new(path: impl Into<PathBuf>) -> Program {
        Program {
            path: path.into(),
            args: Vec::new(),
        }
    }

    /// This program itself again.
    ///
    /// # Errors
    /// Where /proc cannot be read.
    pub fn current() -> io::Result<Program> {
        Ok(Program::new(std::env::current_exe()?))
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
}
