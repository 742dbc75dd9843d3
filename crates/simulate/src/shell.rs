//! A shell around the engine that keeps its contract: it drains, ticks, executes effects, and runs
//! callbacks that may panic.

use crate::happens::Happens;
use crate::profile::MS;
use crate::world::{Fails, World};
use engine::{Death, Effect, Event, TaskAt, WorkerId};

impl World {
    /// One step of the shell, if the caller is there.
    pub(crate) fn step(&mut self) -> Result<(), Fails> {
        if self.now < self.away_until_ns {
            self.driven_since = self.away_until_ns;
            return Ok(());
        }
        for event in std::mem::take(&mut self.unreported) {
            self.report(event);
        }
        for index in 0..self.workers.len() {
            self.drain(index)?;
        }
        self.engine.tick(self.now);
        self.effects()?;
        self.check()?;
        self.arm();
        Ok(())
    }

    /// Reports to the engine.
    pub(crate) fn report(&mut self, event: Event) {
        self.stats.events += 1;
        self.note(|| format!("{event:?}"));
        self.facts.reported(self.now, &event);
        self.engine.handle(self.now, event);
        self.name_parted();
        self.pull();
    }

    /// Tasks have left their batches.
    pub(crate) fn name_parted(&mut self) {
        while let Some(parted) = self.engine.pop_parted() {
            let (task, at) = (parted.batch, parted.at);
            let number = self.number(TaskAt { task, at });
            self.note(|| format!("task {number} leaves its batch"));
            self.name(parted.task, number, 1);
        }
    }

    pub(crate) fn pull(&mut self) {
        while let Some(effect) = self.engine.pop_effect() {
            self.facts.asked(self.now, &effect);
            self.to_do.push_back(effect);
        }
    }

    /// Reports everything that one worker left.
    fn drain(&mut self, index: usize) -> Result<(), Fails> {
        self.greet(index);
        self.collect(index)?;
        let Some(worker) = self.workers[index].as_mut() else {
            return Ok(());
        };
        if worker.closed && !worker.closed_reported {
            worker.closed_reported = true;
            let worker = worker.id;
            self.report(Event::Closed { worker });
        }
        let Some(worker) = self.workers[index].as_mut() else {
            return Ok(());
        };
        if worker.violated {
            worker.violated = false;
            let worker = worker.id;
            self.report(Event::Violation { worker });
        }
        let Some(worker) = self.workers[index].as_ref() else {
            return Ok(());
        };
        let Some(death) = worker.dead else {
            return Ok(());
        };
        self.reap(index, death);
        Ok(())
    }

    fn greet(&mut self, index: usize) {
        let Some(worker) = self.workers[index].as_mut() else {
            return;
        };
        if worker.ready && !worker.greeted && !worker.closed {
            worker.greeted = true;
            let (id, capabilities) = (worker.id, worker.capabilities);
            let event = if worker.refuses {
                Event::Refused { worker: id }
            } else {
                Event::Ready {
                    worker: id,
                    capabilities,
                }
            };
            self.report(event);
        }
    }

    /// Delivers results, and reports what was finished, done and begun.
    pub(crate) fn collect(&mut self, index: usize) -> Result<(), Fails> {
        let now = self.now;
        let Some(worker) = self.workers[index].as_mut() else {
            return Ok(());
        };
        worker.collected_ns = now;
        let id = worker.id;
        let results = std::mem::take(&mut worker.results);
        if !results.is_empty() {
            worker.answered = true;
            let ready_ns = self.facts.ready_ns.get(index).copied();
            let storm = &mut self.watched.storm_ns;
            *storm = storm.filter(|&at| ready_ns.is_none_or(|ready_ns| ready_ns <= at));
        }
        if let (Some(first), Some(last)) = (results.first(), results.last()) {
            let entries = first.entry..last.entry + 1;
            let ran_ns = results.iter().map(|it| it.ran_ns).sum();
            for result in &results {
                if self.runs_again(id, result) {
                    continue;
                }
                if let Some(task) = self.engine.task_at(id, result.entry) {
                    self.deliver(self.number(task), result.task)?;
                }
            }
            let rss = self.rng.u64(..1000);
            self.report(Event::Finished {
                worker: id,
                entries,
                ran_ns,
                rss,
            });
        }
        let Some(worker) = self.workers[index].as_mut() else {
            return Ok(());
        };
        let Some(run) = worker.run else {
            return Ok(());
        };
        let entry = run.sent.entry;
        let began_ns = if worker.liar {
            self.rng.u64(..2 * self.now)
        } else {
            run.began_ns
        };
        if worker.capabilities.lane && worker.began_reported != Some(entry) {
            worker.began_reported = Some(entry);
            self.report(Event::Began {
                worker: id,
                entry,
                at_ns: began_ns,
            });
        }
        let Some(worker) = self.workers[index].as_mut() else {
            return Ok(());
        };
        if run.returned && worker.done_reported != Some(entry) {
            worker.done_reported = Some(entry);
            self.report(Event::Done { worker: id, entry });
        }
        Ok(())
    }

    fn deliver(&mut self, named: usize, ran: usize) -> Result<(), Fails> {
        if named != ran {
            let what = format!("the result of task {ran} was delivered to task {named}");
            return Err(self.broken(1, what));
        }
        self.resolved(ran, "its output")
    }

    /// A task has its result.
    pub(crate) fn resolved(&mut self, task: usize, result: &str) -> Result<(), Fails> {
        self.note(|| format!("task {task} has {result}"));
        if self.tasks[task].resolved {
            return Err(self.broken(1, format!("task {task} has a second result: {result}")));
        }
        self.tasks[task].resolved = true;
        Ok(())
    }

    fn reap(&mut self, index: usize, death: Death) {
        let Some(worker) = self.workers[index].take() else {
            return;
        };
        let outstanding = worker
            .run
            .map(|run| run.sent)
            .or(worker.lane.front().copied());
        if let Some(run) = worker.run.filter(|run| run.returned) {
            self.tasks[run.sent.task].lost += 1;
        }
        if !worker.answered {
            self.watched.storm_ns = Some(self.now);
        }
        let mut not_begun = false;
        if let (Some(sent), false) = (outstanding, worker.capabilities.lane) {
            not_begun = worker.run.is_none() && self.rng.bool();
            if !not_begun && worker.done_reported != Some(sent.entry) {
                self.tasks[sent.task].deaths += 1;
            }
        }
        let death = if self.rng.u32(..20) == 0 && death != Death::InputChanged {
            Death::Unknown
        } else {
            death
        };
        if !worker.greeted && !worker.told_to_end {
            self.facts.start_died(self.now, death == Death::Exit);
        }
        self.report(Event::Died {
            worker: worker.id,
            death,
            not_begun,
        });
        if self.profile.external && self.rng.u32(..3) > 0 {
            let after = self.rng.u64(..20 * MS);
            self.later(after, Happens::Joins);
        }
    }

    pub(crate) fn effects(&mut self) -> Result<(), Fails> {
        self.pull();
        while let Some(effect) = self.to_do.pop_front() {
            self.stats.events += 1;
            let panics = matches!(effect, Effect::Resolve { .. })
                && self.rng.u32(..1000) < self.profile.callback_panics;
            self.execute(effect.clone())?;
            if panics {
                self.panicked(effect)?;
            }
            self.pull();
        }
        Ok(())
    }

    /// The callback that an effect led to has panicked. The panic is caught, and the loop goes on
    /// with the next effect.
    #[cfg(feature = "defects")]
    fn panicked(&mut self, effect: Effect) -> Result<(), Fails> {
        match self.options.defect {
            Some(engine::Defect::PanicLosesEffects) => {
                self.to_do.clear();
                Ok(())
            }
            Some(engine::Defect::PanicRepeatsEffect) => self.execute(effect),
            _ => Ok(()),
        }
    }

    #[cfg(not(feature = "defects"))]
    fn panicked(&mut self, effect: Effect) -> Result<(), Fails> {
        self.note(|| format!("the callback of {effect:?} panicked"));
        Ok(())
    }

    fn execute(&mut self, effect: Effect) -> Result<(), Fails> {
        if matches!(
            effect,
            Effect::Recall { .. } | Effect::Terminate(..) | Effect::Kill(..)
        ) {
            self.elapse()?;
        }
        self.note(|| format!("→ {effect:?}"));
        self.check_effect(&effect)?;
        match effect {
            Effect::Start(id) => self.start(id),
            Effect::Offer(id) => self.feed(id, false)?,
            Effect::Ask { worker, entry } => self.ask(worker, entry),
            Effect::Leave(id) => {
                if let Some(worker) = self.worker(id) {
                    worker.told_to_leave = true;
                    let (index, life) = (id.index(), worker.life);
                    let after = self.rng.u64(..MS);
                    self.later(after, Happens::Advances { index, life });
                }
            }
            Effect::Terminate(id, _) => {
                if let Some(worker) = self.worker(id) {
                    worker.told_to_end = true;
                    let (index, life, ignores) = (id.index(), worker.life, worker.ignores_term);
                    let after = self.rng.u64(..MS);
                    if !ignores {
                        let death = Death::Signal;
                        self.later(after, Happens::Dies { index, life, death });
                    }
                }
            }
            Effect::Kill(id, _) | Effect::Disconnect(id, _) => {
                if let Some(worker) = self.worker(id) {
                    worker.told_to_end = true;
                    self.die(id.index(), Death::Signal);
                }
            }
            Effect::Recall { worker, below } => self.recall(worker, below)?,
            Effect::Retried { .. } => {}
            Effect::Resolve { task, outcome } => {
                let numbers = self.unresolved(task);
                if numbers.is_empty() {
                    return Err(self.broken(1, format!("{task:?} has a second result")));
                }
                for number in numbers {
                    self.check_outcome(number, outcome)?;
                    self.resolved(number, &format!("{outcome:?}"))?;
                }
            }
            Effect::Fail(_) => {}
        }
        Ok(())
    }

    pub(crate) fn worker(&mut self, id: WorkerId) -> Option<&mut crate::worker::SimWorker> {
        let worker = self.workers.get_mut(id.index())?.as_mut()?;
        (worker.id == id).then_some(worker)
    }
}
