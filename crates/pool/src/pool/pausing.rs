//! A stop of the whole tree, and its continuation: nobody is late for having been stopped.

use super::*;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

impl Pool {
    /// Stops if that has been asked for ([`Builder::paused_by`]). The pool does so itself in every
    /// call that drives it; this is for a caller that is busy with something else for long. It
    /// starts no process, so helper threads may be at work.
    pub fn pause_if_asked(&mut self) {
        let Some(pause) = &self.pause else {
            return;
        };
        let mut asked = [PollFd::new(pause.asked.as_fd(), PollFlags::POLLIN)];
        if poll(&mut asked, PollTimeout::ZERO) == Ok(1) {
            self.pause();
        }
    }

    /// Stops the workers and this process, and goes on when that is to go on.
    pub(super) fn pause(&mut self) {
        let Some(mut pause) = self.pause.take() else {
            return;
        };
        let began_ns = now_ns();
        self.signal_all(libc::SIGSTOP);
        (pause.wait)();
        self.signal_all(libc::SIGCONT);
        self.put_off(now_ns().saturating_sub(began_ns));
        self.pause = Some(pause);
    }

    fn signal_all(&self, signal: i32) {
        if let Some(server) = &self.starter.server {
            server.signal(signal);
        }
        for worker in self.workers.values() {
            worker.signal(signal);
        }
    }

    fn put_off(&mut self, by_ns: u64) {
        self.paused_ns += by_ns;
        if let Some(lobby) = &mut self.lobby {
            lobby.deadline_ns = lobby.deadline_ns.map(|at| at.saturating_add(by_ns));
        }
        for worker in self.workers.values_mut() {
            worker.deadline_ns = worker.deadline_ns.map(|at| at.saturating_add(by_ns));
            worker.due_since_ns = worker.due_since_ns.saturating_add(by_ns);
        }
    }
}
