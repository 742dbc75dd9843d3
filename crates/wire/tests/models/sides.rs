//! The two sides as loom runs them: both follow the loops in the crate's documentation, and record what happened
//! for the checks at the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64 as Plain, Ordering::Relaxed};

use wire::lane::{
    Armed, AtomicU64, Body, CoordinatorLane, Outcome, Reason, Recalled, Rest, Running, Violation,
    WakeAt, WorkerLane,
};

use crate::scenario::{Scenario, Wait};
use crate::socket::Socket;

pub(crate) type Memory = Arc<[AtomicU64]>;

/// What the worker did with a call. Plain atomics: loom neither sees nor interleaves them.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) begun: Plain,
    pub(crate) clock: Plain,
    pub(crate) returned: Plain,
    pub(crate) published: Plain,
}

/// The argument of call `index`: one word, or two for odd indices, so that the rings wrap anywhere.
fn argument(index: u64) -> Vec<u8> {
    let words = [0x1111 * (index + 1), 0x7777_0000 + index];
    let bytes: Vec<u8> = words.into_iter().flat_map(u64::to_le_bytes).collect();
    bytes[..if index % 2 == 1 { 9 } else { 8 }].to_vec()
}

fn answer(argument: &[u8]) -> Vec<u8> {
    argument[..8].iter().map(|byte| byte ^ 0x5A).collect()
}

/// Steps that a worker has to live.
struct Life(u32);

impl Life {
    /// Ends the caller where none is left.
    fn step(&mut self) -> Result<(), Ended> {
        self.0 = self.0.checked_sub(1).ok_or(Ended)?;
        Ok(())
    }
}

/// The worker stops for good.
struct Ended;

impl From<Violation> for Ended {
    fn from(violation: Violation) -> Ended {
        panic!("the worker sees a violation: {violation}");
    }
}

pub(crate) struct Worker {
    pub(crate) lane: WorkerLane<Memory>,
    pub(crate) socket: Arc<Socket>,
    pub(crate) seen: Arc<Vec<Seen>>,
    pub(crate) spins: bool,
}

impl Worker {
    pub(crate) fn run(mut self, steps: u32) {
        let mut life = Life(steps);
        let mut clock = 100;
        while self.turn(&mut life, &mut clock).is_ok() {}
        self.socket.die();
    }

    fn turn(&mut self, life: &mut Life, clock: &mut u64) -> Result<(), Ended> {
        *clock += 1;
        life.step()?;
        let Some(index) = self.lane.claim(|| *clock)? else {
            return self.rest(Reason::Calls, life);
        };
        let seen = Arc::clone(&self.seen);
        let seen = &seen[index as usize];
        seen.begun.fetch_add(1, Relaxed);
        seen.clock.store(*clock, Relaxed);
        life.step()?;
        let call = self.lane.call()?;
        assert_eq!((call.index, call.task), (index, index as u32 + 7));
        let Body::Inline { arrays: [], value } = call.body else {
            panic!("{:?}", call.body);
        };
        assert_eq!(value, argument(index));
        let output = answer(value);
        life.step()?;
        seen.returned.store(1, Relaxed);
        self.lane.returned();
        life.step()?;
        let outcome = Outcome {
            status: 3,
            ran_ns: index as u32,
            body: Body::Inline {
                arrays: &[],
                value: &output,
            },
        };
        while !self.lane.publish(&outcome)? {
            self.rest(Reason::Room, life)?;
        }
        seen.published.store(1, Relaxed);
        life.step()?;
        if self.lane.take_wake() {
            life.step()?;
            self.socket.wake_coordinator();
        }
        Ok(())
    }

    fn rest(&mut self, reason: Reason, life: &mut Life) -> Result<(), Ended> {
        if self.spins && self.lane.take_dry_wake() {
            life.step()?;
            self.socket.wake_coordinator();
        }
        if let Rest::Sleep { wake } = self.lane.rest(reason)? {
            if wake {
                life.step()?;
                self.socket.wake_coordinator();
                // Who waits for the end of this call has none to send: it sleeps until it is woken.
                if reason == Reason::Calls && self.lane.rest(Reason::Wake)? == Rest::Ready {
                    return Ok(());
                }
            }
            if !self.socket.worker_waits() {
                return Err(Ended);
            }
            self.lane.woken();
        }
        Ok(())
    }
}

/// How a call left the lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Open,
    Result,
    Recalled,
}

pub(crate) struct Coordinator {
    pub(crate) lane: CoordinatorLane<Memory>,
    pub(crate) socket: Arc<Socket>,
    pub(crate) seen: Arc<Vec<Seen>>,
    pub(crate) fates: Vec<Fate>,
    pub(crate) pushed: u64,
}

impl Coordinator {
    /// Runs until every call left the lane, or the worker is dead.
    pub(crate) fn run(&mut self, scenario: &Scenario) {
        let mut recall = scenario.recall;
        let mut before = 0;
        loop {
            self.push(scenario.calls);
            if recall > 0 {
                self.recall(recall);
                recall = 0;
            }
            self.collect();
            self.lane.release();
            if self.lane.take_wake() {
                self.socket.wake_worker();
            }
            if scenario.probe {
                self.probe();
            }
            if !self.fates.contains(&Fate::Open) {
                return;
            }
            // What left the lane may have made room for the next call.
            let resolved = self
                .fates
                .iter()
                .filter(|&&fate| fate != Fate::Open)
                .count();
            let more = self.pushed < scenario.calls && resolved > before;
            before = resolved;
            if !more && !self.wait(scenario.wait) {
                return;
            }
        }
    }

    fn push(&mut self, calls: u64) {
        let before = self.pushed;
        while self.pushed < calls {
            let value = &argument(self.pushed);
            let task = self.pushed as u32 + 7;
            let arrays = &[];
            match self.lane.push(task, Body::Inline { arrays, value }) {
                Ok(index) => assert_eq!(index, self.pushed),
                Err(_) => break,
            }
            self.pushed += 1;
        }
        if self.pushed > before {
            self.lane.publish();
        }
    }

    fn recall(&mut self, max: u64) {
        match self.lane.recall(max).expect("an honest worker") {
            Recalled::Calls(calls) => {
                for index in calls {
                    self.resolve(index, Fate::Recalled);
                }
            }
            Recalled::Contended => panic!("fewer calls than tries"),
        }
    }

    fn resolve(&mut self, index: u64, fate: Fate) {
        let before = std::mem::replace(&mut self.fates[index as usize], fate);
        assert_eq!(before, Fate::Open, "call {index} leaves the lane twice");
    }

    pub(crate) fn collect(&mut self) {
        while let Some(record) = self.lane.next_result().expect("an honest worker") {
            let index = record.index;
            assert_eq!((record.status, record.ran_ns), (3, index as u32));
            let value = answer(&argument(index));
            let arrays = &[];
            assert_eq!(
                record.body,
                Body::Inline {
                    arrays,
                    value: &value
                }
            );
            self.resolve(index, Fate::Result);
        }
    }

    /// Where the worker is seen to run a call, it is that call, and since its claim.
    fn probe(&mut self) {
        match self.lane.running().expect("an honest worker") {
            Running::Call(claimed) => {
                let seen = &self.seen[claimed.index as usize];
                assert_eq!(self.fates[claimed.index as usize], Fate::Open);
                assert_eq!(seen.begun.load(Relaxed), 1);
                assert_eq!(
                    claimed.began_ns,
                    seen.clock.load(Relaxed),
                    "another call's time"
                );
                assert!(!claimed.returned || seen.returned.load(Relaxed) == 1);
            }
            Running::Nothing | Running::Unsettled => {}
        }
    }

    /// Returns false if the worker is dead.
    fn wait(&mut self, wait: Wait) -> bool {
        let at = match wait {
            Wait::Poll => {
                loom::thread::yield_now();
                return !self.socket.is_dead();
            }
            Wait::NextResult => WakeAt::NextResult,
            Wait::Dry => WakeAt::Dry,
        };
        let armed = self.lane.arm(at).expect("an honest worker");
        let alive = armed == Armed::Ready || self.socket.coordinator_waits();
        let _ = self.lane.disarm();
        alive
    }
}
