//! Random sequences of what both sides may do, in one thread, compared with a naive model: what is refused, what is
//! claimed, what comes back, who has to be woken, and what is known after a death at the end.
#![cfg(not(loom))]

mod naive;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use wire::lane::{
    Armed, AtomicU64, Body, Completion, CoordinatorLane, Layout, Outcome, PushError, Reason,
    Recalled, Rest, Running, WakeAt, WorkerLane,
};

use naive::{Bytes, Naive};

const SLOTS: usize = 4;
const CALL_BYTES: usize = 64;
const RESULT_BYTES: usize = 128;

#[derive(Debug, Clone)]
enum Op {
    Push(Bytes),
    Publish,
    Recall(u64),
    Claim,
    Returned,
    Complete(Bytes),
    Rest,
    Woken,
    Collect,
    Release,
    Arm(bool),
    Disarm,
    Running,
}

fn bytes() -> impl Strategy<Value = Bytes> {
    let inline = (0..10_usize, 0..30_usize, any::<u8>()).prop_map(|(arrays, value, first)| {
        let count = |len| (0..len).map(|n| first.wrapping_add(n as u8)).collect();
        Bytes::Inline {
            arrays: count(arrays),
            value: count(value),
        }
    });
    prop_oneof![8 => inline, 1 => Just(Bytes::Socket)]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => bytes().prop_map(Op::Push),
        4 => Just(Op::Publish),
        1 => (0..4_u64).prop_map(Op::Recall),
        6 => Just(Op::Claim),
        1 => Just(Op::Returned),
        6 => bytes().prop_map(Op::Complete),
        2 => Just(Op::Rest),
        1 => Just(Op::Woken),
        6 => Just(Op::Collect),
        3 => Just(Op::Release),
        1 => any::<bool>().prop_map(Op::Arm),
        1 => Just(Op::Disarm),
        2 => Just(Op::Running),
    ]
}

/// Both sides, the model, and the flags as they must be.
struct Both<'a> {
    coordinator: CoordinatorLane<&'a [AtomicU64]>,
    worker: WorkerLane<&'a [AtomicU64]>,
    naive: Naive,
    clock: u64,
    began: u64,
    /// What the worker sleeps for.
    resting: Option<Reason>,
    /// What the coordinator sleeps for.
    armed: Option<WakeAt>,
    /// It was armed, and the worker took the flag.
    byte_due: bool,
}

fn body(bytes: &Bytes) -> Body<'_> {
    match bytes {
        Bytes::Inline { arrays, value } => Body::Inline { arrays, value },
        Bytes::Socket => Body::Socket,
    }
}

impl Both<'_> {
    fn step(&mut self, op: Op) -> TestCaseResult {
        match op {
            Op::Push(bytes) => self.push(bytes),
            Op::Publish => {
                self.coordinator.publish();
                self.naive.publish();
                self.wake_worker()
            }
            Op::Recall(max) => {
                let expected = self.naive.recall(max as usize);
                let recalled = self.coordinator.recall(max).expect("an honest worker");
                prop_assert_eq!(recalled, Recalled::Calls(expected));
                Ok(())
            }
            Op::Claim => self.claim(),
            Op::Returned => {
                if self.naive.claimed().is_some() {
                    self.worker.returned();
                    self.naive.returned = true;
                }
                Ok(())
            }
            Op::Complete(bytes) => self.complete(bytes),
            Op::Rest => self.rest(),
            Op::Woken => {
                self.worker.woken();
                self.resting = None;
                Ok(())
            }
            Op::Collect => self.collect(),
            Op::Release => {
                self.coordinator.release();
                self.naive.release();
                self.wake_worker()
            }
            Op::Arm(dry) => self.arm(if dry { WakeAt::Dry } else { WakeAt::NextResult }),
            Op::Disarm => {
                prop_assert_eq!(
                    self.coordinator.disarm(),
                    std::mem::take(&mut self.byte_due)
                );
                self.armed = None;
                Ok(())
            }
            Op::Running => self.running(),
        }
    }

    fn push(&mut self, bytes: Bytes) -> TestCaseResult {
        let pushed = self.coordinator.push(9, body(&bytes));
        if bytes.words() * 8 > CALL_BYTES / 2 {
            let max = CALL_BYTES / 2;
            prop_assert_eq!(pushed, Err(PushError::TooLong { max }));
        } else {
            prop_assert_eq!(pushed, self.naive.push(9, bytes).ok_or(PushError::Full));
        }
        Ok(())
    }

    fn claim(&mut self) -> TestCaseResult {
        if self.naive.claimed().is_some() {
            return Ok(());
        }
        self.clock += 1;
        let clock = self.clock;
        let claimed = self
            .worker
            .next_call(|| clock)
            .expect("an honest coordinator");
        let expected = self.naive.claim();
        prop_assert_eq!(claimed.is_some(), expected.is_some());
        if let (Some(call), Some((index, task, bytes))) = (claimed, expected) {
            self.began = clock;
            prop_assert_eq!(
                (call.index, call.task, call.body),
                (index, task, body(&bytes))
            );
        }
        Ok(())
    }

    fn complete(&mut self, bytes: Bytes) -> TestCaseResult {
        if self.naive.claimed().is_none() {
            return Ok(());
        }
        let status = self.clock as u8;
        let outcome = Outcome {
            status,
            ran_ns: 77,
            body: body(&bytes),
        };
        let completion = self
            .worker
            .complete(&outcome)
            .expect("an honest coordinator");
        let expected = if bytes.words() * 8 > RESULT_BYTES / 4 {
            self.naive.returned = true;
            Completion::TooLong
        } else if self.naive.complete(status, bytes) {
            let wake = self.armed == Some(WakeAt::NextResult);
            self.wake_coordinator(wake);
            Completion::Published { wake }
        } else {
            Completion::NoRoom
        };
        prop_assert_eq!(completion, expected);
        Ok(())
    }

    fn wake_coordinator(&mut self, wake: bool) {
        if wake {
            self.armed = None;
            self.byte_due = true;
        }
    }

    fn rest(&mut self) -> TestCaseResult {
        let reason = match self.naive.claimed() {
            Some(_) => Reason::Room,
            None if self.naive.unclaimed().is_multiple_of(2) => Reason::Wake,
            None => Reason::Calls,
        };
        match self.worker.rest(reason).expect("an honest coordinator") {
            Rest::Ready => {
                prop_assert!(reason == Reason::Room || self.naive.work_waits());
                self.resting = None;
            }
            Rest::Sleep { wake } => {
                prop_assert!(reason == Reason::Room || !self.naive.work_waits());
                prop_assert_eq!(wake, self.armed == Some(WakeAt::Dry));
                self.wake_coordinator(wake);
                self.resting = Some(reason);
            }
        }
        Ok(())
    }

    /// The coordinator asks whether the worker has to be woken.
    fn wake_worker(&mut self) -> TestCaseResult {
        let expected = match self.resting {
            Some(Reason::Calls | Reason::Wake) => self.naive.work_waits(),
            Some(Reason::Room) => true,
            None => false,
        };
        let deep = self.resting == Some(Reason::Wake);
        prop_assert_eq!(self.coordinator.sleeps_deep(), deep);
        prop_assert_eq!(self.coordinator.take_wake(), expected);
        if expected {
            self.resting = None;
        }
        Ok(())
    }

    fn collect(&mut self) -> TestCaseResult {
        let record = self.coordinator.next_result().expect("an honest worker");
        let expected = self.naive.collect();
        prop_assert_eq!(record.is_some(), expected.is_some());
        if let (Some(found), Some(record)) = (record, expected) {
            prop_assert_eq!((found.index, found.status), (record.index, record.status));
            prop_assert_eq!((found.body, found.ran_ns), (body(&record.bytes), 77));
        }
        Ok(())
    }

    fn arm(&mut self, at: WakeAt) -> TestCaseResult {
        let armed = self.coordinator.arm(at).expect("an honest worker");
        let ready = self.naive.collectable();
        prop_assert_eq!(armed, if ready { Armed::Ready } else { Armed::Sleep });
        self.armed = (!ready).then_some(at);
        Ok(())
    }

    fn running(&mut self) -> TestCaseResult {
        let open: Vec<u64> = self.coordinator.open().collect();
        prop_assert_eq!(open, self.naive.open());
        let unclaimed = self.coordinator.unclaimed().expect("an honest worker");
        prop_assert_eq!(unclaimed, self.naive.unclaimed());
        let running = self.coordinator.running().expect("an honest worker");
        match (running, self.naive.claimed()) {
            (Running::Unsettled, _) => prop_assert!(self.naive.has_records()),
            (Running::Nothing, claimed) => prop_assert_eq!(claimed, None),
            (Running::Call(claimed), expected) => {
                prop_assert_eq!(Some(claimed.index), expected);
                prop_assert_eq!(claimed.began_ns, self.began);
                prop_assert_eq!(claimed.returned, self.naive.returned);
            }
        }
        Ok(())
    }

    /// The worker dies here.
    fn die(mut self) -> TestCaseResult {
        while self.naive.has_records() {
            self.collect()?;
        }
        let after = self.coordinator.after_death().expect("an honest worker");
        prop_assert_eq!(after.begun.map(|begun| begun.index), self.naive.claimed());
        if let Some(begun) = after.begun {
            prop_assert_eq!(begun.returned, self.naive.returned);
        }
        prop_assert_eq!(after.unclaimed, self.naive.waiting());
        // Nobody can claim a call of a dead worker.
        if self.naive.claimed().is_none() {
            prop_assert_eq!(self.worker.claim(|| 0).expect("nothing is wrong"), None);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_lane_does_what_the_naive_model_does(ops in vec(op(), 0..200)) {
        let layout = Layout::new(SLOTS, CALL_BYTES, RESULT_BYTES).expect("a valid layout");
        let words: Vec<AtomicU64> = (0..layout.words()).map(|_| AtomicU64::new(0)).collect();
        let mut both = Both {
            coordinator: CoordinatorLane::new(&words[..], layout).expect("enough words"),
            worker: WorkerLane::new(&words[..], layout).expect("enough words"),
            naive: Naive::new(SLOTS, CALL_BYTES / 8, RESULT_BYTES / 8),
            clock: 0,
            began: 0,
            resting: None,
            armed: None,
            byte_due: false,
        };
        for op in ops {
            both.step(op)?;
        }
        both.die()?;
    }
}
