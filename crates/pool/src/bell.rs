//! Wakes the thread of a background pool.

use nix::sys::eventfd::{EfdFlags, EventFd};
use std::sync::Arc;

/// Signals an eventfd that the pool's thread waits for.
pub(crate) struct Bell {
    signal: Arc<EventFd>,
}

impl Bell {
    pub(crate) fn new() -> nix::Result<Arc<Bell>> {
        let signal = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        Ok(Arc::new(Bell {
            signal: Arc::new(signal),
        }))
    }

    /// What becomes readable.
    pub(crate) fn signal(&self) -> Arc<EventFd> {
        Arc::clone(&self.signal)
    }

    /// Makes the thread look into its inbox. To be called after something was put there.
    pub(crate) fn ring(&self) {
        let _ = self.signal.write(1);
    }
}
