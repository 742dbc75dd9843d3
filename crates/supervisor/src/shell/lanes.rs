//! Workers with lanes: results are taken in ranges, entries are recalled, and the coordinator asks to
//! be woken before it waits or returns to its caller.

use super::Shell;
use crate::connection::{Lane, Marker};
use crate::event::What;
use crate::failure::{Failed, TaskFailure};
use crate::ids::{TaskId, WorkerId};
use engine::{Event, TaskAt};
use runtime::now_ns;
use std::ops::Range;
use task::arrays::Table;
use wire::lane::{Body, Violation};
use wire::{LANE_DONE, LaneFailure};

/// How often a worker that is between two calls is looked at again.
const LOOKS: usize = 16;

/// What was taken out of a lane at once.
#[derive(Default)]
struct Taken {
    entries: Range<u64>,
    ran_ns: u64,
}

impl Taken {
    fn add(&mut self, entry: u64, ran_ns: u32) {
        if self.entries.is_empty() {
            self.entries.start = entry;
        }
        self.entries.end = entry + 1;
        self.ran_ns += u64::from(ran_ns);
    }
}

impl Shell {
    /// Takes the results out of all lanes that have any, and reports what the workers do.
    pub(super) fn collect_all(&mut self) {
        for at in (0..self.crew.listed.len()).rev() {
            let id = self.crew.listed[at];
            self.collect(id);
            let lane = self.crew.lane(id);
            if lane.as_ref().is_none_or(|lane| lane.is_empty()) {
                if let Some(lane) = lane {
                    lane.listed = false;
                }
                self.crew.listed.swap_remove(at);
            }
        }
    }

    /// Takes the results out of one lane, and reports what its worker does.
    pub(super) fn collect(&mut self, id: WorkerId) {
        self.collect_below(id, u64::MAX);
    }

    /// As [`collect`](Self::collect), of entries below `below`: of those behind, the engine hears only once
    /// it knows what was recalled.
    pub(super) fn collect_below(&mut self, id: WorkerId, below: u64) {
        let Some(worker) = self.crew.workers.get_mut(&id).filter(|it| it.ready) else {
            return;
        };
        let (Some(key), Some(mut lane)) = (worker.key, worker.lane.take()) else {
            return;
        };
        let mut taken = Taken::default();
        let ended = self.take_results((id, key), &mut lane, below, &mut taken);
        let seen = ended.and_then(|()| lane.claimed());
        let seen = seen.map(|claimed| claimed.filter(|claimed| claimed.index < below));
        let room = lane.starved && lane.has_room();
        // One look at the clock for all that is reported.
        let anything = !taken.entries.is_empty() || room || !matches!(seen, Ok(None));
        let now = if anything { self.now() } else { 0 };
        if !taken.entries.is_empty() {
            self.crew.full = false;
            lane.fresh_ns = now;
        }
        lane.settle_bodies();
        lane.starved &= !room;
        if let Some(worker) = self.crew.workers.get_mut(&id) {
            worker.lane = Some(lane);
        }
        self.report_taken(now, key, taken);
        match seen {
            Ok(Some(claimed)) => self.report_claimed(now, (id, key), claimed),
            Ok(None) => {}
            Err(violation) => self.lane_violated(id, violation),
        }
        if room {
            self.handle(now, Event::Room { worker: key });
        }
    }

    fn take_results(
        &mut self,
        (id, key): (WorkerId, engine::WorkerId),
        lane: &mut Lane,
        below: u64,
        taken: &mut Taken,
    ) -> Result<(), Violation> {
        let worker = self.crew.workers.get(&id);
        let beside = worker.is_some_and(|worker| !worker.besides.is_empty());
        let watched = self.hooks.is_watched();
        // Tasks of a batch whose results are next.
        let mut ahead: Option<(TaskAt, u32)> = None;
        loop {
            let body_came = lane.body.is_some();
            let Some(record) = lane.next(below)? else {
                break;
            };
            let (entry, ran_ns) = (record.index, record.ran_ns);
            match record.body {
                Body::Inline { .. } if body_came => {
                    return Err(Violation::Malformed {
                        index: entry,
                        what: "second result",
                        word: 0,
                    });
                }
                Body::Inline { value, arrays }
                    if arrays.is_empty() && !beside && !watched && record.status == LANE_DONE =>
                {
                    taken.add(entry, ran_ns);
                    ahead = ahead.or_else(|| self.engine.tasks_at(key, entry));
                    if let Some((task, left)) = ahead {
                        self.deliver_plain(task, value);
                        ahead = (left > 1).then_some((task.next(), left - 1));
                    }
                }
                Body::Inline { value, arrays } => {
                    ahead = None;
                    let table = match beside || !arrays.is_empty() {
                        true => self.arrays_of(id, entry, arrays)?,
                        false => Table::new(),
                    };
                    taken.add(entry, ran_ns);
                    self.deliver(id, key, entry, record.status, value, table);
                }
                Body::Socket => {
                    ahead = None;
                    lane.marker = Some(Marker { entry, ran_ns });
                    self.match_body(id, key, lane, taken)?;
                }
            }
        }
        lane.release();
        if lane.take_wake() {
            self.wake(id);
        }
        Ok(())
    }

    /// The table of arrays beside the result of an entry.
    fn arrays_of(&mut self, id: WorkerId, entry: u64, said: &[u8]) -> Result<Table, Violation> {
        let Some(worker) = self.crew.workers.get_mut(&id) else {
            return Ok(Table::default());
        };
        Shell::take_arrays(worker, entry, said).map_err(|why| {
            worker
                .reason
                .get_or_insert(format!("it violated the protocol ({why})"));
            Violation::Malformed {
                index: entry,
                what: "table of arrays",
                word: 0,
            }
        })
    }

    /// Delivers a result whose marker and body have both come.
    fn match_body(
        &mut self,
        id: WorkerId,
        key: engine::WorkerId,
        lane: &mut Lane,
        taken: &mut Taken,
    ) -> Result<(), Violation> {
        let Some(marker) = lane.marker else {
            return Ok(());
        };
        let Some(body) = lane.body.take() else {
            return Ok(());
        };
        lane.marker = None;
        let worker = self.crew.workers.get_mut(&id);
        let said = worker.map_or(Vec::new(), |worker| std::mem::take(&mut worker.said));
        let table = self.arrays_of(id, marker.entry, &said)?;
        let worker = self.crew.workers.get_mut(&id);
        let output = worker.map_or(Vec::new(), |worker| std::mem::take(&mut worker.output));
        match body {
            Ok(()) => self.deliver(id, key, marker.entry, LANE_DONE, &output, table),
            Err(failed) => {
                self.tell_answered(id, key, marker.entry);
                self.resolve(key, marker.entry, Err(TaskFailure::Failed(failed)));
            }
        }
        taken.add(marker.entry, marker.ran_ns);
        Ok(())
    }

    /// The entry of a lane whose result is due.
    pub(super) fn due_in_lane(&mut self, id: WorkerId) -> Option<u64> {
        for _ in 0..LOOKS {
            let lane = self.crew.lane(id)?;
            if let Some(marker) = lane.marker {
                return Some(marker.entry);
            }
            match lane.claimed() {
                Ok(Some(claimed)) => return Some(claimed.index),
                // Results before it have to be taken first.
                Ok(None) => self.collect(id),
                Err(_) => return None,
            }
        }
        None
    }

    /// The body of a result has come over the socket.
    pub(super) fn body_came(
        &mut self,
        id: WorkerId,
        number: TaskId,
        body: Result<&[u8], Box<Failed>>,
        said: &[u8],
    ) -> Result<(), String> {
        self.make_way(id)?;
        let Some((key, entry)) = self.due(id) else {
            return Err(format!("an answer to task {number}, when none was due"));
        };
        let task = self.engine.task_at(key, entry);
        let due = task.and_then(|task| self.jobs.number(task));
        if let Some(due) = due.filter(|&due| due != number) {
            return Err(format!("an answer to task {number}, when {due} was due"));
        }
        let Some(worker) = self.crew.workers.get_mut(&id) else {
            return Ok(());
        };
        let (Some(key), Some(mut lane)) = (worker.key, worker.lane.take()) else {
            return Ok(());
        };
        worker.seen = 0;
        worker.said = said.to_vec();
        lane.body = Some(match body {
            Ok(output) => {
                worker.output.extend_from_slice(output);
                Ok(())
            }
            Err(failed) => {
                worker.output.clear();
                Err(failed)
            }
        });
        let mut taken = Taken::default();
        let matched = self.match_body(id, key, &mut lane, &mut taken);
        if let Some(worker) = self.crew.workers.get_mut(&id) {
            worker.lane = Some(lane);
        }
        matched.map_err(|violation| violation.to_string())?;
        if !taken.entries.is_empty() {
            self.report_taken(self.now(), key, taken);
            // Those behind it waited.
            self.collect(id);
        }
        Ok(())
    }

    /// Takes a result whose body is here already, so that there is a place for the next body.
    pub(super) fn make_way(&mut self, id: WorkerId) -> Result<(), String> {
        let occupied = |shell: &mut Shell| {
            let lane = shell.crew.lane(id);
            lane.is_some_and(|lane| lane.body.is_some())
        };
        if occupied(self) {
            self.collect(id);
            if occupied(self) {
                return Err("two outputs for one call".to_owned());
            }
        }
        Ok(())
    }

    fn deliver(
        &mut self,
        id: WorkerId,
        key: engine::WorkerId,
        entry: u64,
        status: u8,
        value: &[u8],
        table: Table,
    ) {
        self.tell_answered(id, key, entry);
        let result = match status {
            LANE_DONE => Ok((value, table)),
            _ => Err(self.failure(id, value)),
        };
        self.resolve(key, entry, result);
    }

    fn failure(&self, id: WorkerId, value: &[u8]) -> TaskFailure {
        let worker = self.crew.workers.get(&id);
        let worker = worker.map_or(String::new(), |worker| worker.name.clone());
        match wire::decode::<LaneFailure<'_>>(value) {
            Ok(failure) => TaskFailure::Failed(Box::new(Failed {
                worker,
                kind: failure.kind,
                message: failure.message.to_owned(),
                location: failure.location.to_owned(),
                backtrace: failure.backtrace.to_owned(),
            })),
            Err(error) => TaskFailure::Undecodable(error.to_string()),
        }
    }

    /// Reports an answer to the watcher, before the task is resolved.
    fn tell_answered(&mut self, id: WorkerId, key: engine::WorkerId, entry: u64) {
        if !self.hooks.is_watched() {
            return;
        }
        let task = self.engine.task_at(key, entry);
        if let Some(task) = task.and_then(|task| self.jobs.number(task)) {
            let memory = None;
            self.tell(id, now_ns(), What::Computed { task, memory });
            self.tell(id, now_ns(), What::Sent { task });
        }
    }

    fn report_taken(&mut self, now: u64, worker: engine::WorkerId, taken: Taken) {
        let Taken { entries, ran_ns } = taken;
        if entries.is_empty() {
            return;
        }
        let event = Event::Finished {
            worker,
            entries,
            ran_ns,
            rss: 0,
        };
        self.handle(now, event);
    }

    pub(super) fn report_claimed(
        &mut self,
        now: u64,
        (id, worker): (WorkerId, engine::WorkerId),
        claimed: wire::lane::Claimed,
    ) {
        let at_ns = claimed.began_ns.saturating_sub(self.health.paused_ns);
        let Some(lane) = self.crew.lane(id) else {
            return;
        };
        let entry = claimed.index;
        let began = std::mem::replace(&mut lane.began, entry + 1) <= entry;
        let returned =
            claimed.returned && std::mem::replace(&mut lane.returned, entry + 1) <= entry;
        if began {
            let event = Event::Began {
                worker,
                entry,
                at_ns,
            };
            self.handle(now, event);
        }
        if returned {
            self.handle(now, Event::Done { worker, entry });
        }
    }
}
