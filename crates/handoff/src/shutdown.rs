//! How a pool ends, and what threads cannot be made to do.

use crate::{Error, ErrorKind};

/// How a pool is shut down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// Tasks that were submitted are finished first.
    Drain,
    /// Workers are ended now, and their tasks fail with [`ErrorKind::ShutDown`].
    Now,
}

impl From<Shutdown> for pool::Shutdown {
    fn from(how: Shutdown) -> pool::Shutdown {
        match how {
            Shutdown::Drain => pool::Shutdown::Drain,
            Shutdown::Now => pool::Shutdown::Now,
        }
    }
}

/// Why threads have no time limits.
pub(crate) fn no_limits() -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "start method InProcess cannot enforce time limits: a thread cannot be ended; use a start \
         method with processes",
    )
}
