//! A peer that writes anything, for a test and for a fuzzer: bytes are turned into operations of one side and into
//! stores of arbitrary words, also between the operations. The operations must not panic, must not run without a bound,
//! and must not read outside the lane.

use crate::lane::body::Body;
use crate::lane::coordinator::{CoordinatorLane, Recalled, WakeAt};
use crate::lane::layout::{Control, DONE, Layout};
use crate::lane::sync::{AtomicU64, Ordering};
use crate::lane::violation::Violation;
use crate::lane::worker::{Outcome, Reason, WorkerLane};

/// What a run came to. A test adds these up: a peer that is refused at once tests little.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reached {
    /// Calls that the worker read.
    pub calls: u64,
    /// Results that the coordinator took.
    pub results: u64,
    /// Calls that it recalled.
    pub recalled: u64,
    /// Violations that either side saw.
    pub violations: u64,
}

/// Runs what `input` says against one of the sides.
///
/// # Panics
///
/// If a guarantee of the lane is broken.
pub fn run(input: &[u8]) {
    explore(input);
}

/// As [`run`], and says what was reached.
///
/// # Panics
///
/// If a guarantee of the lane is broken.
pub fn explore(input: &[u8]) -> Reached {
    let Some((&first, rest)) = input.split_first() else {
        return Reached::default();
    };
    let layout = match first & 1 {
        0 => Layout::new(4, 64, 64),
        _ => Layout::new(16, 512, 512),
    };
    let layout = layout.expect("a valid layout");
    let mut bytes = Bytes(rest);
    let mut reached = Reached::default();
    if first & 2 == 0 {
        coordinator(layout, &mut bytes, &mut reached);
    } else {
        worker(layout, &mut bytes, &mut reached);
    }
    reached
}

/// Input that ends in zeros.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        let (&first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        first
    }

    fn word(&mut self) -> u64 {
        u64::from_le_bytes([(); 8].map(|()| self.byte()))
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The peer writes something: a small change of a word, since large ones are refused at once, or any value.
fn scribble(words: &[AtomicU64], bytes: &mut Bytes<'_>) {
    const CONTROL: [Control; 7] = [
        Control::Head,
        Control::Tail,
        Control::BeganNs,
        Control::Published,
        Control::Consumed,
        Control::SleepWorker,
        Control::SleepCoordinator,
    ];
    let which = usize::from(bytes.byte());
    let index = match CONTROL.get(which % 16) {
        Some(control) => control.index(),
        None if which.is_multiple_of(16) => DONE,
        None => (which * 251 + usize::from(bytes.byte())) % words.len(),
    };
    let word = &words[index];
    let now = word.load(Ordering::Relaxed);
    let value = match bytes.byte() {
        by @ 0..100 => now.wrapping_add(by.into()),
        by @ 100..140 => now.wrapping_sub(u64::from(by) - 100),
        by @ 140..220 => u64::from(by) - 140,
        _ => bytes.word(),
    };
    word.store(value, Ordering::Relaxed);
}

fn memory(layout: Layout) -> Vec<AtomicU64> {
    (0..layout.words()).map(|_| AtomicU64::new(0)).collect()
}

fn coordinator(layout: Layout, bytes: &mut Bytes<'_>, reached: &mut Reached) {
    let words = memory(layout);
    let mut lane = CoordinatorLane::new(&words[..], layout).expect("enough words");
    let mut due = Due::default();
    // The worker works properly between its faults, else few states would be reached.
    let mut honest = WorkerLane::new(&words[..], layout).expect("enough words");
    while !bytes.is_empty() {
        let step = bytes.byte();
        let done = match step % 16 {
            0..5 => {
                scribble(&words, bytes);
                Ok(())
            }
            5..8 => work(&mut honest, bytes, &mut Reached::default()).or(Ok(())),
            _ => coordinate(&mut lane, step, &mut due, bytes, reached),
        };
        if let Err(violation) = done {
            assert!(!violation.to_string().is_empty());
            reached.violations += 1;
            // The worker is killed here. What is known of its calls must stay consistent.
            assert!(lane.open().all(|index| due.open(index)));
            if step & 16 == 0 {
                return;
            }
        }
    }
    while let Ok(Some(_)) = lane.next_result() {}
    let _ = lane.after_death();
    assert!(lane.open().count() as u64 <= layout.slots());
}

/// Which calls the coordinator pushed, and got back in one way.
#[derive(Default)]
struct Due {
    resolved: Vec<bool>,
}

impl Due {
    fn open(&self, index: u64) -> bool {
        self.resolved.get(index as usize) == Some(&false)
    }

    /// A call must come back once at most.
    fn resolve(&mut self, index: u64) {
        assert!(self.open(index), "call {index} comes back twice");
        self.resolved[index as usize] = true;
    }
}

fn coordinate(
    lane: &mut CoordinatorLane<&[AtomicU64]>,
    step: u8,
    due: &mut Due,
    bytes: &mut Bytes<'_>,
    reached: &mut Reached,
) -> Result<(), Violation> {
    match step % 16 {
        8 => {
            let value = [7; 40];
            let body = Body::Inline {
                arrays: &value[..usize::from(step >> 5)],
                value: &value[..usize::from(bytes.byte()) % 40],
            };
            if let Ok(index) = lane.push(1, body) {
                assert_eq!(index as usize, due.resolved.len());
                due.resolved.push(false);
            }
        }
        9 => lane.publish(),
        10 => {
            while let Some(record) = lane.next_result()? {
                due.resolve(record.index);
                reached.results += 1;
            }
        }
        11 => lane.release(),
        12 => {
            if let Recalled::Calls(calls) = lane.recall((step >> 4).into())? {
                reached.recalled += calls.end - calls.start;
                calls.for_each(|index| due.resolve(index));
            }
        }
        13 => _ = lane.running()?,
        14 => _ = lane.arm(WakeAt::Dry)?,
        _ => {
            _ = (
                lane.take_wake(),
                lane.spin(3),
                lane.disarm(),
                lane.unclaimed()?,
            )
        }
    }
    Ok(())
}

fn worker(layout: Layout, bytes: &mut Bytes<'_>, reached: &mut Reached) {
    let words = memory(layout);
    let mut lane = WorkerLane::new(&words[..], layout).expect("enough words");
    let mut honest = CoordinatorLane::new(&words[..], layout).expect("enough words");
    while !bytes.is_empty() {
        let step = bytes.byte();
        match step % 8 {
            0..2 => scribble(&words, bytes),
            2..6 => {
                let worked = work(&mut lane, bytes, reached);
                reached.violations += u64::from(worked.is_err());
            }
            // An honest coordinator gives up at its first violation; here it goes on.
            _ => _ = coordinate_blindly(&mut honest, step, bytes),
        }
    }
}

/// Operations of a coordinator whose results nobody checks.
fn coordinate_blindly(
    lane: &mut CoordinatorLane<&[AtomicU64]>,
    step: u8,
    bytes: &mut Bytes<'_>,
) -> Result<(), Violation> {
    match step >> 6 {
        0 => _ = lane.push(2, Body::Socket),
        1 => lane.publish(),
        2 => {
            let value = [9; 16];
            let arrays = &value[..usize::from(bytes.byte() % 16)];
            let value = &value;
            let _ = lane.push(3, Body::Inline { arrays, value });
            lane.publish();
        }
        _ => {
            while lane.next_result()?.is_some() {}
            lane.release();
        }
    }
    Ok(())
}

/// One step of a worker.
fn work(
    lane: &mut WorkerLane<&[AtomicU64]>,
    bytes: &mut Bytes<'_>,
    reached: &mut Reached,
) -> Result<(), Violation> {
    if lane.is_idle() && lane.claim(|| 1)?.is_none() {
        let _ = lane.rest(Reason::Calls)?;
        lane.woken();
        return Ok(());
    }
    if let Body::Inline { arrays, value } = lane.call()?.body {
        assert!(arrays.len() + value.len() <= 1024);
    }
    reached.calls += 1;
    let value = [5; 64];
    let size = bytes.byte();
    let outcome = Outcome {
        status: 0,
        ran_ns: 1,
        body: match size {
            250.. => Body::Socket,
            _ => Body::Inline {
                arrays: &[],
                value: &value[..usize::from(size % 64)],
            },
        },
    };
    lane.returned();
    let _ = lane.complete(&outcome)?;
    let _ = (lane.spin(Reason::Room, 2), lane.rest(Reason::Room)?);
    lane.woken();
    Ok(())
}
