//! Sending calls and what they need, never waiting.

use super::Shell;
use super::inputs::{Unsent, inline_bytes, input_of, is_transient};
use super::reactor::Token;
use super::worker::Current;
use crate::connection::Pumped;
use crate::event::What;
use crate::failure::TaskFailure;
use crate::ids::WorkerId;
use crate::input::Input;
use engine::{Assignment, Deal, Event};
use runtime::now_ns;
use std::sync::atomic::Ordering;
use task::arrays::coordinator::Member;
use wire::{Call, CallInput, LaneEntry, ToWorker};

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
        if let Err(unsent) = sent {
            if let Some(job) = self.jobs.get(assignment.task) {
                job.call.extras_mut().unsendable = Some(unsent.why);
            }
            let event = Event::SendFailed {
                worker,
                entry: assignment.entry,
                transient: unsent.transient,
            };
            let now = self.now();
            self.engine.handle(now, event);
        } else if self.hooks.is_watched()
            && let Some(job) = self.jobs.get(assignment.task)
        {
            let task = job.number;
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
            pushed += dealt.len();
            if dealt.len() < most {
                break;
            }
        }
        self.crew.dealt = dealt;
        if pushed > 0 {
            self.publish((id, key), now);
        }
        pushed > 0
    }

    /// Writes calls into a worker's lane.
    fn push_dealt(&mut self, (id, key): (WorkerId, engine::WorkerId), mut dealt: &[Assignment]) {
        loop {
            dealt = &dealt[self.push_plain(id, dealt)..];
            let Some((&assignment, later)) = dealt.split_first() else {
                return;
            };
            let push = |shell: &mut Shell, beside: &[u8]| shell.push_call(id, assignment, beside);
            let sent = self.with_arrays(id, assignment, push);
            if sent.is_err()
                && let Some(lane) = self.crew.lane(id)
            {
                lane.push_nothing();
            }
            self.sent(id, key, assignment, sent);
            dealt = later;
        }
    }

    /// Writes calls into a worker's lane as long as they have nothing but arguments that fit: most do.
    /// Returns how many those were.
    fn push_plain(&mut self, id: WorkerId, dealt: &[Assignment]) -> usize {
        let Some(worker) = self.crew.workers.get_mut(&id) else {
            return 0;
        };
        let news = worker.member.is_some() && Member::is_news();
        let Some(lane) = worker.lane.as_deref_mut().filter(|_| !news) else {
            return 0;
        };
        if self.hooks.is_watched() {
            return 0;
        }
        let mut pushed = 0;
        for assignment in dealt {
            let Some(job) = self
                .jobs
                .get(assignment.task)
                .filter(|job| job.call.is_plain())
            else {
                break;
            };
            let Some(task) = lane.number(job.task, job.call.task()) else {
                break;
            };
            let entry = LaneEntry {
                id: job.number,
                attempt: assignment.attempt,
                attached: worker.connection.attached,
                input: CallInput::None,
                args: job.call.args(),
                arrays: &[],
            };
            if !lane.push(task, &entry) {
                break;
            }
            pushed += 1;
        }
        pushed
    }

    /// Lets a worker see its entries, and wakes it.
    fn publish(&mut self, (id, key): (WorkerId, engine::WorkerId), now: u64) {
        let worth = !self.crew.lazy || self.engine.is_worth_waking(key);
        let Some(lane) = self.crew.lane(id) else {
            return;
        };
        if lane.publish(now, worth) {
            self.wake(id);
        } else {
            self.pump_pending(id);
        }
        self.crew.list(id);
    }

    /// Writes a call into a worker's lane; its body goes by the socket where it does not fit.
    fn push_call(
        &mut self,
        id: WorkerId,
        assignment: Assignment,
        beside: &[u8],
    ) -> Result<(), Unsent> {
        let attempt = assignment.attempt;
        let Some(job) = self.jobs.get(assignment.task) else {
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
        let call = &job.call;
        let input = input_of(call.input(), &self.regions, connection, confined)?;
        if input != CallInput::Stream
            && let Some(task) = lane.number(job.task, call.task())
        {
            let entry = LaneEntry {
                id: job.number,
                attempt,
                attached: connection.attached,
                input,
                args: call.args(),
                arrays: beside,
            };
            if lane.push(task, &entry) {
                return Ok(());
            }
        }
        let bytes = call.args().len() + inline_bytes(&input);
        let message = ToWorker::LaneCall {
            index: lane.next_index(),
            call: Call {
                id: job.number,
                task: call.task(),
                attempt,
                args: call.args(),
                input,
                arrays: beside,
            },
        };
        connection.outbox.push(&message).map_err(Unsent::lasting)?;
        lane.push_by_socket(bytes);
        if let Input::Stream(stream) = call.input() {
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
        let Some(job) = self.jobs.get(assignment.task) else {
            return Err(Unsent::lasting("the task is resolved"));
        };
        let Some(worker) = self.crew.workers.get_mut(&id) else {
            return Err(Unsent::lasting("the worker is gone"));
        };
        let connection = &mut worker.connection;
        let call = &job.call;
        let confined = self.settings.sandbox;
        let input = input_of(call.input(), &self.regions, connection, confined)?;
        let message = ToWorker::Call(Call {
            id: job.number,
            task: call.task(),
            attempt,
            args: call.args(),
            input,
            arrays: beside,
        });
        let outbox = &mut connection.outbox;
        outbox.push(&message).map_err(Unsent::lasting)?;
        if let Input::Stream(stream) = call.input() {
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
            if let Some(job) = self.jobs.key(number).and_then(|key| self.jobs.take(key)) {
                self.fail_job(job, TaskFailure::Input(why));
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
