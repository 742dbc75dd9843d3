//! The worker program, what it is given, and where it prints.

use super::{Builder, StartMethod};
use crate::{Error, ErrorKind};
use pool::Program;
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

impl Builder {
    /// A worker program of one's own in place of this program, for [`StartMethod::Spawn`] and
    /// [`StartMethod::ForkServer`]. It links the crate that has the tasks, and its `main` is
    /// [`handoff::init()`](crate::init).
    pub fn program(mut self, path: impl Into<PathBuf>) -> Builder {
        self.program = Some(path.into());
        self
    }

    /// Adds an argument for the worker program.
    pub fn program_arg(self, arg: impl Into<OsString>) -> Builder {
        let arg = arg.into();
        self.change(move |program| program.arg(arg))
    }

    /// Sets a variable of the worker program's environment. Otherwise that is this process's
    /// when the pool is started.
    pub fn program_env(self, name: impl Into<OsString>, value: impl Into<OsString>) -> Builder {
        let (name, value) = (name.into(), value.into());
        self.change(move |program| program.env(name, value))
    }

    /// Removes a variable from the worker program's environment.
    pub fn program_env_remove(self, name: impl Into<OsString>) -> Builder {
        let name = name.into();
        self.change(move |program| program.env_remove(name))
    }

    /// The directory that the worker program starts in.
    pub fn program_dir(self, directory: impl Into<PathBuf>) -> Builder {
        let directory = directory.into();
        self.change(move |program| program.current_dir(directory))
    }

    /// Whether what workers print on stderr goes to this process's stderr, line by line, after the
    /// worker's name; the default. With a [watcher](Self::watch), the watcher gets the lines instead.
    pub fn stderr(mut self, through: bool) -> Builder {
        self.stderr = through;
        self
    }

    /// Gives each worker a pipe for its stdout, so that lines of several workers do not mix: they go to the
    /// [watcher](Self::watch) ([`What::Stdout`](crate::What::Stdout)) or, without one, to this process's
    /// stdout, each after the worker's name. By default workers have this process's stdout itself. External workers
    /// keep their own, and confined ones print on stderr. A line may come after its task's result.
    pub fn capture_stdout(mut self, capture: bool) -> Builder {
        self.stdout = capture;
        self
    }

    /// Gives the worker program a descriptor under this number, 4 or above. All workers share what is
    /// open there: a file's position, for example.
    ///
    /// # Panics
    /// Where `number` is below 4.
    pub fn inherit_fd(self, descriptor: impl Into<OwnedFd>, number: i32) -> Builder {
        assert!(
            number >= pool::FIRST_INHERITED,
            "descriptor {number}: numbers below {} are taken",
            pool::FIRST_INHERITED
        );
        let descriptor = descriptor.into();
        self.change(move |program| program.inherit_fd(descriptor, number))
    }

    fn change(mut self, change: impl FnOnce(Program) -> Program + Send + 'static) -> Builder {
        self.changes.push(Box::new(change));
        self
    }

    pub(super) fn pool_method(&mut self) -> Result<pool::StartMethod, Error> {
        let changes = std::mem::take(&mut self.changes);
        let started = matches!(self.method, StartMethod::Spawn | StartMethod::ForkServer);
        if !started && !changes.is_empty() {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "start methods Fork and Listen start no program: it has no arguments, environment, \
                 directory or descriptors of its own",
            ));
        }
        let program = || -> Result<Program, Error> {
            let program = match &self.program {
                Some(path) => Program::new(path),
                None => {
                    crate::program::check_initialized()?;
                    Program::current().map_err(|error| {
                        let text = format!("cannot find this program in /proc: {error}");
                        Error::new(ErrorKind::System, text)
                    })?
                }
            };
            let changed = changes
                .into_iter()
                .fold(program, |program, change| change(program));
            Ok(changed.by_environment())
        };
        Ok(match &self.method {
            StartMethod::Spawn => pool::StartMethod::Spawn(program()?),
            StartMethod::ForkServer => pool::StartMethod::ForkServer(program()?),
            StartMethod::Fork => pool::StartMethod::Fork,
            StartMethod::Listen(path) => pool::StartMethod::Listen(path.clone()),
            StartMethod::InProcess => unreachable!("threads are started otherwise"),
        })
    }
}
