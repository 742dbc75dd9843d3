//! The lives of simulated workers: what really happens there, which the engine learns of late or
//! never.

use crate::happens::Happens;
use crate::profile::{MS, US};
use crate::worker::{Conduct, Published, Run, SimWorker};
use crate::world::{Fails, World};
use engine::{Capabilities, Death, WorkerId};
use std::collections::VecDeque;

impl World {
    pub(crate) fn new_worker(&mut self, id: WorkerId, ready: bool) -> usize {
        let p = &self.profile;
        let rng = &mut self.rng;
        let worker = SimWorker {
            id,
            life: self.lives,
            capabilities: Capabilities {
                signal: !p.external,
                lane: !p.external && rng.u32(..1000) < p.lanes,
                replace: !p.external,
                ask: !p.external && rng.u32(..1000) < 900,
            },
            ready,
            greeted: ready,
            refuses: false,
            lane: VecDeque::new(),
            run: None,
            results: Vec::new(),
            head: 0,
            stopped: false,
            deferred: Vec::new(),
            closed: false,
            closed_reported: false,
            told_to_leave: false,
            told_to_end: false,
            ignores_term: rng.u32(..1000) < p.ignores_term,
            ignores_leave: rng.u32(..1000) < p.ignores_leave,
            liar: rng.u32(..1000) < p.liars,
            dead: None,
            violated: false,
            collected_ns: 0,
            idle_since: None,
            progress_ns: self.now,
            excused_until_ns: 0,
            done_reported: None,
            began_reported: None,
            answered: false,
            asked: None,
        };
        self.lives += 1;
        self.stats.workers += 1;
        let index = id.index();
        if self.workers.len() <= index {
            self.workers.resize_with(index + 1, || None);
        }
        self.workers[index] = Some(worker);
        index
    }

    /// The worker goes on, if it can: claims the next entry, or exits when asked to.
    pub(crate) fn advance(&mut self, index: usize) -> Result<(), Fails> {
        let now = self.now;
        let Some(worker) = self.workers[index].as_mut() else {
            return Ok(());
        };
        if worker.closed
            || !worker.ready
            || worker.stopped
            || worker.dead.is_some()
            || worker.run.is_some()
        {
            return Ok(());
        }
        let Some(sent) = worker.lane.pop_front() else {
            if worker.told_to_leave && !worker.ignores_leave {
                self.die(index, Death::Exit);
            }
            return Ok(());
        };
        worker.head = sent.entry + 1;
        worker.progress_ns = now;
        worker.run = Some(Run {
            sent,
            began_ns: now,
            returned: false,
            returned_ns: 0,
        });
        let (life, id, entry) = (worker.life, worker.id, sent.entry);
        let task = &mut self.tasks[sent.task];
        task.begun += 1;
        let (begun, pinned) = (task.begun, task.pinned);
        self.note(|| format!("worker {index} begins task {} (time {begun})", sent.task));
        self.check_begin(index, sent.task)?;
        if pinned.is_some_and(|pinned| pinned != id) {
            let what = format!("task {} runs on worker {index}, not on its own", sent.task);
            return Err(self.broken(12, what));
        }
        match self.conduct(sent.task) {
            Conduct::Takes(ns) => self.later(ns, Happens::Returns { index, life, entry }),
            Conduct::Crashes(ns) => self.later(
                ns,
                Happens::Dies {
                    index,
                    life,
                    death: Death::Signal,
                },
            ),
            Conduct::LosesInput(ns) => self.later(
                ns,
                Happens::Dies {
                    index,
                    life,
                    death: Death::InputChanged,
                },
            ),
            Conduct::Hangs => {}
        }
        Ok(())
    }

    fn conduct(&mut self, task: usize) -> Conduct {
        let p = &self.profile;
        let rng = &mut self.rng;
        let task = &self.tasks[task];
        let takes = match task.class {
            0 => rng.u64(US..20 * US),
            1 => rng.u64(50 * US..2 * MS),
            2 => rng.u64(2 * MS..30 * MS),
            // Of this class some take a thousand times as long as others.
            _ if rng.u32(..20) == 0 => rng.u64(5 * MS..40 * MS),
            _ => rng.u64(US..10 * US),
        };
        if task.poison || rng.u32(..1000) < p.crashes / 4 {
            return Conduct::Crashes(rng.u64(..=takes));
        }
        if rng.u32(..2000) < p.hangs {
            return Conduct::Hangs;
        }
        if rng.u32(..4000) < p.crashes {
            return Conduct::LosesInput(rng.u64(..=takes));
        }
        Conduct::Takes(takes)
    }

    /// The task's function returns.
    pub(crate) fn returns(&mut self, index: usize, entry: u64) {
        let now = self.now;
        let runs = |run: &Run| run.sent.entry == entry && !run.returned;
        let run = self.workers[index].as_ref().and_then(|it| it.run.as_ref());
        if !run.is_some_and(runs) {
            // It had been asked to end, and did.
            return;
        }
        let rng = &mut self.rng;
        let p = &self.profile;
        let (lost, stuck) = (
            rng.u32(..1000) < p.lost_results,
            rng.u32(..1000) < p.stuck_results,
        );
        let delay = if rng.u32(..20) == 0 {
            rng.u64(..3 * MS)
        } else {
            rng.u64(..2 * US)
        };
        let Some(worker) = self.workers[index].as_mut() else {
            return;
        };
        let life = worker.life;
        if let Some(run) = &mut worker.run {
            run.returned = true;
            run.returned_ns = now;
        }
        if lost {
            self.later(
                delay,
                Happens::Dies {
                    index,
                    life,
                    death: Death::Exit,
                },
            );
        } else if !stuck {
            self.later(delay, Happens::Publishes { index, life });
        }
        if delay > US {
            // The first part of a long result arrives.
            self.wake();
        }
    }

    pub(crate) fn publishes(&mut self, index: usize) -> Result<(), Fails> {
        let now = self.now;
        if let Some(worker) = self.workers[index].as_mut()
            && let Some(run) = worker.run.take()
        {
            worker.progress_ns = now;
            worker.results.push(Published {
                entry: run.sent.entry,
                task: run.sent.task,
                ran_ns: now - run.began_ns,
            });
        }
        self.wake();
        self.advance(index)
    }

    /// The process ends. What was running is lost, and counts as what happened while it ran.
    pub(crate) fn die(&mut self, index: usize, death: Death) {
        let Some(worker) = self.workers[index].as_mut() else {
            return;
        };
        if worker.dead.is_some() {
            return;
        }
        worker.dead = Some(death);
        let ran = worker
            .run
            .filter(|run| !run.returned)
            .map(|run| run.sent.task);
        if worker.capabilities.lane
            && let Some(task) = ran
        {
            self.tasks[task].deaths += 1;
        }
        self.note(|| format!("worker {index} dies: {death:?}, running {ran:?}"));
        self.wake();
    }
}
