//! Wakes the pool's thread, with a system call only where it may sleep.

use nix::sys::eventfd::{EfdFlags, EventFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Signals an eventfd that the pool's thread waits for.
pub(crate) struct Bell {
    signal: Arc<EventFd>,
    /// Whether the thread has been signalled since it last looked into its inbox.
    rung: AtomicBool,
}

impl Bell {
    pub(crate) fn new() -> nix::Result<Arc<Bell>> {
        let signal = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        Ok(Arc::new(Bell {
            signal: Arc::new(signal),
            rung: AtomicBool::new(false),
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

    /// Makes the thread look once more, also where the last signal was read.
    pub(crate) fn again(&self) {
        self.rung.store(true, Ordering::Release);
        let _ = self.signal.write(1);
    }

    /// To be called by the thread before it looks: what it does not find then rings again.
    pub(crate) fn heard(&self) {
        self.rung.swap(false, Ordering::AcqRel);
    }
}
