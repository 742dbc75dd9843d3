//! The simulated world: its clock, what is going to happen, and the loop.

use crate::facts::Facts;
use crate::happens::Happens;
use crate::profile::{MS, Profile, US};
use crate::report::{Failure, Options, Stats};
use crate::watched::Watched;
use crate::worker::SimWorker;
use engine::{Effect, Engine, Event, Priority, TaskAt, TaskId, TaskSpec, WorkerId};
use fastrand::Rng;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};

/// Why a run ends early.
pub(crate) type Fails = Box<Failure>;

/// A task as it really is.
#[derive(Debug)]
pub(crate) struct SimTask {
    /// Its own, or its batch's.
    pub(crate) id: TaskId,
    pub(crate) class: u32,
    pub(crate) retries: u32,
    pub(crate) priority: Priority,
    pub(crate) limit_ns: Option<u64>,
    pub(crate) deadline_ns: Option<u64>,
    /// How often more it may be begun, since it ran too long or failed.
    pub(crate) again: u32,
    /// It failed, and does not run again before.
    pub(crate) paused_until_ns: u64,
    /// The only worker that may run it.
    pub(crate) pinned: Option<WorkerId>,
    pub(crate) poison: bool,
    pub(crate) begun: u32,
    /// Deaths of workers that the task may be charged with.
    pub(crate) deaths: u32,
    /// Times that it returned and its worker died before the result was reported.
    pub(crate) lost: u32,
    /// Those that it was charged with.
    pub(crate) charged: u32,
    pub(crate) resolved: bool,
    /// It was given up by the caller.
    pub(crate) given_up: bool,
}

impl SimTask {
    pub(crate) fn new(
        id: TaskId,
        spec: TaskSpec,
        pinned: Option<WorkerId>,
        poison: bool,
    ) -> SimTask {
        SimTask {
            id,
            class: spec.class,
            retries: spec.retries,
            priority: spec.priority,
            limit_ns: spec.limit_ns,
            deadline_ns: spec.deadline_ns,
            again: spec.time_outs,
            paused_until_ns: 0,
            pinned,
            poison,
            begun: 0,
            deaths: 0,
            lost: 0,
            charged: 0,
            resolved: false,
            given_up: false,
        }
    }
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) options: Options,
    pub(crate) rng: Rng,
    pub(crate) profile: Profile,
    pub(crate) now: u64,
    pub(crate) engine: Engine,
    pub(crate) workers: Vec<Option<SimWorker>>,
    pub(crate) tasks: Vec<SimTask>,
    /// By the engine's id: which task has it, or the first of which batch, and how many.
    pub(crate) names: HashMap<TaskId, (usize, u32)>,
    /// The batch that was submitted last.
    pub(crate) grows: Option<(TaskId, TaskSpec)>,
    pub(crate) open: Vec<usize>,
    /// What the engine asked for and the shell has not done yet.
    pub(crate) to_do: VecDeque<Effect>,
    /// What the shell reports in its next step.
    pub(crate) unreported: Vec<Event>,
    ahead: BinaryHeap<Reverse<(u64, u64, Happens)>>,
    sequence: u64,
    pub(crate) lives: u64,
    pub(crate) stats: Stats,
    trace: VecDeque<String>,
    deadline: u64,
    woken: bool,
    pub(crate) away_until_ns: u64,
    pub(crate) driven_since: u64,
    pub(crate) actions_left: u32,
    /// For how many tenths of a second the caller waits for a worker before it shuts down.
    pub(crate) patience: u32,
    pub(crate) closing: Option<u64>,
    pub(crate) facts: Facts,
    pub(crate) watched: Watched,
}

const TRACE: usize = 80;
const STEPS: u64 = 200_000;

impl World {
    pub(crate) fn new(seed: u64, options: Options) -> World {
        let mut rng = Rng::with_seed(seed);
        let profile = Profile::new(&mut rng);
        #[cfg_attr(
            not(feature = "defects"),
            expect(unused_mut, reason = "set with defects only")
        )]
        let mut config = profile.config();
        #[cfg(feature = "defects")]
        {
            config.defect = options.defect;
        }
        World {
            seed,
            options,
            now: MS,
            engine: Engine::new(MS, config),
            workers: Vec::new(),
            tasks: Vec::new(),
            names: HashMap::new(),
            grows: None,
            open: Vec::new(),
            to_do: VecDeque::new(),
            unreported: Vec::new(),
            ahead: BinaryHeap::new(),
            sequence: 0,
            lives: 1,
            stats: Stats::default(),
            trace: VecDeque::new(),
            deadline: u64::MAX,
            woken: false,
            away_until_ns: 0,
            driven_since: 0,
            actions_left: profile.actions,
            patience: 25,
            closing: None,
            facts: Facts::new(MS),
            watched: Watched::new(profile.min, profile.workers),
            rng,
            profile,
        }
    }

    pub(crate) fn run(mut self) -> Result<Stats, Fails> {
        self.later(0, Happens::Wakes);
        self.later(10 * US, Happens::Acts);
        if self.profile.faults_ns > 0 {
            self.later(self.profile.faults_ns, Happens::Fault);
        }
        if self.profile.external {
            for _ in 0..self.profile.workers {
                let at = self.rng.u64(..10 * MS);
                self.later(at, Happens::Joins);
            }
        }
        let mut steps = 0;
        while let Some(Reverse((at, _, happens))) = self.ahead.pop() {
            self.now = self.now.max(at);
            steps += 1;
            if steps > STEPS {
                return Err(self.broken(1, "the run does not end".to_owned()));
            }
            self.happen(happens)?;
            if self.is_over()? {
                return Ok(self.stats);
            }
        }
        Err(self.broken(
            1,
            "nothing happens any more, and the pool has not ended".to_owned(),
        ))
    }

    fn happen(&mut self, happens: Happens) -> Result<(), Fails> {
        if self.is_past(happens) {
            return Ok(());
        }
        match happens {
            Happens::Ready { index, .. } => {
                if let Some(worker) = self.workers[index].as_mut() {
                    worker.ready = true;
                }
                self.wake();
                self.advance(index)
            }
            Happens::Advances { index, .. } => self.advance(index),
            Happens::Returns { index, entry, .. } => {
                self.returns(index, entry);
                Ok(())
            }
            Happens::Publishes { index, .. } => self.publishes(index),
            Happens::Dies { index, death, .. } => {
                self.die(index, death);
                Ok(())
            }
            Happens::StartFails { id, permanent } => {
                self.unreported.push(Event::StartFailed {
                    worker: WorkerId::from_bits(id),
                    permanent,
                });
                self.wake();
                Ok(())
            }
            Happens::Continues { index, life } => self.continues(index, life),
            Happens::Room { index, .. } => {
                if let Some(worker) = &self.workers[index] {
                    let worker = worker.id;
                    self.unreported.push(Event::Room { worker });
                }
                self.wake();
                Ok(())
            }
            Happens::Fault => {
                self.fault();
                Ok(())
            }
            Happens::Acts => self.act(),
            Happens::Joins => self.join(),
            Happens::Deadline { at } => {
                if at != self.deadline {
                    return Ok(());
                }
                self.deadline = u64::MAX;
                self.step()
            }
            Happens::Wakes => {
                self.woken = false;
                self.step()
            }
        }
    }

    /// Whether it would happen to a worker that is gone, or is stopped: then it happens later.
    fn is_past(&mut self, happens: Happens) -> bool {
        let life = match happens {
            Happens::Ready { index, life }
            | Happens::Advances { index, life }
            | Happens::Returns { index, life, .. }
            | Happens::Publishes { index, life }
            | Happens::Dies { index, life, .. }
            | Happens::Continues { index, life }
            | Happens::Room { index, life } => Some((index, life)),
            _ => None,
        };
        let Some((index, life)) = life else {
            return false;
        };
        let Some(worker) = self.workers[index].as_mut().filter(|it| it.life == life) else {
            return true;
        };
        let shell = matches!(happens, Happens::Continues { .. } | Happens::Room { .. });
        if worker.stopped && worker.dead.is_none() && !shell {
            worker.deferred.push(happens);
            return true;
        }
        worker.dead.is_some() && !shell
    }

    /// Some time passes while the shell is at work: workers go on, the shell does not look.
    pub(crate) fn elapse(&mut self) -> Result<(), Fails> {
        let until = self.now + self.rng.u64(..20 * US);
        while let Some(&Reverse((at, _, happens))) = self.ahead.peek() {
            let inside = matches!(
                happens,
                Happens::Advances { .. }
                    | Happens::Returns { .. }
                    | Happens::Publishes { .. }
                    | Happens::Dies { .. }
            );
            if at > until || !inside {
                break;
            }
            self.ahead.pop();
            self.now = self.now.max(at);
            self.happen(happens)?;
        }
        self.now = until;
        Ok(())
    }

    fn continues(&mut self, index: usize, life: u64) -> Result<(), Fails> {
        let Some(worker) = self.workers[index].as_mut() else {
            return Ok(());
        };
        worker.stopped = false;
        let deferred = std::mem::take(&mut worker.deferred);
        for happens in deferred {
            self.later(0, happens);
        }
        self.later(0, Happens::Advances { index, life });
        Ok(())
    }

    /// Something will happen after a time.
    pub(crate) fn later(&mut self, after_ns: u64, happens: Happens) {
        self.sequence += 1;
        let at = self.now.saturating_add(after_ns);
        self.ahead.push(Reverse((at, self.sequence, happens)));
    }

    /// The shell's descriptor is readable. A caller that is away looks when it is back.
    pub(crate) fn wake(&mut self) {
        if !self.woken {
            self.woken = true;
            let back = self.away_until_ns.saturating_sub(self.now);
            let latency = self.rng.u64(..5 * US);
            self.later(back + latency, Happens::Wakes);
        }
    }

    /// Makes sure that the shell looks at the engine's next deadline.
    pub(crate) fn arm(&mut self) {
        if let Some(at) = self.engine.next_deadline() {
            let at = at.max(self.away_until_ns);
            if at < self.deadline {
                self.deadline = at;
                self.later(at.saturating_sub(self.now), Happens::Deadline { at });
            }
        }
    }

    /// The number of a task.
    pub(crate) fn number(&self, TaskAt { task, at }: TaskAt) -> usize {
        self.names[&task].0 + at as usize
    }

    /// The numbers of what has this id in the engine and no result.
    pub(crate) fn unresolved(&self, id: TaskId) -> Vec<usize> {
        let (first, count) = self.names[&id];
        let mut numbers: Vec<usize> = (first..first + count as usize).collect();
        numbers.retain(|&number| self.tasks[number].id == id && !self.tasks[number].resolved);
        numbers
    }

    /// The engine's id of tasks from a number on.
    pub(crate) fn name(&mut self, id: TaskId, first: usize, count: u32) {
        self.names.insert(id, (first, count));
        for task in &mut self.tasks[first..first + count as usize] {
            task.id = id;
        }
    }

    pub(crate) fn note(&mut self, line: impl FnOnce() -> String) {
        if self.options.trace {
            if self.trace.len() == TRACE {
                self.trace.pop_front();
            }
            let now = self.now as f64 / MS as f64;
            self.trace.push_back(format!("{now:.4} ms: {}", line()));
        }
    }

    pub(crate) fn broken(&self, rule: u8, what: String) -> Fails {
        Box::new(Failure {
            seed: self.seed,
            rule,
            what: format!("{what} (at {:.4} ms)", self.now as f64 / MS as f64),
            trace: self.trace.iter().cloned().collect(),
        })
    }
}
