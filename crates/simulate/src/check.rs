//! The rules, checked against what really happened.

use crate::profile::{MS, US};
use crate::worker::{Run, Sent};
use crate::world::{Fails, World};
use engine::{Effect, KillReason, Outcome, PoolFailure, WorkerId};

const IDLE_NS: u64 = 2 * MS + 100 * US;

impl World {
    /// Checks what holds after every step.
    pub(crate) fn check(&mut self) -> Result<(), Fails> {
        self.check_sizes()?;
        self.check_idle()?;
        self.check_limits()?;
        self.check_starts()?;
        self.check_elastic()?;
        self.check_asked()?;
        self.check_due()?;
        self.check_given_up()?;
        self.check_pinned()?;
        // Effects may have made a deadline that has come already, but not again and again.
        let due = self.engine.next_deadline().is_some_and(|at| at <= self.now);
        self.facts.due_again = if due { self.facts.due_again + 1 } else { 0 };
        if self.facts.due_again > 50 {
            return Err(self.broken(1, "a deadline that has come is not acted upon".to_owned()));
        }
        Ok(())
    }

    /// Rule 7.
    fn check_sizes(&self) -> Result<(), Fails> {
        let size = self.engine.footprint();
        let tombstones = size.queue_tombstones;
        if tombstones > 3 * 65 + size.queue_places / 2 {
            return Err(self.broken(7, format!("{tombstones} tombstones in {size:?}")));
        }
        if size.deadlines > 2 * size.worker_slots + 17 {
            return Err(self.broken(7, format!("too many deadlines in {size:?}")));
        }
        if size.timers > 65.max(4 * self.tasks.len()) {
            return Err(self.broken(7, format!("too many reminders in {size:?}")));
        }
        if self.engine.unresolved() > self.profile.bound {
            return Err(self.broken(
                7,
                format!("{} tasks are unresolved", self.engine.unresolved()),
            ));
        }
        Ok(())
    }

    /// Rule 4.
    fn check_idle(&mut self) -> Result<(), Fails> {
        let now = self.now;
        let queued = self.engine.queued() > 0;
        if !queued {
            self.facts.queued_since_ns = None;
        } else if self.facts.queued_since_ns.is_none() {
            self.facts.queued_since_ns = Some(now);
        }
        let mut longest_idle = None;
        let mut stuck = None;
        for worker in self.workers.iter_mut().flatten() {
            let serves = worker.greeted
                && worker.dead.is_none()
                && !worker.told_to_leave
                && !worker.closed
                && !worker.told_to_end
                && self.engine.is_serving(worker.id);
            let idle = serves
                && worker.lane.is_empty()
                && worker.run.is_none()
                && worker.results.is_empty()
                && now >= worker.excused_until_ns;
            if !idle {
                worker.idle_since = None;
            } else {
                let since = *worker.idle_since.get_or_insert(now);
                let since = since.max(self.driven_since);
                if now > since + IDLE_NS {
                    longest_idle = Some(worker.id);
                }
            }
            let since = worker.progress_ns.max(self.driven_since);
            if serves
                && worker.capabilities.lane
                && !worker.lane.is_empty()
                && now > since + IDLE_NS
            {
                stuck = Some(worker.id);
            }
        }
        let Some(idle) = longest_idle else {
            return Ok(());
        };
        let queued_since = self
            .facts
            .queued_since_ns
            .unwrap_or(now)
            .max(self.driven_since);
        if now > queued_since + IDLE_NS {
            return Err(self.broken(4, format!("{idle:?} is idle while tasks are queued")));
        }
        if let Some(stuck) = stuck {
            let what = format!("{idle:?} is idle while entries wait behind {stuck:?}");
            return Err(self.broken(4, what));
        }
        Ok(())
    }

    /// Rule 5: what is given up before it begins never does.
    fn check_given_up(&mut self) -> Result<(), Fails> {
        if !std::mem::take(&mut self.watched.gave_up) {
            return Ok(());
        }
        for worker in self.workers.iter().flatten() {
            let lane = worker.capabilities.lane && worker.dead.is_none();
            let waits = worker.lane.iter().filter(|_| lane);
            let given_up = |sent: &&Sent| self.tasks[sent.task].given_up;
            if let Some(sent) = waits.into_iter().find(given_up) {
                let what = format!("{:?} still has task {}", worker.id, sent.task);
                return Err(self.broken(5, what));
            }
        }
        Ok(())
    }

    /// Rule 3: limits hold.
    fn check_limits(&self) -> Result<(), Fails> {
        for worker in self.workers.iter().flatten() {
            let Some(run) = worker.run.filter(|run| !run.returned) else {
                continue;
            };
            let task = &self.tasks[run.sent.task];
            let Some(limit) = task.limit_ns.filter(|_| !task.resolved) else {
                continue;
            };
            // A worker that lies can gain the time until it is looked at.
            let slack = if worker.liar { limit / 4 + 3 * MS } else { MS };
            let since = if worker.liar {
                run.began_ns.max(self.driven_since)
            } else {
                run.began_ns
            };
            let due = (since + limit + slack).max(self.driven_since + slack);
            let asked = worker.asked.filter(|&(entry, _)| entry == run.sent.entry);
            let due = due.max(asked.map_or(0, |(_, at)| at + self.profile.soft_ns + MS));
            if self.now > due && worker.dead.is_none() && !worker.told_to_end && !worker.closed {
                let what = format!("task {} runs longer than {limit} ns", run.sent.task);
                return Err(self.broken(3, what));
            }
        }
        Ok(())
    }

    /// Rule 6, what has to happen.
    fn check_starts(&mut self) -> Result<(), Fails> {
        let now = self.now;
        self.facts.needed = if self.facts.enough || !self.profile.external {
            1
        } else {
            self.profile.min
        };
        let serving = self.engine.serving() as u32;
        self.facts.enough |= serving >= self.facts.needed;
        self.facts.serving = serving;
        if serving > 0 {
            self.facts.none_since_ns = None;
        } else if self.facts.none_since_ns.is_none() {
            self.facts.none_since_ns = Some(now);
        }
        if self.facts.failed || self.closing.is_some() {
            return Ok(());
        }
        if self.facts.permanent {
            return Err(self.broken(6, "a permanent error did not fail the pool".to_owned()));
        }
        let p = &self.profile;
        let most = 3 * p.start_timeout_ns + 2 * p.grace_ns + 1_100 * MS;
        let wants = self.engine.unresolved() > 0 || (self.watched.min > 0 && !p.external);
        let wanted_since = if wants {
            self.watched.wanted_since_ns.unwrap_or(now)
        } else {
            now
        };
        let since = self
            .facts
            .none_since_ns
            .unwrap_or(now)
            .max(wanted_since)
            .max(self.driven_since);
        let waits = wants;
        if now > since + most && waits {
            return Err(self.broken(6, "a pool that has no workers did not fail".to_owned()));
        }
        Ok(())
    }

    /// What may not be asked for.
    pub(crate) fn check_effect(&mut self, effect: &Effect) -> Result<(), Fails> {
        match *effect {
            Effect::Start(_) if self.facts.hasty => {
                return Err(self.broken(6, "a start follows a failed one at once".to_owned()));
            }
            Effect::Terminate(id, reason)
            | Effect::Kill(id, reason)
            | Effect::Disconnect(id, reason) => self.check_victim(id, reason)?,
            Effect::Retried {
                task,
                charged: true,
                ..
            } => {
                let number = self.names[&task].0;
                self.charge(number)?;
            }
            Effect::Fail(failure) => self.check_failure(failure)?,
            _ => {}
        }
        Ok(())
    }

    /// Rule 5: nothing else ends with the task because of which a worker is ended.
    fn check_victim(&self, id: WorkerId, reason: KillReason) -> Result<(), Fails> {
        let guilty = matches!(
            reason,
            KillReason::ShutDown
                | KillReason::Closed
                | KillReason::Violation
                | KillReason::NotReady
                | KillReason::Refused
        );
        let Some(worker) = self.workers.get(id.index()).and_then(Option::as_ref) else {
            return Ok(());
        };
        if guilty || worker.id != id || worker.dead.is_some() {
            return Ok(());
        }
        let running = worker.run.filter(|run| !run.returned).map(|run| run.sent);
        if let Some(sent) = running {
            self.check_was_asked(worker, sent.entry, reason)?;
        }
        let waiting = worker.lane.front().copied();
        for sent in [running, waiting].into_iter().flatten() {
            // It ran for too long, and is to run again.
            let limit = self.tasks[sent.task].limit_ns.unwrap_or(u64::MAX);
            let late = self.now >= sent.sent_ns.saturating_add(limit);
            let begun = running == Some(sent) || !worker.capabilities.lane;
            let timed_out = reason == KillReason::TimedOut && begun;
            let runs_again = timed_out && late && self.tasks[sent.task].again > 0;
            if !self.tasks[sent.task].resolved && !runs_again {
                let what = format!(
                    "{id:?} is ended ({reason:?}) while it has task {}",
                    sent.task
                );
                return Err(self.broken(5, what));
            }
        }
        Ok(())
    }

    fn charge(&mut self, number: usize) -> Result<(), Fails> {
        let task = &mut self.tasks[number];
        task.charged += 1;
        if task.charged > task.deaths {
            let what = format!("task {number} is charged with a death while it did not run");
            return Err(self.broken(3, what));
        }
        Ok(())
    }

    /// Rules 2 and 3: what a task failed of is true.
    pub(crate) fn check_outcome(&mut self, number: usize, outcome: Outcome) -> Result<(), Fails> {
        let task = &self.tasks[number];
        match outcome {
            Outcome::Died { deaths, .. } if task.retries == 0 => {
                if deaths != 1 {
                    return Err(self.broken(2, format!("task {number} has {deaths} deaths")));
                }
                if task.begun == 0 && task.deaths == 0 {
                    let what = format!("task {number} failed with a death and was never begun");
                    return Err(self.broken(3, what));
                }
            }
            Outcome::Died { deaths, .. } => {
                self.charge(number)?;
                let task = &self.tasks[number];
                if deaths != task.charged || deaths != task.retries + 1 {
                    let what = format!("task {number}: {deaths} deaths, {} retries", task.retries);
                    return Err(self.broken(2, what));
                }
            }
            Outcome::ResultLost { .. } if task.lost <= task.retries => {
                let what = format!("task {number} failed after {} lost results", task.lost);
                return Err(self.broken(3, what));
            }
            Outcome::InputChanged { .. } => self.charge(number)?,
            Outcome::TimedOut { worker } => self.check_time_out(number, worker)?,
            Outcome::Expired if task.deadline_ns.is_none_or(|at| at > self.now) => {
                let what = format!("task {number} is expired before its deadline");
                return Err(self.broken(12, what));
            }
            Outcome::WorkerGone if task.pinned.is_none() => {
                let what = format!("task {number} has no worker and was not pinned");
                return Err(self.broken(12, what));
            }
            Outcome::Cancelled | Outcome::Withdrawn if !task.given_up => {
                let what = format!("task {number} is cancelled and nobody asked for it");
                return Err(self.broken(5, what));
            }
            Outcome::ShutDown if self.closing.is_none() => {
                return Err(self.broken(5, format!("task {number} is shut down")));
            }
            _ => {}
        }
        Ok(())
    }

    fn check_time_out(&self, number: usize, id: WorkerId) -> Result<(), Fails> {
        let worker = self.workers.get(id.index()).and_then(Option::as_ref);
        let sent = worker.and_then(|worker| {
            let run = worker.run.filter(|run| run.sent.task == number);
            // It may have returned since the shell looked last.
            let unseen = |run: &Run| !run.returned || run.returned_ns >= worker.collected_ns;
            match run {
                Some(run) if unseen(&run) && worker.capabilities.lane && !worker.liar => {
                    Some(run.began_ns)
                }
                Some(run) => unseen(&run).then_some(run.sent.sent_ns),
                None => {
                    let sent = worker.lane.iter().find(|sent| sent.task == number)?;
                    (!worker.capabilities.lane).then_some(sent.sent_ns)
                }
            }
        });
        let limit = self.tasks[number].limit_ns.unwrap_or(u64::MAX);
        if sent.is_none_or(|since| self.now < since.saturating_add(limit)) {
            let what = format!("task {number} timed out of {limit} ns, running since {sent:?}");
            return Err(self.broken(3, what));
        }
        Ok(())
    }

    /// Rule 6, what may not happen.
    fn check_failure(&mut self, failure: PoolFailure) -> Result<(), Fails> {
        self.facts.failed = true;
        let fair = match failure {
            PoolFailure::Permanent(_) => self.facts.permanent,
            PoolFailure::NoWorker(_) => {
                let mut since = self.facts.none_since_ns.unwrap_or(self.now);
                if self.profile.external && self.facts.ever_ready {
                    // Nobody has to come before there is a task.
                    since = since.max(self.watched.tasks_since_ns.unwrap_or(self.now));
                }
                let short = self.facts.serving < self.facts.needed.max(1);
                // The shell looks a little later than the event.
                let long = self.now + MS >= since + self.profile.start_timeout_ns;
                short && (long || self.facts.needed > 1)
            }
        };
        if !fair {
            return Err(self.broken(6, format!("the pool failed without need: {failure:?}")));
        }
        Ok(())
    }

    /// Rule 1: whether the run has ended, and as it should.
    pub(crate) fn is_over(&self) -> Result<bool, Fails> {
        let Some(since) = self.closing else {
            return Ok(false);
        };
        if self.engine.is_closed() {
            if let Some(task) = self.tasks.iter().position(|task| !task.resolved) {
                return Err(self.broken(1, format!("task {task} has no result")));
            }
            return Ok(true);
        }
        let most = 3_000 * MS + 4 * self.profile.grace_ns + 1_000 * MS;
        if self.now > since + most {
            return Err(self.broken(1, "the pool does not end".to_owned()));
        }
        Ok(false)
    }
}
