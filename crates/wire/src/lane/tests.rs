//! Each violation, made on purpose by writing the word that the other side would have written, and the
//! exact error. Here because the positions of the words are private.

use std::sync::atomic::Ordering::Relaxed;

use crate::lane::body::{Body, CallHeader, RecordHeader, Shape};
use crate::lane::coordinator::{CoordinatorLane, Recalled, Running};
use crate::lane::layout::{Control, DONE, Layout};
use crate::lane::sync::AtomicU64;
use crate::lane::violation::Violation;
use crate::lane::worker::{Outcome, Reason, WorkerLane};

const NOTHING: Body<'_> = Body::Inline {
    arrays: &[],
    value: &[],
};

const OUTCOME: Outcome<'_> = Outcome {
    status: 0,
    ran_ns: 0,
    body: NOTHING,
};

struct Memory {
    layout: Layout,
    words: Vec<AtomicU64>,
}

type Lane<'a> = CoordinatorLane<&'a [AtomicU64]>;

impl Memory {
    fn new() -> Memory {
        let layout = Layout::new(4, 64, 64).expect("a valid layout");
        let words = (0..layout.words()).map(|_| AtomicU64::new(0)).collect();
        Memory { layout, words }
    }

    /// A coordinator's side with `calls` empty calls that the worker sees.
    fn coordinator(&self, calls: u64) -> Lane<'_> {
        let mut lane = Lane::new(&self.words[..], self.layout).expect("enough words");
        for _ in 0..calls {
            lane.push(1, NOTHING).expect("room");
        }
        lane.publish();
        lane
    }

    fn worker(&self) -> WorkerLane<&[AtomicU64]> {
        WorkerLane::new(&self.words[..], self.layout).expect("enough words")
    }

    fn set(&self, control: Control, value: u64) {
        self.words[control.index()].store(value, Relaxed);
    }

    /// Writes the header of a record at the start of the ring, and publishes `words` words.
    fn record(&self, header: RecordHeader, words: u64) {
        for (at, word) in (0..).zip(header.pack()) {
            self.words[self.layout.results().index(at)].store(word, Relaxed);
        }
        self.set(Control::Published, words);
    }
}

fn cursor(word: &'static str, found: u64, min: u64, max: u64) -> Violation {
    Violation::Cursor {
        word,
        found,
        min,
        max,
    }
}

fn header(index: u32, value: u32) -> RecordHeader {
    RecordHeader {
        index,
        ran_ns: 0,
        status: 0,
        shape: Shape {
            arrays: 0,
            value,
            socket: false,
        },
    }
}

#[test]
fn published_stays_within_the_ring_and_never_goes_back() {
    let memory = Memory::new();
    let mut lane = memory.coordinator(4);
    memory.set(Control::Published, 9);
    assert_eq!(lane.next_result(), Err(cursor("published", 9, 0, 8)));
    memory.set(Control::Head, 1);
    memory.record(header(0, 0), 2);
    assert!(lane.next_result().expect("a result").is_some());
    // Nothing was released.
    memory.set(Control::Published, 9);
    assert_eq!(lane.next_result(), Err(cursor("published", 9, 2, 8)));
    memory.set(Control::Published, 1);
    assert_eq!(lane.next_result(), Err(cursor("published", 1, 2, 8)));
    lane.release();
    memory.set(Control::Published, 11);
    assert_eq!(lane.next_result(), Err(cursor("published", 11, 2, 10)));
}

#[test]
fn a_result_is_of_a_claimed_call_and_of_the_next_one() {
    let memory = Memory::new();
    let mut lane = memory.coordinator(3);
    memory.record(header(0, 0), 2);
    assert_eq!(lane.next_result(), Err(Violation::NotClaimed { index: 0 }));

    let memory = Memory::new();
    let mut lane = memory.coordinator(3);
    assert_eq!(lane.recall(1), Ok(Recalled::Calls(0..1)));
    memory.set(Control::Head, 3);
    memory.record(header(2, 0), 2);
    let wrong = Violation::Index {
        found: 2,
        expected: 1,
    };
    assert_eq!(lane.next_result(), Err(wrong));
}

#[test]
fn a_record_lies_within_what_was_published() {
    for (value, words, fits) in [(8, 3, true), (9, 3, false), (0, 2, true), (0, 1, false)] {
        let memory = Memory::new();
        let mut lane = memory.coordinator(1);
        memory.set(Control::Head, 1);
        memory.record(header(0, value), words);
        match lane.next_result() {
            Ok(record) => assert!(fits && record.is_some()),
            Err(Violation::Malformed { index: 0, .. }) => assert!(!fits, "{value} in {words}"),
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn head_moves_forward_and_not_beyond_the_tail() {
    let memory = Memory::new();
    let mut lane = memory.coordinator(3);
    memory.set(Control::Head, 4);
    assert_eq!(lane.recall(1), Err(cursor("head", 4, 0, 3)));
    memory.set(Control::Head, 2);
    assert_eq!(lane.unclaimed(), Ok(1));
    memory.set(Control::Head, 1);
    assert_eq!(lane.running(), Err(cursor("head", 1, 2, 3)));
}

#[test]
fn one_call_is_claimed_at_a_time() {
    let memory = Memory::new();
    let mut lane = memory.coordinator(3);
    memory.set(Control::Head, 2);
    let many = Violation::ClaimedMany { claimed: 2 };
    assert_eq!(lane.running(), Err(many));
    assert_eq!(lane.after_death(), Err(many));
    assert_eq!(lane.open().count(), 3);
}

#[test]
fn done_is_not_beyond_the_claimed_call() {
    let memory = Memory::new();
    let mut lane = memory.coordinator(3);
    memory.set(Control::Head, 1);
    for (done, expected) in [(0, Ok(false)), (1, Ok(true)), (2, Err(()))] {
        memory.words[DONE].store(done, Relaxed);
        match (lane.running(), expected) {
            (Ok(Running::Call(claimed)), Ok(returned)) => assert_eq!(claimed.returned, returned),
            (Err(violation), Err(())) => assert_eq!(violation, cursor("done", 2, 0, 1)),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn results_that_come_after_the_death_are_refused() {
    let memory = Memory::new();
    let mut lane = memory.coordinator(1);
    memory.set(Control::Head, 1);
    memory.record(header(0, 0), 2);
    assert_eq!(lane.after_death(), Err(Violation::ChangedAfterDeath));
}

#[test]
fn the_clock_of_the_worker_can_move_the_start_only_between_sending_and_first_sight() {
    let memory = Memory::new();
    let mut lane = memory.coordinator(1);
    memory.set(Control::Head, 1);
    for (began, since) in [(50, 100), (150, 150), (u64::MAX, 200)] {
        memory.set(Control::BeganNs, began);
        let Ok(Running::Call(claimed)) = lane.running() else {
            panic!("call 0 runs");
        };
        assert_eq!(claimed.since_ns(100, 200), since);
    }
}

#[test]
fn a_worker_refuses_a_tail_that_cannot_be() {
    let memory = Memory::new();
    let mut lane = memory.worker();
    memory.set(Control::Tail, 5);
    assert_eq!(lane.claim(|| 0), Err(cursor("tail", 5, 0, 4)));
    memory.set(Control::Tail, 1);
    assert_eq!(lane.claim(|| 0), Ok(Some(0)));
    assert_eq!(lane.publish(&OUTCOME), Ok(true));
    memory.set(Control::Tail, 0);
    assert_eq!(lane.rest(Reason::Calls), Err(cursor("tail", 0, 1, 5)));
}

#[test]
fn a_worker_refuses_a_head_that_goes_back() {
    let memory = Memory::new();
    let mut lane = memory.worker();
    memory.set(Control::Tail, 2);
    assert_eq!(lane.claim(|| 0), Ok(Some(0)));
    assert_eq!(lane.publish(&OUTCOME), Ok(true));
    memory.set(Control::Head, 0);
    assert_eq!(lane.claim(|| 0), Err(cursor("head", 0, 1, 2)));
}

#[test]
fn a_worker_refuses_a_consumed_that_cannot_be() {
    let memory = Memory::new();
    let mut lane = memory.worker();
    memory.set(Control::Tail, 4);
    for _ in 0..4 {
        assert!(lane.claim(|| 0).expect("a valid lane").is_some());
        assert_eq!(lane.publish(&OUTCOME), Ok(true));
    }
    memory.set(Control::Tail, 5);
    assert_eq!(lane.claim(|| 0), Ok(Some(4)));
    memory.set(Control::Consumed, 9);
    assert_eq!(lane.publish(&OUTCOME), Err(cursor("consumed", 9, 0, 8)));
    memory.set(Control::Consumed, 2);
    assert_eq!(lane.publish(&OUTCOME), Ok(true));
    memory.set(Control::Consumed, 1);
    assert_eq!(lane.rest(Reason::Room), Err(cursor("consumed", 1, 2, 10)));
}

#[test]
fn a_worker_refuses_a_call_of_impossible_length() {
    let memory = Memory::new();
    let mut lane = memory.worker();
    let shape = Shape {
        arrays: 0,
        value: 33,
        socket: false,
    };
    let (task, start) = (0, 0);
    let words = CallHeader { task, start, shape }.pack();
    for (at, word) in (memory.layout.slot(0)..).zip(words) {
        memory.words[at].store(word, Relaxed);
    }
    memory.set(Control::Tail, 1);
    assert_eq!(lane.claim(|| 0), Ok(Some(0)));
    let malformed = Violation::Malformed {
        index: 0,
        what: "call",
        word: words[1],
    };
    assert_eq!(lane.call(), Err(malformed));
}
