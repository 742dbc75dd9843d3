//! Peers that write anything into the lane: neither side panics, hangs or takes a call twice.
#![cfg(not(loom))]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use wire::lane::hostile::{Reached, explore};
use wire::lane::{AtomicU64, Body, CoordinatorLane, Layout, Outcome, Recalled, WorkerLane};

/// Ends the test run if `run` hangs.
fn watched(run: impl FnOnce()) {
    let (done, wait) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        if wait.recv_timeout(Duration::from_secs(300)) == Err(mpsc::RecvTimeoutError::Timeout) {
            eprintln!("a side of the lane hangs");
            std::process::abort();
        }
    });
    run();
    drop(done);
}

#[test]
fn arbitrary_words_between_operations_are_refused_or_harmless() {
    watched(|| {
        let mut random = fastrand::Rng::with_seed(1);
        let mut reached = [Reached::default(); 2];
        for round in 0..60_000_u32 {
            let mut input: Vec<u8> = (0..random.usize(1..400)).map(|_| random.u8(..)).collect();
            // Both sides, both layouts.
            input[0] = round as u8;
            let now = explore(&input);
            let sum = &mut reached[usize::from(input[0] & 2 != 0)];
            sum.calls += now.calls;
            sum.results += now.results;
            sum.recalled += now.recalled;
            sum.violations += now.violations;
        }
        let [coordinator, worker] = reached;
        // Without these the peer would be refused at once.
        assert!(coordinator.results > 1000, "{coordinator:?}");
        assert!(coordinator.recalled > 1000, "{coordinator:?}");
        assert!(coordinator.violations > 1000, "{coordinator:?}");
        assert!(worker.calls > 1000, "{worker:?}");
        assert!(worker.violations > 1000, "{worker:?}");
    });
}

/// Writes everywhere until `stop` is set: small numbers and steps, which pass the first checks, and large ones.
fn scribble(words: &[AtomicU64], stop: &AtomicBool, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    while !stop.load(Ordering::Relaxed) {
        let control = random.bool();
        let index = random.usize(..if control { 128 } else { words.len() });
        let word = &words[index];
        match random.u8(..4) {
            0 => word.store(random.u64(..20), Ordering::Relaxed),
            1 => word.store(random.u64(..), Ordering::Relaxed),
            _ => _ = word.fetch_add(random.u64(..3), Ordering::Relaxed),
        }
    }
}

fn beside_a_scribbler(seed: u64, run: impl FnOnce(&[AtomicU64], Layout)) {
    let layout = Layout::new(8, 128, 256).expect("a valid layout");
    let words: Vec<AtomicU64> = (0..layout.words()).map(|_| AtomicU64::new(0)).collect();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| scribble(&words, &stop, seed));
        while words.iter().all(|word| word.load(Ordering::Relaxed) == 0) {
            std::thread::yield_now();
        }
        run(&words, layout);
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_coordinator_survives_a_worker_that_writes_all_the_time() {
    watched(|| {
        let mut violations = 0;
        for seed in 0..100 {
            beside_a_scribbler(seed, |words, layout| {
                let mut lane = CoordinatorLane::new(words, layout).expect("enough words");
                let mut pushed = 0;
                let mut back = std::collections::HashSet::new();
                for _ in 0..500 {
                    let body = Body::Inline {
                        arrays: &[1; 3],
                        value: &[2; 9],
                    };
                    pushed += u64::from(lane.push(1, body).is_ok());
                    lane.publish();
                    let mut taken = || {
                        while let Some(record) = lane.next_result()? {
                            assert!(record.index < pushed && back.insert(record.index));
                        }
                        if let Recalled::Calls(calls) = lane.recall(2)? {
                            calls.for_each(|index| assert!(index < pushed && back.insert(index)));
                        }
                        lane.release();
                        lane.running()
                    };
                    // A pool would stop here.
                    violations += u32::from(taken().is_err());
                    let _ = (
                        lane.take_wake(),
                        lane.arm(wire::lane::WakeAt::Dry),
                        lane.disarm(),
                    );
                }
                let open: Vec<u64> = lane.open().collect();
                assert!(
                    open.iter()
                        .all(|index| *index < pushed && !back.contains(index))
                );
                let _ = lane.after_death();
            });
        }
        assert!(violations > 0);
    });
}

#[test]
fn a_worker_survives_a_coordinator_that_writes_all_the_time() {
    watched(|| {
        let mut calls = 0;
        for seed in 0..100 {
            beside_a_scribbler(seed, |words, layout| {
                let mut lane = WorkerLane::new(words, layout).expect("enough words");
                let mut serve = || {
                    if !lane.is_idle() || lane.claim(|| 1)?.is_some() {
                        calls += 1;
                        let output = match lane.call()?.body {
                            Body::Inline { value, .. } => value.len().min(40),
                            Body::Socket => 0,
                        };
                        let body = Body::Inline {
                            arrays: &[],
                            value: &[3; 40][..output],
                        };
                        let (status, ran_ns) = (0, 0);
                        let outcome = Outcome {
                            status,
                            ran_ns,
                            body,
                        };
                        let _ = lane.complete(&outcome)?;
                    }
                    Ok::<(), wire::lane::Violation>(())
                };
                for _ in 0..500 {
                    let _ = serve();
                }
                let _ = lane.rest(wire::lane::Reason::Calls);
                lane.woken();
            });
        }
        assert!(calls > 0);
    });
}
