//! Both sides as threads with real wake bytes: many calls through small rings, recalls, every way to wait. A lost wake
//! shows up as a hang, which the watchdog ends.
#![cfg(not(loom))]

use std::collections::{HashMap, VecDeque};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::time::Duration;

use wire::lane::{
    Armed, AtomicU64, Body, Completion, CoordinatorLane, Layout, Outcome, Reason, Recalled, Rest,
    WakeAt, WorkerLane,
};

const CALLS: u64 = 20_000;

fn argument(number: u64) -> Vec<u8> {
    (0..number % 30).map(|n| (number + n) as u8).collect()
}

fn answer(argument: &[u8]) -> Vec<u8> {
    argument.iter().map(|byte| byte ^ 1).collect()
}

struct Worker<'a> {
    lane: WorkerLane<&'a [AtomicU64]>,
    socket: &'a UnixStream,
    spin: u32,
}

impl Worker<'_> {
    fn serve(&mut self) {
        let mut clock = 0;
        loop {
            clock += 1;
            let Some(call) = self
                .lane
                .next_call(|| clock)
                .expect("an honest coordinator")
            else {
                if !self.rest(Reason::Calls) {
                    return;
                }
                continue;
            };
            let Body::Inline { arrays, value } = call.body else {
                panic!("{call:?}");
            };
            assert_eq!(arrays, &call.task.to_le_bytes()[..arrays.len()]);
            let output = answer(value);
            self.lane.returned();
            self.complete(&output);
        }
    }

    fn complete(&mut self, value: &[u8]) {
        let body = Body::Inline { arrays: &[], value };
        let (status, ran_ns) = (0, 0);
        let outcome = Outcome {
            status,
            ran_ns,
            body,
        };
        loop {
            match self.lane.complete(&outcome).expect("an honest coordinator") {
                Completion::Published { wake } => return self.send(wake),
                Completion::NoRoom => assert!(self.rest(Reason::Room), "the coordinator left"),
                Completion::TooLong => panic!("{} bytes", value.len()),
            }
        }
    }

    fn send(&mut self, wake: bool) {
        if wake {
            self.socket.write_all(&[1]).expect("a wake byte");
        }
    }

    /// Returns false at the end of the socket.
    fn rest(&mut self, reason: Reason) -> bool {
        if self.spin > 0 {
            let wake = self.lane.take_dry_wake();
            self.send(wake);
            if self.lane.spin(reason, self.spin) {
                return true;
            }
        }
        let Rest::Sleep { wake } = self.lane.rest(reason).expect("an honest coordinator") else {
            return true;
        };
        self.send(wake);
        let alive = self.socket.read(&mut [0; 64]).expect("the socket") > 0;
        self.lane.woken();
        alive
    }
}

struct Coordinator<'a> {
    lane: CoordinatorLane<&'a [AtomicU64]>,
    socket: &'a UnixStream,
    random: fastrand::Rng,
    /// Numbers of calls to push, and of those in the lane by their indices.
    waiting: VecDeque<u64>,
    sent: HashMap<u64, u64>,
    results: u64,
    recalled: u64,
}

impl Coordinator<'_> {
    /// Blocks by the given flag, or yields.
    fn run(&mut self, at: Option<WakeAt>) {
        while self.results < CALLS {
            let before = (self.results, self.waiting.len());
            self.push();
            if self.random.u8(..) < 20 {
                self.recall();
            }
            self.collect();
            self.lane.release();
            if self.lane.take_wake() {
                self.socket.write_all(&[1]).expect("a wake byte");
            }
            // A recalled call has to be pushed again before this side may sleep.
            let moved = before != (self.results, self.waiting.len());
            match at {
                Some(at) if !moved && !self.sent.is_empty() => self.sleep(at),
                _ => std::thread::yield_now(),
            }
        }
    }

    fn push(&mut self) {
        while let Some(&number) = self.waiting.front() {
            let task = number as u32;
            let arrays = &task.to_le_bytes()[..(number % 3) as usize];
            let value = &argument(number);
            let Ok(index) = self.lane.push(task, Body::Inline { arrays, value }) else {
                break;
            };
            self.waiting.pop_front();
            assert_eq!(self.sent.insert(index, number), None);
        }
        self.lane.publish();
    }

    fn recall(&mut self) {
        let max = self.random.u64(1..6);
        if let Recalled::Calls(calls) = self.lane.recall(max).expect("an honest worker") {
            for index in calls.rev() {
                self.recalled += 1;
                let number = self.sent.remove(&index).expect("a call that was sent");
                self.waiting.push_front(number);
            }
        }
    }

    fn collect(&mut self) {
        while let Some(record) = self.lane.next_result().expect("an honest worker") {
            let number = self
                .sent
                .remove(&record.index)
                .expect("a call that was sent");
            let value = &answer(&argument(number))[..];
            assert_eq!(record.body, Body::Inline { arrays: &[], value });
            self.results += 1;
        }
        self.lane.running().expect("an honest worker");
    }

    fn sleep(&mut self, at: WakeAt) {
        if self.lane.arm(at).expect("an honest worker") == Armed::Sleep {
            assert!(
                self.socket.read(&mut [0; 64]).expect("the socket") > 0,
                "the worker left"
            );
        }
        let _ = self.lane.disarm();
    }
}

fn both_threads(at: Option<WakeAt>, spin: u32) {
    let (done, wait) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        if wait.recv_timeout(Duration::from_secs(300)) == Err(mpsc::RecvTimeoutError::Timeout) {
            eprintln!("a wake was lost");
            std::process::abort();
        }
    });
    let layout = Layout::new(16, 256, 256).expect("a valid layout");
    let words: Vec<AtomicU64> = (0..layout.words()).map(|_| AtomicU64::new(0)).collect();
    let (ours, theirs) = UnixStream::pair().expect("a socket pair");
    let mut coordinator = Coordinator {
        lane: CoordinatorLane::new(&words[..], layout).expect("enough words"),
        socket: &ours,
        random: fastrand::Rng::with_seed(7),
        waiting: (0..CALLS).collect(),
        sent: HashMap::new(),
        results: 0,
        recalled: 0,
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let lane = WorkerLane::new(&words[..], layout).expect("enough words");
            let socket = &theirs;
            Worker { lane, socket, spin }.serve();
            // Without this a worker that fails would leave the coordinator asleep.
            let _ = theirs.shutdown(Shutdown::Both);
        });
        coordinator.run(at);
        ours.shutdown(Shutdown::Both).expect("an open socket");
    });
    assert!(coordinator.recalled > 0 && coordinator.sent.is_empty());
    let after = coordinator.lane.after_death().expect("an honest worker");
    assert_eq!((after.begun, after.unclaimed.count()), (None, 0));
    drop(done);
}

#[test]
fn every_call_comes_back_to_a_coordinator_that_waits_for_each_result() {
    both_threads(Some(WakeAt::NextResult), 0);
}

#[test]
fn every_call_comes_back_to_a_coordinator_that_waits_until_the_worker_is_dry() {
    both_threads(Some(WakeAt::Dry), 0);
}

#[test]
fn every_call_comes_back_from_a_worker_that_spins_first() {
    both_threads(Some(WakeAt::Dry), 50);
}

#[test]
fn every_call_comes_back_to_a_coordinator_that_polls() {
    both_threads(None, 0);
}
