//! Where a worker program finds its coordinator, and its whole life from there.

use crate::{Inherited, ServeError, child, forkserver, serve};
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;
use task::Registry;
use thiserror::Error;

/// Where a worker program finds its coordinator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A socket that it inherited.
    Fd(RawFd),
    /// A socket in the file system.
    Connect(PathBuf),
    /// A socket that it inherited, over which it is asked to fork workers.
    ForkServer(RawFd),
}

/// Why a worker program could not serve.
#[derive(Debug, Error)]
pub enum EndpointError {
    /// The command line says nothing usable.
    #[error("{0}; a worker is started with --fd N or --connect PATH")]
    Usage(String),
    /// The descriptor is not an open socket.
    #[error("descriptor {fd} is not an open socket: {source}; it has to be inherited")]
    BadFd {
        /// Its number.
        fd: RawFd,
        /// What the kernel says.
        source: io::Error,
    },
    /// Nobody listens at the path.
    #[error("cannot connect to {path}: {source}; a coordinator has to listen there first")]
    Connect {
        /// The path.
        path: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
    /// The process could not be made a worker.
    #[error("cannot become a worker: {0}")]
    Isolate(io::Error),
    /// Serving ended with an error.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The forkserver ended with an error.
    #[error("forkserver: {0}")]
    ForkServer(io::Error),
}

/// The whole of a worker program's `main`: reads the command line, serves the registry's tasks,
/// and says on stderr what went wrong. Exit codes: 0 done, 1 failed, 2 usage.
pub fn run(registry: &Registry) -> ExitCode {
    let ran = parse(std::env::args_os().skip(1))
        .and_then(|(endpoint, parent)| run_at(&endpoint, parent, registry));
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A reader that has gone away is no reason for a panic.
            let _ = writeln!(io::stderr(), "worker: {error}");
            ExitCode::from(if matches!(error, EndpointError::Usage(_)) {
                2
            } else {
                1
            })
        }
    }
}

/// For a program that is its own worker program: serves and gives the exit code where a pool has
/// started it as a worker or forkserver, does nothing where a person has. To be called first in
/// `main`.
///
/// ```no_run
/// use std::process::ExitCode;
///
/// fn main() -> ExitCode {
///     let registry = task::Registry::new();
///     if let Some(code) = runtime::run_if_worker(&registry) {
///         return code;
///     }
///     // The program proper, which starts workers of `pool::Program::current()`.
///     ExitCode::SUCCESS
/// }
/// ```
pub fn run_if_worker(registry: &Registry) -> Option<ExitCode> {
    is_worker(std::env::args_os().skip(1)).then(|| run(registry))
}

/// Whether these arguments are those that pools give: `--fd N --parent PID`, or `--forkserver`.
fn is_worker(args: impl Iterator<Item = OsString>) -> bool {
    let args: Vec<OsString> = args.collect();
    matches!(&args[..], [role, _, parent, _]
        if (role == "--fd" || role == "--forkserver") && parent == "--parent")
}

/// Serves the registry's tasks at `endpoint` until the coordinator is done. With `parent`, this
/// process becomes that process's worker ([`isolate`](child::isolate)) and dies with it.
///
/// # Errors
/// [`EndpointError`].
pub fn run_at(
    endpoint: &Endpoint,
    parent: Option<u32>,
    registry: &Registry,
) -> Result<(), EndpointError> {
    match parent {
        Some(parent) => child::isolate(parent),
        None => child::never_gain_privileges(),
    }
    .map_err(EndpointError::Isolate)?;
    match endpoint {
        Endpoint::Fd(fd) => Ok(serve(inherit(*fd)?, registry, Inherited::new())?),
        Endpoint::Connect(path) => {
            let socket = UnixStream::connect(path).map_err(|source| EndpointError::Connect {
                path: path.clone(),
                source,
            })?;
            Ok(serve(socket.into(), registry, Inherited::new())?)
        }
        Endpoint::ForkServer(fd) => {
            forkserver::run(inherit(*fd)?, registry).map_err(EndpointError::ForkServer)
        }
    }
}

/// Takes over an inherited socket.
fn inherit(fd: RawFd) -> Result<OwnedFd, EndpointError> {
    let bad = |source| EndpointError::BadFd { fd, source };
    // SAFETY: fstat of any number is harmless.
    let mut stat = unsafe { std::mem::zeroed::<libc::stat>() };
    // SAFETY: `stat` is a valid place to write to.
    if unsafe { libc::fstat(fd, &raw mut stat) } != 0 {
        return Err(bad(io::Error::last_os_error()));
    }
    if stat.st_mode & libc::S_IFMT != libc::S_IFSOCK {
        return Err(bad(io::Error::other("not a socket")));
    }
    // SAFETY: sets a flag of a descriptor that is open.
    unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    // SAFETY: the descriptor is open, and the parent gave it to us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// `--fd N | --connect PATH | --forkserver N`, and `--parent PID`.
fn parse(
    mut args: impl Iterator<Item = OsString>,
) -> Result<(Endpoint, Option<u32>), EndpointError> {
    let mut endpoint = None;
    let mut parent = None;
    while let Some(flag) = args.next() {
        let name = flag.to_string_lossy().into_owned();
        let value = args
            .next()
            .ok_or_else(|| EndpointError::Usage(format!("{name} needs a value")))?;
        let number = || {
            let text = value.to_string_lossy();
            text.parse::<u32>()
                .ok()
                .filter(|&number| number <= i32::MAX as u32)
                .ok_or_else(|| EndpointError::Usage(format!("{name} {text}: not a number")))
        };
        match name.as_str() {
            "--fd" => endpoint = Some(Endpoint::Fd(number()? as RawFd)),
            "--forkserver" => endpoint = Some(Endpoint::ForkServer(number()? as RawFd)),
            "--connect" => endpoint = Some(Endpoint::Connect(value.into())),
            "--parent" => parent = Some(number()?),
            _ => return Err(EndpointError::Usage(format!("unknown argument {name}"))),
        }
    }
    match endpoint {
        Some(endpoint) => Ok((endpoint, parent)),
        None => Err(EndpointError::Usage("no coordinator was named".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<(Endpoint, Option<u32>), String> {
        parse(args.iter().map(OsString::from)).map_err(|error| error.to_string())
    }

    #[test]
    fn command_lines() {
        assert_eq!(parsed(&["--fd", "3"]), Ok((Endpoint::Fd(3), None)));
        let forkserver = parsed(&["--parent", "10", "--forkserver", "4"]);
        assert_eq!(forkserver, Ok((Endpoint::ForkServer(4), Some(10))));
        let path = parsed(&["--connect", "/run/x"]);
        assert_eq!(path, Ok((Endpoint::Connect("/run/x".into()), None)));
        for bad in [
            &[][..],
            &["--fd"],
            &["--fd", "x"],
            &["--fd", "-1"],
            &["--what", "1"],
        ] {
            assert!(parsed(bad).unwrap_err().contains("--fd N"), "{bad:?}");
        }
    }

    #[test]
    fn only_a_pool_makes_a_program_its_worker() {
        let asked = |args: &[&str]| is_worker(args.iter().map(OsString::from));
        assert!(asked(&["--fd", "3", "--parent", "10"]));
        assert!(asked(&["--forkserver", "3", "--parent", "10"]));
        for other in [&[][..], &["--fd", "3"], &["--fd", "3", "--verbose", "10"]] {
            assert!(!asked(other), "{other:?}");
        }
    }

    #[test]
    fn a_descriptor_that_is_no_socket_is_refused() {
        let file = std::fs::File::open("/dev/null").unwrap();
        let fd = std::os::fd::AsRawFd::as_raw_fd(&file);
        assert!(matches!(inherit(fd), Err(EndpointError::BadFd { .. })));
        assert!(matches!(inherit(999_999), Err(EndpointError::BadFd { .. })));
    }
}
