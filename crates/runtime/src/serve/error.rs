//! Why a worker stops serving.

use crate::channel::ChannelError;
use crate::sandbox::SandboxError;
use std::io;
use thiserror::Error;
use wire::{HelloError, ToWorker};

/// Why a worker stopped serving before its coordinator was done with it.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The socket failed, or carried something that is not a frame.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// An answer could not be sent.
    #[error("cannot answer the coordinator: {0}")]
    Send(#[from] io::Error),
    /// The coordinator cannot be talked to.
    #[error(transparent)]
    Hello(#[from] HelloError),
    /// A frame that does not belong there.
    #[error("the coordinator sent {found} where {expected} was due")]
    Unexpected {
        /// What came.
        found: String,
        /// What was due.
        expected: &'static str,
    },
    /// A frame that cannot be decoded.
    #[error(transparent)]
    Decode(#[from] wire::DecodeError),
    /// The initializer failed.
    #[error("the initializer failed: {0}")]
    Initializer(String),
    /// The limits that were asked for could not be set.
    #[error("cannot set {0}")]
    Bounds(String),
    /// The process could not be confined.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The set-up speaks of a board or a lane, and no descriptor came with it.
    #[error("the set-up came without the descriptor of its {0}")]
    NoDescriptor(&'static str),
    /// The board or the lane cannot be mapped.
    #[error(transparent)]
    Words(#[from] shmem::WordsError),
    /// The lane cannot be as the coordinator describes it.
    #[error(transparent)]
    Layout(#[from] wire::lane::LayoutError),
    /// The coordinator wrote into the lane what cannot be.
    #[error(transparent)]
    Lane(#[from] wire::lane::Violation),
}

/// A message that is not due.
pub(super) fn unexpected(found: &ToWorker<'_>, expected: &'static str) -> ServeError {
    let mut found = format!("{found:?}");
    crate::text::cut(&mut found, 80);
    ServeError::Unexpected { found, expected }
}
