//! The death of a worker: how it ended, and what it left.

use super::sending::SENT;
use super::worker::Worker;
use super::{Grave, Shell};
use crate::event::What;
use crate::failure::{Certificate, PoolError};
use crate::ids::WorkerId;
use crate::lines::Lines;
use crate::process::Ending;
use engine::{Death, Event};
use runtime::{Incoming, now_ns};
use std::fs;
use std::sync::atomic::Ordering;

impl Shell {
    /// A worker's process has ended, or its end has been reported.
    pub(super) fn process_ended(&mut self, id: WorkerId) {
        let Some(worker) = self.crew.workers.get_mut(&id) else {
            return;
        };
        if worker.external.is_some() {
            return self.finish(id, Ending::Left);
        }
        if let Some(ending) = worker.ending() {
            return self.finish(id, ending);
        }
        // A forkserver's child: the forkserver will report how it ended, or the grace period ends.
        worker.ended = true;
        if let Some(process) = &worker.process {
            self.reactor.forget(process);
        }
        if let Some(worker) = worker.key {
            let now = self.now();
            self.handle(now, Event::Closed { worker });
        }
    }

    /// Finishes external workers whose connections have ended.
    pub(super) fn bury_gone(&mut self) {
        while let Some(id) = self.crew.gone.pop() {
            self.finish(id, Ending::Left);
        }
    }

    /// Takes in what a dead worker left, and reports its death.
    pub(super) fn finish(&mut self, id: WorkerId, ending: Ending) {
        // Drain answers sent before death. Bound the reads: a grandchild that inherited the socket
        // could write without end.
        let worker = self.crew.workers.get(&id);
        let reads = worker.map_or(0, |worker| worker.connection.reads_waiting());
        for _ in 0..reads {
            if matches!(self.read_once(id), Incoming::Nothing | Incoming::End) {
                break;
            }
        }
        self.drain_lane(id);
        let (mut lines, mut printed) = (Vec::new(), Vec::new());
        if let Some(worker) = self.crew.workers.get_mut(&id) {
            if let Some(stderr) = &mut worker.stderr {
                stderr.read_rest(|line| lines.push(line.to_owned()));
            }
            if let Some(stdout) = &mut worker.stdout {
                stdout.read_rest(|line| printed.push(line.to_owned()));
            }
        }
        for line in printed {
            self.tell(id, now_ns(), What::Stdout(&line));
        }
        for line in lines {
            self.tell(id, now_ns(), What::Stderr(&line));
        }
        let Some(mut worker) = self.crew.workers.remove(&id) else {
            return;
        };
        // Its death is confirmed: what it could write is free for others.
        drop(worker.member.take());
        self.forget_worker(&worker);
        self.crew.laned.retain(|&laned| laned != id);
        let Some(key) = worker.key else {
            return self.turn_away(&worker);
        };
        self.tell_of(&worker, What::Ended(ending));
        self.counters.streamed += worker.connection.outbox.streamed();
        self.crew.free_slots.extend(worker.slot);
        let expected = worker.leaving && worker.reason.is_none();
        self.counters.died += u64::from(!expected);
        self.report_death(&worker, key, ending);
    }

    fn report_death(&mut self, worker: &Worker, key: engine::WorkerId, ending: Ending) {
        let now = self.now();
        let mut not_begun = false;
        if let Some(current) = worker.current {
            let word = worker.slot.map(|slot| {
                let word = self.crew.board.word(slot as usize);
                word.load(Ordering::Acquire)
            });
            // The word is the worker's own, and is believed where it did not end by itself.
            let by_itself = matches!(ending, Ending::Exit(_) | Ending::Left);
            not_begun = word == Some(SENT) && (!by_itself || worker.answered_twice);
            if word == Some(0) && worker.seen == 0 && !by_itself {
                let (worker, entry) = (key, current.entry);
                self.handle(now, Event::Done { worker, entry });
            }
        }
        let certificate = self.certify(worker, ending);
        if !worker.ready && !worker.explained {
            self.health.why = Some(PoolError::NotReady(certificate.to_string()));
        }
        self.crew.graves.push(Grave {
            key: Some(key),
            id: worker.id,
            name: worker.name.clone(),
            pid: worker.pid(),
            certificate,
        });
        let death = match ending {
            // What goes wrong with the first goes wrong with all.
            _ if !worker.ready => Death::Exit,
            Ending::Signal(libc::SIGBUS) => Death::InputChanged,
            Ending::Signal(_) => Death::Signal,
            Ending::Unknown => Death::Unknown,
            Ending::Exit(_) | Ending::Left => Death::Exit,
        };
        let event = Event::Died {
            worker: key,
            death,
            not_begun,
        };
        self.handle(now, event);
    }

    /// Stops waiting on anything of a worker.
    pub(super) fn forget_worker(&self, worker: &Worker) {
        self.reactor.forget(&worker.connection);
        for lines in worker.stderr.iter().chain(&worker.stdout) {
            self.reactor.forget(lines);
        }
        if let Some(process) = &worker.process {
            self.reactor.forget(process);
        }
        if let Some(pidfd) = worker
            .external
            .as_ref()
            .and_then(|external| external.pidfd.as_ref())
        {
            self.reactor.forget(pidfd);
        }
    }

    fn certify(&mut self, worker: &Worker, ending: Ending) -> Certificate {
        let oom_before = std::mem::replace(&mut self.health.oom_kills, oom_kills());
        let killed = ending == Ending::Signal(libc::SIGKILL) && worker.reason.is_none();
        Certificate {
            worker: worker.name.clone(),
            pid: worker.pid(),
            task: None,
            deaths: 0,
            ending,
            reason: worker.reason.clone(),
            stderr: worker.stderr.as_ref().map_or(vec![], Lines::last_lines),
            memory: worker.memory,
            rss_peak: worker.process.as_ref().and_then(|it| it.rss_peak()),
            oom: killed && self.health.oom_kills > oom_before,
            limit: self.met_limit(worker, ending),
        }
    }

    /// The limit of the worker's that may have ended it, in words.
    fn met_limit(&self, worker: &Worker, ending: Ending) -> Option<String> {
        let bounds = self.settings.bounds.as_ref()?;
        if worker.reason.is_some() || worker.external.is_some() {
            return None;
        }
        match (ending, bounds.cpu_s, bounds.memory) {
            (Ending::Signal(libc::SIGXCPU), Some(cpu_s), _) => {
                Some(format!("its limit of processor time is {cpu_s} s"))
            }
            // Out of memory, programs abort, or use what they did not get.
            (Ending::Signal(libc::SIGABRT | libc::SIGSEGV | libc::SIGBUS), _, Some(bytes)) => {
                let megabytes = bytes as f64 / 1e6;
                Some(format!("its limit of memory is {megabytes:.1} MB"))
            }
            _ => None,
        }
    }
}

/// How often the kernel's OOM killer has killed since the machine started, if it says.
pub(super) fn oom_kills() -> Option<u64> {
    let counters = fs::read_to_string("/proc/vmstat").ok()?;
    let line = counters
        .lines()
        .find_map(|line| line.strip_prefix("oom_kill "))?;
    line.trim().parse().ok()
}
