//! Ctrl-C, Ctrl-Z and their kin, as flags that loops look at.
//!
//! Children run in process groups of their own, so the terminal's signals reach this program alone; the
//! code that waits for a child looks here and ends or stops the child's whole group.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP};
use signal_hook::{flag, low_level};

/// Whether a signal asked xtask to end, or to stop for a while.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    came: Arc<AtomicUsize>,
    stop_asked: Arc<AtomicBool>,
    stop_unheard: Arc<AtomicBool>,
    /// Which of SIGTSTP and SIGCONT came last.
    stop_or_go: Arc<AtomicUsize>,
}

/// A signal asked xtask to stop.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("stopped by signal {0}")]
pub struct Interrupted(pub i32);

impl Interrupt {
    /// Takes over SIGINT, SIGTERM and SIGHUP for the rest of the process, but for those that it ignores
    /// (as under `nohup`). Ctrl-C after any of them ends it at once, and its guardian ends what it runs.
    ///
    /// # Errors
    ///
    /// As `sigaction` gives them.
    pub fn install() -> io::Result<Interrupt> {
        let interrupt = Interrupt::default();
        let ending = Arc::new(AtomicBool::new(false));
        // Before the flag's own handler: the first Ctrl-C is to find it unset.
        let caught: Vec<i32> = signals::to_catch([SIGINT, SIGTERM, SIGHUP]).collect();
        if caught.contains(&SIGINT) {
            flag::register_conditional_shutdown(SIGINT, 128 + SIGINT, Arc::clone(&ending))?;
        }
        for signal in caught {
            let number = usize::try_from(signal).expect("signal numbers are positive");
            flag::register_usize(signal, Arc::clone(&interrupt.came), number)?;
            flag::register(signal, Arc::clone(&ending))?;
        }
        interrupt.stop_unheard.store(true, Ordering::Relaxed);
        if !signals::is_ignored(SIGTSTP) {
            flag::register_conditional_default(SIGTSTP, Arc::clone(&interrupt.stop_unheard))?;
            flag::register(SIGTSTP, Arc::clone(&interrupt.stop_asked))?;
            for signal in [SIGTSTP, SIGCONT] {
                let number = usize::try_from(signal).expect("signal numbers are positive");
                flag::register_usize(signal, Arc::clone(&interrupt.stop_or_go), number)?;
            }
        }
        Ok(interrupt)
    }

    /// Whether to go on.
    ///
    /// # Errors
    ///
    /// [`Interrupted`] from the first signal on.
    pub fn check(&self) -> Result<(), Interrupted> {
        match self.came.load(Ordering::Relaxed) {
            0 => Ok(()),
            signal => Err(Interrupted(
                i32::try_from(signal).expect("stored from an i32"),
            )),
        }
    }

    /// While what this gives exists, Ctrl-Z is noted for [`Stops::asked`]. Otherwise it stops this
    /// process as it does any.
    pub fn stops(&self) -> Stops<'_> {
        self.stop_asked.store(false, Ordering::Relaxed);
        self.stop_unheard.store(false, Ordering::Relaxed);
        Stops(self)
    }
}

/// Requests to stop, which are heard while this exists.
pub struct Stops<'a>(&'a Interrupt);

impl Stops<'_> {
    /// Whether a stop was asked for since the last time, and nobody has asked to go on since.
    pub fn asked(&self) -> bool {
        self.0.stop_asked.swap(false, Ordering::Relaxed) && self.holds()
    }

    /// Stops this process; returns when it is continued. At once where that was asked for meanwhile.
    pub fn stop(&self) {
        if self.holds() {
            // SIGTSTP has a default, so this cannot be refused.
            let _ = low_level::emulate_default_handler(SIGTSTP);
        }
    }

    /// As in the kernel, a request to go on cancels one to stop that was not handled yet: nobody would
    /// send a second.
    fn holds(&self) -> bool {
        let last = self.0.stop_or_go.load(Ordering::Relaxed);
        i32::try_from(last) == Ok(SIGTSTP)
    }
}

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.stop_unheard.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::signal::{SigHandler, Signal, raise, signal};
    use std::sync::OnceLock;

    /// Handlers are those of the process: one set of them for all tests.
    fn installed() -> &'static Interrupt {
        static INSTALLED: OnceLock<Interrupt> = OnceLock::new();
        INSTALLED.get_or_init(|| {
            // SAFETY: no handler is installed, and no other test of this process awaits the signal.
            unsafe { signal(Signal::SIGHUP, SigHandler::SigIgn) }.unwrap();
            Interrupt::install().unwrap()
        })
    }

    #[test]
    fn a_signal_that_was_ignored_stays_ignored() {
        let interrupt = installed();
        raise(Signal::SIGHUP).unwrap();
        assert!(interrupt.check().is_ok());
        raise(Signal::SIGTERM).unwrap();
        assert_eq!(interrupt.check().unwrap_err().0, SIGTERM);
    }

    #[test]
    fn a_request_to_go_on_cancels_one_to_stop() {
        let stops = installed().stops();
        raise(Signal::SIGTSTP).unwrap();
        assert!(stops.asked());
        assert!(!stops.asked(), "it was asked for once");
        raise(Signal::SIGTSTP).unwrap();
        raise(Signal::SIGCONT).unwrap();
        assert!(!stops.asked());
        raise(Signal::SIGTSTP).unwrap();
        assert!(stops.asked());
        raise(Signal::SIGCONT).unwrap();
        assert!(!stops.holds());
        // Or else nobody would continue this process.
        stops.stop();
    }
}
