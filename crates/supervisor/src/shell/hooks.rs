//! The caller's own functions: watcher, heartbeat, pause. One that panics is caught, and the panic
//! goes on in the caller once the step is over.

use super::Shell;
use super::worker::Worker;
use crate::event::{Event, What};
use crate::heartbeat::Heartbeat;
use crate::ids::WorkerId;
use crate::settings::{Pause, Watcher};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use runtime::now_ns;
use std::any::Any;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// The caller's own functions.
pub struct Hooks {
    pub(super) watcher: Option<Watcher>,
    pub(super) heartbeat: Option<Heartbeat>,
    pub(super) pause: Option<Pause>,
    /// Whether lines of workers' stderr that no watcher takes go to this process's.
    echo: bool,
    panicked: Option<Box<dyn Any + Send>>,
}

impl Hooks {
    /// `echo`: lines of workers' stderr that no watcher takes go to this process's.
    pub fn new(
        watcher: Option<Watcher>,
        heartbeat: Option<Heartbeat>,
        pause: Option<Pause>,
        echo: bool,
    ) -> Hooks {
        Hooks {
            watcher,
            heartbeat,
            pause,
            echo,
            panicked: None,
        }
    }

    /// Whether a watcher receives every event.
    pub(super) fn is_watched(&self) -> bool {
        self.watcher.is_some()
    }

    /// Runs a caller's function.
    pub(super) fn guard(&mut self, call: impl FnOnce(&mut Hooks)) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| call(self))) {
            self.panicked.get_or_insert(panic);
        }
    }
}

impl Shell {
    /// Reports the first panic of a caller's function since the last time.
    pub fn report_panic(&mut self) {
        if let Some(panic) = self.hooks.panicked.take() {
            resume_unwind(panic);
        }
    }

    /// Reports an event of a worker that is in the crew.
    pub(super) fn tell(&mut self, id: WorkerId, at_ns: u64, what: What<'_>) {
        let prints = self.hooks.echo || self.settings.stdout;
        if self.hooks.watcher.is_none() && !prints {
            return;
        }
        if let Some(worker) = self.crew.workers.get(&id) {
            tell(&mut self.hooks, worker, at_ns, what);
        }
    }

    /// Reports an event of a worker that has left the crew.
    pub(super) fn tell_of(&mut self, worker: &Worker, what: What<'_>) {
        tell(&mut self.hooks, worker, now_ns(), what);
    }

    /// Calls the heartbeat where it is due.
    pub(super) fn beat(&mut self) {
        let Some(due_ns) = self.hooks.heartbeat.as_ref().map(Heartbeat::due_ns) else {
            return;
        };
        let now_ns = now_ns();
        if now_ns < due_ns {
            return;
        }
        let counters = self.tally();
        self.hooks.guard(|hooks| {
            if let Some(heartbeat) = &mut hooks.heartbeat {
                heartbeat.beat(now_ns, &counters);
            }
        });
    }

    /// Stops if that has been asked for.
    pub fn pause_if_asked(&mut self) {
        let Some(pause) = &self.hooks.pause else {
            return;
        };
        let mut asked = [PollFd::new(pause.asked.as_fd(), PollFlags::POLLIN)];
        if poll(&mut asked, PollTimeout::ZERO) == Ok(1) {
            self.pause();
        }
    }

    /// Stops the workers and this process. The engine's clock stands still meanwhile, so that
    /// nobody is late for having been stopped.
    pub(super) fn pause(&mut self) {
        let began_ns = now_ns();
        self.signal_all(libc::SIGSTOP);
        self.hooks.guard(|hooks| {
            if let Some(pause) = &mut hooks.pause {
                (pause.wait)();
            }
        });
        self.signal_all(libc::SIGCONT);
        self.health.paused_ns += now_ns().saturating_sub(began_ns);
    }

    fn signal_all(&self, signal: i32) {
        if let Some(server) = &self.starter.server {
            server.signal(signal);
        }
        for worker in self.crew.workers.values() {
            // An external worker is not ours to stop.
            if let Some(process) = &worker.process {
                process.signal(signal);
            }
        }
    }
}

fn tell(hooks: &mut Hooks, worker: &Worker, at_ns: u64, what: What<'_>) {
    // Nobody may read it, and that is no reason to panic.
    let _ = match (&what, &hooks.watcher) {
        (What::Stderr(line), None) if hooks.echo => {
            writeln!(io::stderr(), "{}: {line}", worker.name)
        }
        (What::Stdout(line), None) => writeln!(io::stdout(), "{}: {line}", worker.name),
        _ => Ok(()),
    };
    let event = Event {
        worker: worker.id,
        name: &worker.name,
        pid: worker.pid(),
        at_ns,
        what,
    };
    hooks.guard(|hooks| {
        if let Some(watcher) = &mut hooks.watcher {
            watcher(&event);
        }
    });
}
