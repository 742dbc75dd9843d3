//! Models of the lane, which loom explores: `cargo loom`. Without `--cfg loom` there is nothing here.
#![cfg(loom)]

mod scenario;
mod sides;
mod socket;

use std::panic::{AssertUnwindSafe, catch_unwind};

use wire::lane::Defect;

use scenario::{PLAIN, Scenario, TIGHT, Wait};

const WAITS: [Wait; 3] = [Wait::Poll, Wait::NextResult, Wait::Dry];

#[test]
fn results_arrive_for_every_way_to_wait() {
    for wait in WAITS {
        Scenario { wait, ..PLAIN }.check();
    }
    let (wait, spins) = (Wait::Dry, true);
    Scenario {
        wait,
        spins,
        ..PLAIN
    }
    .check();
}

#[test]
fn a_call_is_begun_once_or_recalled() {
    for recall in [1, 2] {
        Scenario { recall, ..PLAIN }.check();
    }
}

#[test]
fn both_rings_wrap_and_a_full_ring_makes_the_worker_wait() {
    for wait in WAITS {
        Scenario { wait, ..TIGHT }.check();
    }
}

#[test]
fn recalled_calls_leave_holes_when_the_rings_wrap() {
    for recall in [1, 2] {
        Scenario { recall, ..TIGHT }.check();
    }
}

#[test]
fn what_runs_is_seen_since_its_claim() {
    let (probe, recall) = (true, 1);
    Scenario { probe, ..PLAIN }.check();
    let preemptions = 2;
    Scenario {
        probe,
        recall,
        preemptions,
        ..PLAIN
    }
    .check();
}

#[test]
fn a_death_at_any_step_leaves_one_call_in_doubt() {
    let preemptions = 2;
    for steps in 0..=17 {
        for (recall, wait) in [(0, Wait::NextResult), (1, Wait::NextResult), (0, Wait::Dry)] {
            Scenario {
                steps,
                recall,
                wait,
                preemptions,
                ..PLAIN
            }
            .check();
        }
    }
}

#[test]
fn a_death_while_the_rings_wrap_leaves_one_call_in_doubt() {
    let preemptions = 1;
    for steps in 0..=40 {
        for recall in [0, 1] {
            Scenario {
                steps,
                recall,
                preemptions,
                ..TIGHT
            }
            .check();
        }
    }
}

/// The models under which each defect must be found.
#[test]
fn every_defect_is_found() {
    use Defect::*;
    let recalling = Scenario { recall: 1, ..PLAIN };
    let probing = Scenario {
        probe: true,
        ..PLAIN
    };
    let found_by = [
        (ClaimByStore, recalling),
        (TailTestedForEquality, Scenario { recall: 2, ..PLAIN }),
        (BeganAfterClaim, probing),
        (PublishedRelaxed, PLAIN),
        (NoFenceAfterPublishing, PLAIN),
        (NoFenceBeforeWorkerSleeps, PLAIN),
        (
            SleepsDryInSilence,
            Scenario {
                wait: Wait::Dry,
                ..PLAIN
            },
        ),
        (RecordWithoutRoom, TIGHT),
        (TailRelaxed, PLAIN),
        (NoFenceAfterCalls, PLAIN),
        (NoFenceBeforeCoordinatorSleeps, PLAIN),
        (SlotReusedAtClaim, TIGHT),
        (ConsumedBeforeCopy, TIGHT),
        (RoomInSilence, TIGHT),
        (RecallByStore, recalling),
    ];
    let mut missed = Vec::new();
    for (defect, scenario) in found_by {
        let defect = Some(defect);
        let check = AssertUnwindSafe(|| Scenario { defect, ..scenario }.check());
        match catch_unwind(check) {
            Ok(()) => missed.push(defect),
            Err(_) => eprintln!("found {defect:?}"),
        }
    }
    assert_eq!(missed, [], "defects that no model found");
}
