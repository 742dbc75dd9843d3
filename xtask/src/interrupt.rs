//! Ctrl-C and its kin, as a flag that loops look at.
//!
//! Children run in process groups of their own, so the terminal's signal reaches xtask alone; whoever
//! waits for a child looks here and ends the child's whole group.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Whether a signal asked xtask to stop.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt(Arc<AtomicUsize>);

/// A signal asked xtask to stop.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("stopped by signal {0}")]
pub(crate) struct Interrupted(pub i32);

impl Interrupt {
    /// Takes over SIGINT, SIGTERM and SIGHUP for the rest of the process.
    ///
    /// # Errors
    ///
    /// As `sigaction` gives them.
    pub(crate) fn install() -> std::io::Result<Interrupt> {
        let flag = Arc::new(AtomicUsize::new(0));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            let number = usize::try_from(signal).expect("signal numbers are positive");
            signal_hook::flag::register_usize(signal, Arc::clone(&flag), number)?;
        }
        Ok(Interrupt(flag))
    }

    /// Whether to go on.
    ///
    /// # Errors
    ///
    /// [`Interrupted`] from the first signal on.
    pub(crate) fn check(&self) -> Result<(), Interrupted> {
        match self.0.load(Ordering::Relaxed) {
            0 => Ok(()),
            signal => Err(Interrupted(
                i32::try_from(signal).expect("stored from an i32"),
            )),
        }
    }
}
