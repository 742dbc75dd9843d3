//! What the shell does for the engine's effects: feeds workers, recalls entries, starts processes.

use crate::happens::Happens;
use crate::profile::{MS, US};
use crate::worker::Sent;
use crate::world::{Fails, World};
use engine::{Assignment, Deal, Death, Event, TaskAt, WorkerId};

/// Entries that fit into a lane.
pub(crate) const LANE: usize = 256;

impl World {
    /// Gives a worker what the engine has for it.
    pub(crate) fn feed(&mut self, id: WorkerId, fill: bool) -> Result<(), Fails> {
        let (now, index) = (self.now, id.index());
        loop {
            let full = self.worker(id).is_some_and(|it| it.lane.len() >= LANE);
            let busy = self.profile.send_fails > 0 && self.rng.u32(..200) == 0;
            if let (true, Some(worker)) = (full || (busy && !fill), self.worker(id)) {
                // The shell has no room; it says so when it has.
                let life = worker.life;
                worker.excused_until_ns = worker.excused_until_ns.max(now + MS);
                self.later(MS, Happens::Room { index, life });
                return Ok(());
            }
            // A shell may ask for one entry at a time or for several.
            let most = self
                .rng
                .usize(1..=8)
                .min(LANE - self.worker(id).map_or(0, |it| it.lane.len()));
            let deal = match fill {
                true => Deal::ByNumber(most),
                false => Deal::ByTime(most),
            };
            let mut dealt = Vec::new();
            self.engine.deal(now, id, deal, &mut dealt);
            let dealt: Vec<Sent> = dealt.iter().flat_map(|it| self.each(it)).collect();
            let tasks: Vec<usize> = dealt.iter().map(|it| it.task).collect();
            for at in 0..tasks.len() {
                self.check_turn(tasks[at], &tasks[at + 1..])?;
            }
            self.stats.events += dealt.len() as u64;
            for &sent in &dealt {
                self.send(id, sent)?;
            }
            if dealt.len() < most {
                return Ok(());
            }
        }
    }

    /// The entries of an assignment, one by one.
    pub(crate) fn each(&self, assignment: &Assignment) -> Vec<Sent> {
        let &Assignment { entry, task, .. } = assignment;
        let each = (0..assignment.count).map(|n| Sent {
            entry: entry + u64::from(n),
            task: self.number(TaskAt {
                task,
                at: assignment.first + n,
            }),
            sent_ns: self.now,
        });
        each.collect()
    }

    pub(crate) fn send(&mut self, id: WorkerId, sent: Sent) -> Result<(), Fails> {
        let (now, index) = (self.now, id.index());
        let Sent { task, entry, .. } = sent;
        let fails = self.rng.u32(..1000) < self.profile.send_fails;
        let transient = self.rng.u32(..5) > 0;
        let Some(worker) = self.worker(id) else {
            return Err(self.broken(1, format!("task {task} went to a worker that is gone")));
        };
        if fails {
            worker.excused_until_ns = now + 70 * MS;
            self.report(Event::SendFailed {
                worker: id,
                entry,
                transient,
            });
            return Ok(());
        }
        let life = worker.life;
        if worker.lane.is_empty() && worker.run.is_none() {
            worker.progress_ns = now;
        }
        worker.lane.push_back(sent);
        self.note(|| format!("worker {index} gets task {task} as entry {entry}"));
        let after = self.rng.u64(..30 * US);
        self.later(after, Happens::Advances { index, life });
        Ok(())
    }

    pub(crate) fn recall(&mut self, id: WorkerId, below: u64) -> Result<(), Fails> {
        let Some(worker) = self.worker(id) else {
            return Ok(());
        };
        let first = worker.lane.front().map_or(worker.head, |sent| sent.entry);
        let mut last = first;
        while let Some(sent) = worker.lane.front().filter(|sent| sent.entry < below) {
            last = sent.entry + 1;
            worker.lane.pop_front();
        }
        self.collect(id.index())?;
        self.report(Event::Recalled {
            worker: id,
            entries: first..last,
        });
        Ok(())
    }

    pub(crate) fn start(&mut self, id: WorkerId) {
        let (now, p) = (self.now, self.profile.clone());
        let outage = (p.outage_ns.0..p.outage_ns.1).contains(&now);
        if outage || self.rng.u32(..1000) < p.start_transient {
            let after = self.rng.u64(..MS);
            let id = id.to_bits();
            let permanent = !outage && self.rng.u32(..1000) < p.start_permanent;
            return self.later(after, Happens::StartFails { id, permanent });
        }
        let index = self.new_worker(id, false);
        let roll = self.rng.u32(..1000);
        let after = self.rng.u64(50 * US..3 * MS);
        let Some(worker) = self.workers[index].as_mut() else {
            return;
        };
        let life = worker.life;
        if roll < p.start_hangs {
            return;
        }
        if roll < p.start_hangs + p.start_dies {
            let death = if self.rng.bool() {
                Death::Exit
            } else {
                Death::Signal
            };
            return self.later(after, Happens::Dies { index, life, death });
        }
        worker.refuses = p.start_permanent > 0 && roll > 995;
        self.later(after, Happens::Ready { index, life });
    }
}
