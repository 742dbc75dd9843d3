//! The signals that end or stop a run: noted by a handler, acted upon by the loop. One that was
//! ignored when the program started stays ignored.

use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP};
use signal_hook::{flag, low_level};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The signals that end or stop a run.
pub struct Signals {
    came: Arc<AtomicUsize>,
    readable: UnixStream,
    continued: Arc<AtomicBool>,
    stop_asked: UnixStream,
    /// Whether nobody but the kernel deals with a request to stop.
    stop_unheard: Arc<AtomicBool>,
    /// Which of SIGTSTP and SIGCONT came last.
    stop_or_go: Arc<AtomicUsize>,
    /// Other ends of `readable` and `stop_asked` that no handler has, since what it would note is
    /// ignored: without them `readable` and `stop_asked` would look closed.
    _unused: Vec<UnixStream>,
}

impl Signals {
    /// From now on, SIGINT, SIGTERM and SIGHUP are noted instead of ending this process, but for those
    /// that it ignores (as under `nohup`). Ctrl-C after any of them ends it at once, and its guardian
    /// ends what it has started.
    pub fn note() -> io::Result<Signals> {
        let came = Arc::new(AtomicUsize::new(0));
        let ending = Arc::new(AtomicBool::new(false));
        let (readable, noted) = UnixStream::pair()?;
        // Before the flag's own handler: the first Ctrl-C is to find it unset.
        let caught: Vec<i32> = signals::to_catch([SIGINT, SIGTERM, SIGHUP]).collect();
        if caught.contains(&SIGINT) {
            flag::register_conditional_shutdown(SIGINT, 128 + SIGINT, Arc::clone(&ending))?;
        }
        let mut unused = Vec::new();
        for &signal in &caught {
            let number = signal as usize;
            flag::register_usize(signal, Arc::clone(&came), number)?;
            flag::register(signal, Arc::clone(&ending))?;
            low_level::pipe::register(signal, noted.try_clone()?)?;
        }
        if caught.is_empty() {
            unused.push(noted);
        }
        let continued = Arc::new(AtomicBool::new(false));
        flag::register(SIGCONT, Arc::clone(&continued))?;
        let (stop_asked, stop_noted) = UnixStream::pair()?;
        stop_asked.set_nonblocking(true)?;
        let stop_unheard = Arc::new(AtomicBool::new(true));
        let stop_or_go = Arc::new(AtomicUsize::new(0));
        flag::register_usize(SIGCONT, Arc::clone(&stop_or_go), SIGCONT as usize)?;
        if signals::is_ignored(SIGTSTP) {
            unused.push(stop_noted);
        } else {
            flag::register_conditional_default(SIGTSTP, Arc::clone(&stop_unheard))?;
            flag::register_usize(SIGTSTP, Arc::clone(&stop_or_go), SIGTSTP as usize)?;
            low_level::pipe::register(SIGTSTP, stop_noted)?;
        }
        Ok(Signals {
            came,
            readable,
            continued,
            stop_asked,
            stop_unheard,
            stop_or_go,
            _unused: unused,
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

    /// For [`paused_by`](pool::Builder::paused_by): a descriptor that is readable once Ctrl-Z has
    /// come, and what stops this process then, after its workers. Until this is called, and again
    /// when what stops is dropped, the kernel stops this process alone.
    pub fn stops(&self) -> io::Result<(OwnedFd, impl FnMut() + Send + use<>)> {
        let (asked, mut noted) = (self.stop_asked.try_clone()?, self.stop_asked.try_clone()?);
        // What came before was dealt with by the kernel.
        drain(&mut noted);
        let heard = Heard::new(&self.stop_unheard);
        let stop_or_go = Arc::clone(&self.stop_or_go);
        let stop = move || {
            let _held = &heard;
            drain(&mut noted);
            // As in the kernel, a request to go on cancels one to stop that was not handled yet:
            // nobody would send a second.
            if stop_or_go.load(Ordering::Relaxed) == SIGCONT as usize {
                return;
            }
            // Returns when this process is continued.
            let _ = low_level::emulate_default_handler(SIGTSTP);
        };
        Ok((asked.into(), stop))
    }
}

fn drain(noted: &mut UnixStream) {
    let mut bytes = [0; 64];
    while matches!(noted.read(&mut bytes), Ok(1..)) {}
}

/// While it exists, requests to stop are heard.
struct Heard(Arc<AtomicBool>);

impl Heard {
    fn new(unheard: &Arc<AtomicBool>) -> Heard {
        unheard.store(false, Ordering::Relaxed);
        Heard(Arc::clone(unheard))
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
