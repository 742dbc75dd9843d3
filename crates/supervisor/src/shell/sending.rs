//! Sending calls and what they need, never waiting.

use super::Shell;
use super::inputs::{Unsent, inline_bytes, input_of, is_transient};
use super::reactor::Token;
use super::worker::Current;
use crate::connection::{Lane, Pumped};
use crate::event::What;
use crate::failure::TaskFailure;
use crate::ids::WorkerId;
use crate::input::Input;
use engine::{Assignment, Deal, Event, TaskAt};
use runtime::now_ns;
use std::sync::atomic::Ordering;
use task::arrays::coordinator::Member;
use wire::{Call, CallInput, LaneEntry, PlainCall, ToWorker};

/// A worker's word on the status page from when a call is sent until it begins.
pub(super) const SENT: u64 = u64::MAX;
/// When a send that was refused for want of memory or descriptors is tried again.
const RETRY_NS: u64 = 10_000_000;

impl Shell {
    /// Gives a worker what the engine has for it.
    pub(super) fn feed(&mut self, key: engine::WorkerId) {
        match self.find(key) {
            Some(id) if self.crew.lane(id).is_some() => {
                self.feed_lane(self.now(), (id, key), None);
            }
            _ => self.feed_socket(key),
        }
    }

    /// Gives a worker without a lane its call.
    fn feed_socket(&mut self, key: engine::WorkerId) {
        loop {
            let now = self.now();
            let Some(assignment) = self.engine.next(now, key) else {
                return;
            };
            let Some(id) = self.find(key) else { return };
            let send = |shell: &mut Shell, beside: &[u8]| shell.send_call(id, assignment, beside);
            let sent = self.with_arrays(id, assignment, send);
            self.sent(id, key, assignment, sent);
            self.pump(id);
        }
    }

    /// Reports a call that was sent, or one that was not.
    fn sent(
        &mut self,
        id: WorkerId,
        worker: engine::WorkerId,
        assignment: Assignment,
        sent: Result<(), Unsent>,
    ) {
        let number = self.jobs.number(task_of(assignment));
        if let Err(unsent) = sent {
            let event = Event::SendFailed {
                worker,
                entry: assignment.entry,
                transient: unsent.transient,
            };
            let now = self.now();
            self.handle(now, event);
            if let Some(number) = number {
                self.jobs.set_unsendable(number, unsent.why);
            }
        } else if self.hooks.is_watched()
            && let Some(task) = number
        {
            self.tell(id, now_ns(), What::HandedOut { task });
        }
    }

    /// Fills a worker's lane: by the engine's credit, or up to `most` entries, whatever time they take.
    /// Returns whether it was given any.
    pub(super) fn feed_lane(
        &mut self,
        now: u64,
        (id, key): (WorkerId, engine::WorkerId),
        fill: Option<usize>,
    ) -> bool {
        let mut pushed = 0;
        let mut dealt = std::mem::take(&mut self.crew.dealt);
        while fill.is_none_or(|most| pushed < most) {
            let Some(lane) = self.crew.lane(id) else {
                break;
            };
            let room = lane.room();
            if room == 0 {
                // The engine hears when there is.
                lane.starved |= fill.is_none();
                break;
            }
            let (deal, most) = match fill {
                None => (Deal::ByTime(room), room),
                Some(most) => (
                    Deal::ByNumber(room.min(most - pushed)),
                    room.min(most - pushed),
                ),
            };
            dealt.clear();
            self.engine.deal(now, key, deal, &mut dealt);
            self.push_dealt((id, key), &dealt);
            let calls = dealt.iter().map(|it| it.count as usize).sum::<usize>();
            pushed += calls;
            if calls < most {
                break;
            }
        }
        self.crew.dealt = dealt;
        if pushed > 0 {
            self.publish((id, key), Some(now));
        }
        pushed > 0
    }

    /// Gives a worker an entry that was added to those that it has.
    pub(super) fn send_one(&mut self, key: engine::WorkerId, assignment: Assignment) {
        if let Some(id) = self.find(key) {
            self.push_dealt((id, key), &[assignment]);
            self.publish((id, key), None);
        }
    }

    /// Writes calls into a worker's lane.
    fn push_dealt(&mut self, (id, key): (WorkerId, engine::WorkerId), mut dealt: &[Assignment]) {
        let mut skip = 0;
        loop {
            let pushed = self.push_plain(id, dealt, skip);
            dealt = &dealt[pushed.0..];
            let Some(&next) = dealt.first() else {
                return;
            };
            let assignment = behind(next, pushed.1);
            let push = |shell: &mut Shell, beside: &[u8]| shell.push_call(id, assignment, beside);
            let sent = self.with_arrays(id, assignment, push);
            if sent.is_err()
                && let Some(lane) = self.crew.lane(id)
            {
                lane.push_nothing();
            }
            self.sent(id, key, assignment, sent);
            skip = pushed.1 + 1;
            if skip == next.count {
                dealt = &dealt[1..];
                skip = 0;
            }
        }
    }

    /// Writes calls into a worker's lane as long as they have nothing but arguments that fit: most do. The first
    /// `skip` of the first assignment were written before. Returns how many assignments were written in full,
    /// and how many calls of the next.
    fn push_plain(&mut self, id: WorkerId, dealt: &[Assignment], skip: u32) -> (usize, u32) {
        let Some(worker) = self.crew.workers.get_mut(&id) else {
            return (0, skip);
        };
        let news = worker.member.is_some() && Member::is_news();
        let Some(lane) = worker.lane.as_deref_mut().filter(|_| !news) else {
            return (0, skip);
        };
        if self.hooks.is_watched() {
            return (0, skip);
        }
        let attached = worker.connection.attached;
        let mut written = skip;
        for (full, assignment) in dealt.iter().enumerate() {
            while written < assignment.count {
                let at = task_of(behind(*assignment, written));
                let Some(call) = self.jobs.plain(at).filter(|_| assignment.attempt == 1) else {
                    return (full, written);
                };
                let Some(task) = lane.number(call.task, call.name) else {
                    return (full, written);
                };
                let id = call.number;
                if !lane.push_plain(task, PlainCall { id, attached }, call.args) {
                    return (full, written);
                }
                written += 1;
            }
            written = 0;
        }
        (dealt.len(), 0)
    }

    /// Lets a worker see its entries, and wakes it. The clock is looked at where that matters.
    fn publish(&mut self, (id, key): (WorkerId, engine::WorkerId), now: Option<u64>) {
        let worth = !self.crew.lazy || self.engine.is_worth_waking(key);
        let paused_ns = self.health.paused_ns;
        let held = worth && self.crew.holds_wakes;
        let Some(lane) = self.crew.lane(id) else {
            return;
        };
        let clock = || now.unwrap_or_else(|| now_ns().saturating_sub(paused_ns));
        if lane.publish(worth && !held, clock) {
            self.wake(id);
        } else if held {
            self.crew.held.push(id);
        } else {
            self.pump_pending(id);
        }
        self.crew.list(id);
    }

    /// Wakes workers for what was published while wake messages were held.
    #[inline(never)]
    pub(super) fn wake_held(&mut self) {
        let paused_ns = self.health.paused_ns;
        while let Some(id) = self.crew.held.pop() {
            let clock = || now_ns().saturating_sub(paused_ns);
            let wake = |lane: &mut Lane| lane.wakes(clock);
            if self.crew.lane(id).is_some_and(wake) {
                self.wake(id);
            } else {
                self.pump_pending(id);
            }
        }
    }

    /// Writes a call into a worker's lane; its body goes by the socket where it does not fit.
    fn push_call(
        &mut self,
        id: WorkerId,
        assignment: Assignment,
        beside: &[u8],
    ) -> Result<(), Unsent> {
        let attempt = assignment.attempt;
        let Some(job) = self.jobs.sendable(task_of(assignment)) else {
            return Err(Unsent::lasting("the task is resolved"));
        };
        let Some(worker) = self.crew.workers.get_mut(&id) else {
            return Err(Unsent::lasting("the worker is gone"));
        };
        let Some(lane) = &mut worker.lane else {
            return Err(Unsent::lasting("the worker has no lane"));
        };
        let connection = &mut worker.connection;
        let confined = self.settings.sandbox;
        let input = input_of(job.input, &self.regions, connection, confined)?;
        if input != CallInput::Stream
            && let Some(task) = lane.number(job.task, job.name)
        {
            let entry = LaneEntry {
                id: job.number,
                attempt,
                attached: connection.attached,
                input,
                args: job.args,
                arrays: beside,
            };
            if lane.push(task, &entry) {
                return Ok(());
            }
        }
        let bytes = job.args.len() + inline_bytes(&input);
        let message = ToWorker::LaneCall {
            index: lane.next_index(),
            call: Call {
                id: job.number,
                task: job.name,
                attempt,
                args: job.args,
                input,
                arrays: beside,
            },
        };
        connection.outbox.push(&message).map_err(Unsent::lasting)?;
        lane.push_by_socket(bytes);
        if let Input::Stream(stream) = job.input {
            connection.outbox.push_stream(job.number, stream);
        }
        Ok(())
    }

    /// Sends a call, with the table of its arrays, to a worker without a lane.
    fn send_call(
        &mut self,
        id: WorkerId,
        assignment: Assignment,
        beside: &[u8],
    ) -> Result<(), Unsent> {
        let attempt = assignment.attempt;
        let Some(job) = self.jobs.sendable(task_of(assignment)) else {
            return Err(Unsent::lasting("the task is resolved"));
        };
        let Some(worker) = self.crew.workers.get_mut(&id) else {
            return Err(Unsent::lasting("the worker is gone"));
        };
        let connection = &mut worker.connection;
        let confined = self.settings.sandbox;
        let input = input_of(job.input, &self.regions, connection, confined)?;
        let message = ToWorker::Call(Call {
            id: job.number,
            task: job.name,
            attempt,
            args: job.args,
            input,
            arrays: beside,
        });
        let outbox = &mut connection.outbox;
        outbox.push(&message).map_err(Unsent::lasting)?;
        if let Input::Stream(stream) = job.input {
            outbox.push_stream(job.number, stream);
        }
        worker.current = Some(Current {
            entry: assignment.entry,
            number: job.number,
        });
        if let Some(slot) = worker.slot {
            let word = self.crew.board.word(slot as usize);
            word.store(SENT, Ordering::Release);
        }
        Ok(())
    }

    /// As [`pump`](Self::pump), where there is something to send.
    fn pump_pending(&mut self, id: WorkerId) {
        let worker = self.crew.workers.get(&id);
        if worker.is_some_and(|worker| !worker.connection.outbox.is_empty()) {
            self.pump(id);
        }
    }

    /// Sends as much as a worker's socket takes, and has epoll report when it takes more.
    pub(super) fn pump(&mut self, id: WorkerId) {
        let Some(worker) = self.crew.workers.get_mut(&id) else {
            return;
        };
        if worker.group.is_some() {
            // It runs no task before its process is known, so whatever it starts is guarded.
            return;
        }
        let mut failed = Vec::new();
        let more = loop {
            match worker.connection.pump() {
                Ok(Pumped::Empty) => break false,
                Ok(Pumped::More) => break true,
                Ok(Pumped::SourceFailed { task, why }) => failed.push((task, why)),
                Err(error) if is_transient(&error) => {
                    self.crew.stuck.push(id);
                    let at_ns = now_ns().saturating_sub(self.health.paused_ns) + RETRY_NS;
                    self.reactor.retry_ns.get_or_insert(at_ns);
                    break false;
                }
                // The worker is gone, or about to be: its pidfd reports that.
                Err(_) => break false,
            }
        };
        if more != worker.watches_room {
            worker.watches_room = more;
            let token = Token::Socket(id);
            if let Err(error) = self.reactor.watch_room(&worker.connection, token, more) {
                self.break_down(error);
            }
        }
        for (number, why) in failed {
            // The worker will answer that the stream was given up; this is why.
            let key = self.jobs.key(number);
            for job in key.map_or(Vec::new(), |key| self.jobs.take(key)) {
                self.fail_job(job, TaskFailure::Input(why.clone()));
            }
        }
    }

    /// Tries again what was refused.
    pub(super) fn retry_stuck(&mut self, now: u64) {
        if self.reactor.retry_ns.is_some_and(|at_ns| at_ns <= now) {
            self.reactor.retry_ns = None;
            for id in std::mem::take(&mut self.crew.stuck) {
                self.pump(id);
            }
        }
    }
}

/// The task of an assignment's first entry.
fn task_of(assignment: Assignment) -> TaskAt {
    TaskAt {
        task: assignment.task,
        at: assignment.first,
    }
}

/// The entry of an assignment that is `skip` behind its first.
fn behind(assignment: Assignment, skip: u32) -> Assignment {
    Assignment {
        entry: assignment.entry + u64::from(skip),
        first: assignment.first + skip,
        count: 1,
        ..assignment
    }
}
