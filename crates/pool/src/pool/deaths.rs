//! The death of a worker: who it was, of what, and what becomes of its tasks.

use super::*;
use crate::failure::Certificate;
use crate::process::Ending;
use crate::stderr::Stderr;
use std::fs;
use std::sync::atomic::Ordering;

impl Pool {
    /// A worker's process has ended, or its end has been told.
    pub(super) fn died(&mut self, id: WorkerId) {
        let Some(mut worker) = self.workers.remove(&id) else {
            return;
        };
        let ending = worker.ending();
        if let Some(process) = &worker.process {
            let _ = self.epoll.delete(process);
        }
        // What it had said before it died still counts, and lies in its socket. Whoever else holds
        // the socket may go on for ever.
        for _ in 0..worker.link.reads_waiting() {
            if self.broken.is_some() || !self.listen_to_worker(&mut worker) {
                break;
            }
        }
        let elsewhere = match (&worker.process, &worker.guest) {
            (Some(_), _) => None,
            (None, Some(_)) => Some(Ending::Left),
            (None, None) => Some(NEVER_WAS),
        };
        let Some(ending) = ending.or(elsewhere) else {
            // A forkserver's child: the forkserver will tell.
            worker.dying = true;
            worker.deadline_ns = None;
            self.scheduler.retire(id);
            self.workers.insert(id, worker);
            return;
        };
        let mut lines = Vec::new();
        if let Some(stderr) = &mut worker.stderr {
            stderr.read_rest(|line| lines.push(line.to_owned()));
        }
        for line in lines {
            self.tell(&worker, now_ns(), What::Stderr(&line));
        }
        self.bury(worker, ending);
    }

    fn bury(&mut self, mut worker: Box<Worker>, ending: Ending) {
        let id = worker.id;
        if worker.is_strange() {
            return self.turn_away(&worker);
        }
        self.tell(&worker, now_ns(), What::Ended(ending));
        self.counters.streamed += worker.link.outbox.streamed();
        self.free_slots.extend(worker.slot);
        if self.closing {
            for task in self.scheduler.window(id).collect::<Vec<_>>() {
                self.fail(task, TaskFailure::ShutDown);
            }
            self.scheduler.died(id, None, 0);
            return;
        }
        let starting = worker.phase == Phase::Starting;
        let expected = worker.phase == Phase::Leaving && worker.doom.is_none();
        self.counters.died += u64::from(!expected);

        let running = self.running(&worker, ending);
        let certificate = self.certify(&mut worker, ending, running);
        self.settle(&worker, running, certificate.clone());
        if let Some(refused) = self.refused.take() {
            self.break_down(refused);
        } else if starting {
            self.start_failed(certificate.to_string());
        }
        self.replace_missing();
    }

    /// The task that a worker was running when it died: the one its word on the board names, if
    /// that is among those it had not answered. One that ended between tasks, or broke the protocol
    /// and was ended some time after, may have done so because of any of them.
    fn running(&mut self, worker: &Worker, ending: Ending) -> Option<TaskId> {
        let marked = worker.slot.and_then(|slot| {
            let word = self.board.word(slot as usize);
            word.load(Ordering::Acquire).checked_sub(1)
        });
        let running = marked.filter(|&task| self.scheduler.window(worker.id).any(|t| t == task));
        match &worker.doom {
            // It answered the same task twice, which has its result; those sent since are innocent.
            Some(Doom::Nonsense(_)) if worker.answered_twice => None,
            Some(Doom::Nonsense(_)) => self.scheduler.suspect(worker.id, true),
            // It is none of these tasks' fault.
            Some(Doom::TimedOut | Doom::Cancelled) => None,
            Some(Doom::Late(_)) | None => {
                let unbidden = matches!(ending, Ending::Exit(_) | Ending::Left);
                running.or_else(|| self.scheduler.suspect(worker.id, unbidden))
            }
        }
    }

    fn certify(
        &mut self,
        worker: &mut Worker,
        ending: Ending,
        running: Option<TaskId>,
    ) -> Certificate {
        let oom_before = std::mem::replace(&mut self.oom_kills, oom_kills());
        let killed = ending == Ending::Signal(libc::SIGKILL) && worker.doom.is_none();
        Certificate {
            worker: worker.name.clone(),
            pid: worker.pid(),
            task: running,
            deaths: running.map_or(0, |task| self.scheduler.deaths(task) + 1),
            ending,
            reason: worker.doom.as_ref().map(Doom::reason),
            stderr: worker.stderr.as_ref().map_or(vec![], Stderr::last_lines),
            memory: worker.memory,
            rss_peak: worker.process.as_ref().and_then(|it| it.rss_peak()),
            oom: killed && self.oom_kills > oom_before,
        }
    }

    /// Sends the dead worker's tasks back, or fails the one that killed it.
    fn settle(&mut self, worker: &Worker, running: Option<TaskId>, certificate: Certificate) {
        let changed = certificate.ending == Ending::Signal(libc::SIGBUS);
        if let (true, Some(task)) = (changed, running) {
            self.fail(
                task,
                TaskFailure::InputChanged(Box::new(certificate.clone())),
            );
        }
        // Tasks that failed already, cancelled or timed out ones among them, are not to be
        // run again.
        let gone: Vec<TaskId> = self
            .scheduler
            .window(worker.id)
            .filter(|task| !self.jobs.contains_key(task))
            .collect();
        for task in gone {
            self.scheduler.forget(worker.id, task);
        }
        let retries = running
            .and_then(|task| self.jobs.get(&task)?.terms.retries)
            .unwrap_or(self.limits.retries);
        let bereaved = self.scheduler.died(worker.id, running, retries);
        if let Some(task) = bereaved.poisoned {
            self.fail(task, TaskFailure::Died(Box::new(certificate)));
        }
        if let Some(task) = bereaved.retried {
            self.counters.retried += 1;
            self.tell(worker, now_ns(), What::Retried { task });
        }
    }
}

/// The ending of a worker that a forkserver never got to fork.
const NEVER_WAS: Ending = Ending::Signal(libc::SIGKILL);

/// How often the kernel's OOM killer has killed since the machine started, if it tells.
pub(super) fn oom_kills() -> Option<u64> {
    let counters = fs::read_to_string("/proc/vmstat").ok()?;
    let line = counters
        .lines()
        .find_map(|line| line.strip_prefix("oom_kill "))?;
    line.trim().parse().ok()
}
