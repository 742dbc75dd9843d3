//! The caller of the pool: submits, cancels, withdraws, resizes, stays away, shuts down. And what
//! hits workers from outside.

use crate::happens::Happens;
use crate::profile::{MS, US};
use crate::world::{Fails, SimTask, World};
use engine::{Capabilities, Death, Priority, Shutdown, SubmitError};
use engine::{TaskAt, TaskSpec, WorkerId};

impl World {
    /// One action of the caller.
    pub(crate) fn act(&mut self) -> Result<(), Fails> {
        if self.now < self.away_until_ns {
            let back = self.away_until_ns - self.now;
            self.later(back, Happens::Acts);
            return Ok(());
        }
        self.stats.events += 1;
        if self.closing.is_some() {
            return self.press();
        }
        if self.actions_left == 0 || self.engine.has_failed() {
            let hopeless = self.engine.serving() == 0 && self.engine.unresolved() > 0;
            if hopeless && !self.engine.has_failed() && self.patience > 0 {
                self.patience -= 1;
                self.later(100 * MS, Happens::Acts);
                return self.step();
            }
            return self.close();
        }
        self.actions_left -= 1;
        let p = &self.profile;
        let roll = self.rng.u32(..1000);
        if roll < p.cancels {
            self.cancel_some();
        } else if roll < p.cancels + 10 {
            self.cancel_burst()?;
        } else if roll < p.cancels + 20 {
            self.resize();
        } else {
            let burst = [1, 1, 2, 5, 20][self.rng.usize(..5)];
            if self.rng.u32(..1000) < self.profile.batches {
                match self.rng.bool() {
                    true => self.submit_batch(burst)?,
                    false => self.grow_batch(burst)?,
                }
            } else {
                self.submit(burst)?;
            }
        }
        self.step()?;
        self.go_away()?;
        let pause = self.rng.u64(..self.profile.pause_ns);
        self.later(pause, Happens::Acts);
        Ok(())
    }

    fn go_away(&mut self) -> Result<(), Fails> {
        if self.rng.u32(..1000) >= self.profile.away {
            return Ok(());
        }
        if self.rng.bool() {
            for index in 0..self.workers.len() {
                if let Some(id) = self.workers[index].as_ref().map(|it| it.id) {
                    self.feed(id, true)?;
                }
            }
            self.effects()?;
        }
        let longest = [MS, 50 * MS, 400 * MS][self.rng.usize(..3)];
        let away = self.rng.u64(..longest);
        self.away_until_ns = self.now + away;
        self.driven_since = self.away_until_ns;
        self.note(|| format!("the caller is away for {} µs", away / US));
        self.later(away, Happens::Wakes);
        Ok(())
    }

    fn submit(&mut self, burst: u32) -> Result<(), Fails> {
        for _ in 0..burst {
            let p = &self.profile;
            let rng = &mut self.rng;
            let class = rng.u32(..4);
            let limited = rng.u32(..1000) < p.limits;
            let due = rng.u32(..1000) < p.deadlines;
            let priority = [Priority::High, Priority::Normal, Priority::Low][rng.usize(..3)];
            let spec = TaskSpec {
                class,
                retries: [0, 0, 1, 2][rng.usize(..4)],
                limit_ns: limited.then(|| rng.u64(MS..40 * MS)),
                deadline_ns: due.then(|| self.now + rng.u64(..60 * MS)),
                time_outs: [0, 0, 1, 2][rng.usize(..4)],
                pause_ns: [0, MS, 20 * MS][rng.usize(..3)],
                priority: if p.priorities {
                    priority
                } else {
                    Priority::Normal
                },
                exclusive: rng.u32(..30) == 0,
            };
            let poison = rng.u32(..2000) < p.crashes;
            let pinned = rng.u32(..1000) < p.pinned;
            let pinned = if pinned { self.some_worker() } else { None };
            let accepted = match pinned {
                Some(worker) => self.engine.submit_to(worker, spec),
                None => self.engine.submit(self.now, spec),
            };
            self.pull();
            match accepted {
                Ok(id) => self.accepted(id, spec, pinned, poison),
                Err(SubmitError::Full) if self.open_tasks() < self.profile.bound => {
                    return Err(self.broken(7, "full below the bound".to_owned()));
                }
                Err(_) => return Ok(()),
            }
        }
        Ok(())
    }

    fn some_worker(&mut self) -> Option<WorkerId> {
        let ids = self.engine.staff_ids();
        (!ids.is_empty()).then(|| ids[self.rng.usize(..ids.len())])
    }

    fn resize(&mut self) {
        if self.profile.external {
            return;
        }
        let max = self.rng.u32(1..=self.profile.workers);
        let fixed = self.profile.min == self.profile.workers;
        let min = if fixed { max } else { self.rng.u32(..=max) };
        self.note(|| format!("the caller resizes to {min}..={max}"));
        self.watched.resized(min, max);
        self.engine.resize(self.now, min, max);
        self.pull();
    }

    fn accepted(
        &mut self,
        id: engine::TaskId,
        spec: TaskSpec,
        pinned: Option<WorkerId>,
        poison: bool,
    ) {
        let number = self.tasks.len();
        let retries = if pinned.is_some() { 0 } else { spec.retries };
        self.tasks.push(SimTask::new(
            id,
            TaskSpec { retries, ..spec },
            pinned,
            poison,
        ));
        self.name(id, number, 1);
        self.entered(number, spec);
        self.note(|| format!("the caller submits task {number}: {spec:?}, poison {poison}"));
    }

    pub(crate) fn entered(&mut self, number: usize, spec: TaskSpec) {
        // However short it will be there.
        self.watched.quiet_since_ns = None;
        self.open.push(number);
        if spec.deadline_ns.is_some() {
            self.watched.due.push(number);
        }
        self.stats.events += 1;
        self.stats.tasks += 1;
    }

    pub(crate) fn open_tasks(&mut self) -> usize {
        let tasks = &self.tasks;
        self.open.retain(|&task| !tasks[task].resolved);
        self.open.len()
    }

    fn cancel_some(&mut self) {
        for _ in 0..self.rng.usize(1..4) {
            if self.open_tasks() == 0 {
                return;
            }
            let number = self.open[self.rng.usize(..self.open.len())];
            let withdraw = self.rng.u32(..3) == 0;
            self.give_up(number, withdraw);
        }
    }

    fn give_up(&mut self, number: usize, withdraw: bool) {
        self.stats.events += 1;
        self.note(|| format!("the caller gives up task {number}, withdraw: {withdraw}"));
        let id = self.tasks[number].id;
        let (task, first) = (id, self.names[&id].0);
        // There was a task until now, whether that was looked at or not.
        (self.watched.gave_up, self.watched.quiet_since_ns) = (true, None);
        if self.names[&id].1 > 1 && self.rng.bool() {
            // One of a batch alone.
            let at = (number - first) as u32;
            let one = TaskAt { task, at };
            let given_up = match withdraw {
                true => self.engine.withdraw_one(self.now, one),
                false => self.engine.cancel_one(self.now, one),
            };
            self.name_parted();
            // The engine may know more than the caller does yet.
            self.tasks[number].given_up |= given_up;
        } else {
            for number in self.unresolved(id) {
                self.tasks[number].given_up = true;
            }
            match withdraw {
                true => self.engine.withdraw(self.now, id),
                false => self.engine.cancel(self.now, id),
            };
        }
        self.pull();
    }

    /// Many tasks, cancelled newest first before anything else happens.
    fn cancel_burst(&mut self) -> Result<(), Fails> {
        let from = self.tasks.len();
        self.submit(200)?;
        for number in (from..self.tasks.len()).rev() {
            self.give_up(number, false);
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), Fails> {
        let how = [
            Shutdown::Drain,
            Shutdown::Drain,
            Shutdown::Now,
            Shutdown::Drop,
        ][self.rng.usize(..4)];
        self.note(|| format!("the caller shuts down: {how:?}"));
        self.closing = Some(self.now);
        self.engine.shutdown(self.now, how);
        self.step()?;
        self.later(100 * MS, Happens::Acts);
        Ok(())
    }

    /// A drain that takes long: hanging tasks are cancelled, and in the end the pool is shut down.
    fn press(&mut self) -> Result<(), Fails> {
        let since = self.closing.unwrap_or(self.now);
        if self.now - since > 3_000 * MS {
            self.note(|| "the caller shuts down now".to_owned());
            self.engine.shutdown(self.now, Shutdown::Now);
        } else {
            self.cancel_some();
        }
        self.step()?;
        self.later(100 * MS, Happens::Acts);
        Ok(())
    }

    /// An external worker comes.
    pub(crate) fn join(&mut self) -> Result<(), Fails> {
        let back = self.away_until_ns.saturating_sub(self.now);
        if back > 0 {
            self.later(back, Happens::Joins);
            return Ok(());
        }
        self.stats.events += 1;
        let capabilities = Capabilities {
            signal: false,
            lane: false,
            replace: false,
            ask: false,
        };
        if let Some(id) = self.engine.join(self.now, capabilities) {
            self.facts.joined();
            self.new_worker(id, true);
            self.note(|| format!("worker {} joins", id.index()));
        }
        self.step()
    }

    /// Something hits a worker from outside.
    pub(crate) fn fault(&mut self) {
        let next = self.rng.u64(1..=self.profile.faults_ns);
        self.later(next, Happens::Fault);
        if self.workers.is_empty() {
            return;
        }
        let index = self.rng.usize(..self.workers.len());
        let kind = self.rng.u32(..10);
        let after = self.rng.u64(..60 * MS);
        let Some(worker) = self.workers[index].as_mut() else {
            return;
        };
        let life = worker.life;
        match kind {
            0..=3 if worker.dead.is_none() => self.die(index, Death::Signal),
            4 if worker.greeted && worker.dead.is_none() => {
                worker.violated = true;
                self.wake();
            }
            5 if worker.dead.is_none() && !worker.closed => {
                // Half of them end soon after, the others never.
                worker.closed = true;
                let death = Death::Exit;
                if after.is_multiple_of(2) {
                    self.later(after / 40, Happens::Dies { index, life, death });
                }
                self.note(|| format!("worker {index} closes its connection"));
                self.wake();
            }
            6..=9 if !worker.stopped => {
                worker.stopped = true;
                self.note(|| format!("worker {index} is stopped for {} µs", after / US));
                self.later(after, Happens::Continues { index, life });
            }
            _ => {}
        }
    }
}
