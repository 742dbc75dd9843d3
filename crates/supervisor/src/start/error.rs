//! Why a worker could not be started, and whether it is worth another try.

use super::listen::ListenError;
use guardian::GuardianError;
use nix::errno::Errno;
use runtime::{ForkError, limit_hint};
use std::io;
use std::path::PathBuf;
use thiserror::Error;

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

impl StartError {
    /// Whether the same is certain to fail again, as where there is no such program.
    pub(crate) fn is_permanent(&self) -> bool {
        let lasting = |error: &io::Error| {
            let errno = error.raw_os_error().map(Errno::from_raw);
            !matches!(
                errno,
                Some(
                    Errno::EAGAIN
                        | Errno::ENOMEM
                        | Errno::EMFILE
                        | Errno::ENFILE
                        | Errno::ENOBUFS
                        | Errno::ETXTBSY
                )
            )
        };
        match self {
            StartError::Listen(_) => true,
            StartError::Fork(error) => error.is_permanent(),
            StartError::Program { source, .. } => lasting(source),
            StartError::Resources(error) => lasting(error),
            StartError::Guardian(_) | StartError::Server(_) => false,
        }
    }
}
