//! What the pool does beyond running tasks: requests to end, the number of workers, priorities,
//! deadlines, tasks that run again. And rules 9 to 12.

use crate::happens::Happens;
use crate::profile::MS;
use crate::worker::{Published, SimWorker};
use crate::world::{Fails, World};
use engine::{KillReason, PATIENCE, Priority, WorkerId};

/// How long the engine may take to do what it should.
const SLACK_NS: u64 = 2 * MS + 100_000;

/// The longest pause before a task runs again.
const PAUSE_NS: u64 = 80 * MS;

const PRIORITIES: [Priority; 3] = [Priority::High, Priority::Normal, Priority::Low];

/// Keeps since when a condition has held.
fn since(kept: &mut Option<u64>, holds: bool, now: u64) -> Option<u64> {
    *kept = holds.then(|| kept.unwrap_or(now));
    *kept
}

impl World {
    /// A running task is asked to end.
    pub(crate) fn ask(&mut self, id: WorkerId, entry: u64) {
        let (now, soft_ns) = (self.now, self.profile.soft_ns);
        let obeys = self.rng.u32(..1000) < self.profile.obeys;
        let after = self.rng.u64(..=soft_ns / 2);
        let Some(worker) = self.worker(id) else {
            return;
        };
        worker.asked = Some((entry, now));
        let (index, life) = (id.index(), worker.life);
        if obeys && worker.run.is_some_and(|run| run.sent.entry == entry) {
            self.later(after, Happens::Returns { index, life, entry });
        }
    }

    /// Some results are failures after which the task runs again.
    pub(crate) fn runs_again(&mut self, id: WorkerId, result: &Published) -> bool {
        if self.rng.u32(..1000) >= self.profile.again {
            return false;
        }
        let pause = [0, MS, 10 * MS][self.rng.usize(..3)];
        let again = self.engine.run_again(id, result.entry, pause);
        if again {
            self.tasks[result.task].again += 1;
            self.tasks[result.task].paused_until_ns = self.now + pause;
            self.note(|| format!("task {} failed and runs again", result.task));
        }
        again
    }

    /// Rules 2 and 12: a task is not begun too often, never while it runs, and again only after its pause.
    pub(crate) fn check_begin(&self, index: usize, number: usize) -> Result<(), Fails> {
        let task = &self.tasks[number];
        if task.retries == 0 && task.begun > 1 + task.again {
            return Err(self.broken(2, format!("task {number} with no retries began twice")));
        }
        if self.now < task.paused_until_ns {
            return Err(self.broken(
                12,
                format!("task {number} runs again before its pause is over"),
            ));
        }
        let elsewhere = |(other, worker): (usize, &Option<SimWorker>)| {
            let worker = worker.as_ref().filter(|it| it.dead.is_none() && !it.closed);
            let run = worker.and_then(|it| it.run).filter(|run| !run.returned);
            other != index && run.is_some_and(|run| run.sent.task == number)
        };
        if self.workers.iter().enumerate().any(elsewhere) {
            return Err(self.broken(2, format!("task {number} runs twice at a time")));
        }
        Ok(())
    }

    /// Rule 9: a worker is ended for its task only after that was asked.
    pub(crate) fn check_was_asked(
        &self,
        worker: &SimWorker,
        entry: u64,
        reason: KillReason,
    ) -> Result<(), Fails> {
        let soft_ns = self.profile.soft_ns;
        let for_task = matches!(reason, KillReason::Cancelled | KillReason::TimedOut);
        if !for_task || soft_ns == 0 || !worker.capabilities.ask {
            return Ok(());
        }
        let asked = worker.asked.filter(|&(asked, _)| asked == entry);
        // The engine counts from when it asked: the shell may have had other things to do first.
        if asked.is_none_or(|(_, at)| self.now + 500_000 < at + soft_ns) {
            let what = format!(
                "{:?} is ended, asked at {asked:?}, with {soft_ns} ns to end",
                worker.id
            );
            return Err(self.broken(9, what));
        }
        Ok(())
    }

    /// Rule 9: a worker whose task ignores the request is ended.
    pub(crate) fn check_asked(&self) -> Result<(), Fails> {
        for worker in self.workers.iter().flatten() {
            let Some((entry, at)) = worker.asked else {
                continue;
            };
            let runs = worker
                .run
                .is_some_and(|run| run.sent.entry == entry && !run.returned);
            let ending = worker.told_to_end || worker.told_to_leave;
            let ending = ending || worker.closed || worker.dead.is_some();
            let due = at.max(self.driven_since) + self.profile.soft_ns + SLACK_NS;
            if runs && !ending && !worker.violated && self.now > due {
                return Err(self.broken(9, format!("{:?} ignores a request", worker.id)));
            }
        }
        Ok(())
    }

    /// Rule 10.
    pub(crate) fn check_elastic(&mut self) -> Result<(), Fails> {
        let (now, external) = (self.now, self.profile.external);
        let tasks = self.engine.unresolved() > 0;
        since(&mut self.watched.tasks_since_ns, tasks, now);
        let wants = tasks || self.watched.min > 0;
        since(&mut self.watched.wanted_since_ns, wants, now);
        if external || self.closing.is_some() || self.facts.failed {
            return Ok(());
        }
        let takes = self.engine.staff_ids().len();
        if takes > self.watched.max as usize {
            return Err(self.broken(10, format!("{takes} workers take tasks")));
        }
        let (serving, standby) = (self.engine.serving(), self.engine.standby());
        if standby > self.profile.spare as usize {
            return Err(self.broken(10, format!("{standby} workers are spare")));
        }
        if standby > 0 && serving < self.watched.min as usize {
            return Err(self.broken(10, "a spare is idle while a worker is missing".to_owned()));
        }
        self.check_spares(serving, standby)?;
        self.check_growth(serving)?;
        self.check_shrink(serving)
    }

    /// Rule 10: a spare that takes the place of another worker, or ends, is replaced: it is there once that has
    /// started.
    fn check_spares(&mut self, serving: usize, standby: usize) -> Result<(), Fails> {
        let starting = self.starting();
        let wanted = (self.watched.min + self.profile.spare) as usize;
        let present = serving + standby + starting;
        let due = present < wanted && self.may_start();
        let since = since(&mut self.watched.spare_since_ns, due, self.now);
        let since = since.map(|since| since.max(self.driven_since));
        if since.is_some_and(|since| self.now > since + SLACK_NS) {
            let what = format!("{present} workers of {wanted} serve, are spare or start");
            return Err(self.broken(10, what));
        }
        Ok(())
    }

    /// Workers that are getting ready.
    fn starting(&self) -> usize {
        let alive = |worker: &&SimWorker| worker.dead.is_none() && !worker.told_to_end;
        let workers = self.workers.iter().flatten().filter(alive);
        workers.filter(|worker| !worker.greeted).count()
    }

    /// Whether there is a place for one more, and nothing has failed lately.
    fn may_start(&self) -> bool {
        let places = (self.watched.max + self.profile.spare) as usize;
        let outage = (self.profile.outage_ns.0..self.profile.outage_ns.1).contains(&self.now);
        self.engine.workers() < places
            && self.facts.failed_ns.is_none()
            && self.watched.storm_ns.is_none()
            && !outage
    }

    fn check_growth(&mut self, serving: usize) -> Result<(), Fails> {
        let starting = self.starting();
        let due = self.engine.queued() > starting
            && serving < self.watched.max as usize
            && self.may_start();
        let since = since(&mut self.watched.grows_since_ns, due, self.now);
        let since = since.map(|since| since.max(self.driven_since));
        if since.is_some_and(|since| self.now > since + SLACK_NS) {
            let (queued, workers) = (self.engine.queued(), self.engine.workers());
            let what = format!(
                "{queued} tasks wait, {serving} workers serve, {starting} start, of {workers}"
            );
            return Err(self.broken(10, what));
        }
        Ok(())
    }

    fn check_shrink(&mut self, serving: usize) -> Result<(), Fails> {
        let Some(idle_ns) = self.profile.idle_timeout_ns else {
            return Ok(());
        };
        let rests = |worker: &SimWorker| {
            worker.greeted && worker.lane.is_empty() && worker.run.is_none() && !worker.stopped
        };
        let quiet = self.engine.unresolved() == 0 && self.workers.iter().flatten().all(rests);
        let since = since(&mut self.watched.quiet_since_ns, quiet, self.now);
        let since = since.map(|since| since.max(self.driven_since));
        let late = since.is_some_and(|since| self.now > since + idle_ns + SLACK_NS);
        if late && serving > self.watched.min as usize {
            return Err(self.broken(10, format!("{serving} workers stay, all of them idle")));
        }
        Ok(())
    }

    /// Rule 11: whether it is the turn of the task that was taken.
    pub(crate) fn check_turn(&mut self, number: usize, later: &[usize]) -> Result<(), Fails> {
        let task = &self.tasks[number];
        if task.pinned.is_some() {
            return Ok(());
        }
        let level = task.priority as usize;
        let waited = |priority| {
            let mut later = later.iter().map(|&number| &self.tasks[number]);
            later.any(|task| task.priority == priority && task.pinned.is_none())
        };
        let waits =
            PRIORITIES.map(|priority| self.engine.queued_at(priority) > 0 || waited(priority));
        let passed = self.watched.passed[level];
        if waits[..level].contains(&true) && passed < PATIENCE {
            let what = format!("task {number} is taken before one of higher priority");
            return Err(self.broken(11, what));
        }
        self.watched.passed[level] = 0;
        for lower in level + 1..PRIORITIES.len() {
            let passed = &mut self.watched.passed[lower];
            *passed = if waits[lower] { *passed + 1 } else { 0 };
            if *passed > 4 * PATIENCE {
                let what = format!("{:?} waits for all others", PRIORITIES[lower]);
                return Err(self.broken(11, what));
            }
        }
        Ok(())
    }

    /// Rule 12: a task that is pinned to a worker, and does not pause, does not wait while that is idle.
    pub(crate) fn check_pinned(&self) -> Result<(), Fails> {
        let idle = |id: WorkerId| {
            let worker = self.workers.get(id.index())?.as_ref();
            let worker = worker.filter(|worker| worker.id == id && self.engine.is_serving(id))?;
            worker.idle_since.map(|since| since.max(self.driven_since))
        };
        for &number in &self.open {
            let task = &self.tasks[number];
            let since = task.pinned.filter(|_| !task.resolved).and_then(idle);
            // How long it pauses after a time-out, only the engine knows.
            let more = task.limit_ns.map_or(0, |_| PAUSE_NS);
            let since = since.map(|since| since.max(task.paused_until_ns) + more);
            if since.is_some_and(|since| self.now > since + SLACK_NS) {
                let what = format!("task {number} waits while its worker is idle");
                return Err(self.broken(12, what));
            }
        }
        Ok(())
    }

    /// Rule 12: deadlines hold.
    pub(crate) fn check_due(&mut self) -> Result<(), Fails> {
        let tasks = &self.tasks;
        self.watched.due.retain(|&number| !tasks[number].resolved);
        for &number in &self.watched.due {
            let due = self.tasks[number].deadline_ns.unwrap_or(u64::MAX);
            if self.now > due.max(self.driven_since).saturating_add(SLACK_NS) {
                let what = format!("task {number} has no result by its deadline");
                return Err(self.broken(12, what));
            }
        }
        Ok(())
    }
}
