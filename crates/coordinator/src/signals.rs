//! The signals that end a run: noted by a handler, acted upon by the loop.

use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The signals that end a run.
pub struct Signals {
    came: Arc<AtomicUsize>,
    readable: UnixStream,
    continued: Arc<AtomicBool>,
}

impl Signals {
    /// From now on, SIGINT, SIGTERM and SIGHUP are noted instead of ending this process.
    pub fn note() -> io::Result<Signals> {
        let came = Arc::new(AtomicUsize::new(0));
        let (readable, writer) = UnixStream::pair()?;
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            let number = signal as usize;
            signal_hook::flag::register_usize(signal, Arc::clone(&came), number)?;
            signal_hook::low_level::pipe::register(signal, writer.try_clone()?)?;
        }
        let continued = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(SIGCONT, Arc::clone(&continued))?;
        Ok(Signals {
            came,
            readable,
            continued,
        })
    }

    /// The signal that came, if one did.
    pub fn came(&self) -> Option<i32> {
        match self.came.load(Ordering::Relaxed) {
            0 => None,
            number => Some(number as i32),
        }
    }

    /// Whether this process was continued, so stopped before: its clocks have run on meanwhile.
    pub fn continued(&self) -> bool {
        self.continued.load(Ordering::Relaxed)
    }

    /// A descriptor that is readable once a signal has come.
    pub fn descriptor(&self) -> io::Result<OwnedFd> {
        Ok(self.readable.try_clone()?.into())
    }
}
