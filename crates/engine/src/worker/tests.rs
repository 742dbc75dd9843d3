//! What a worker may be given, and when it has to be looked at.

use super::*;
use crate::config::{AHEAD_NS, MS};

const LANE: Capabilities = Capabilities {
    signal: true,
    lane: true,
    replace: true,
    ask: true,
};

fn serving(capabilities: Capabilities) -> Worker {
    Worker::new(0, capabilities, State::Serving { retiring: false })
}

fn entry(expected_ns: u64, limit_ns: u64) -> Entry {
    let (index, generation) = (1, 0);
    Entry {
        expected_ns,
        limit_ns,
        ..Entry::of(Holds::Task(TaskId { index, generation }))
    }
}

fn config() -> Config {
    Config {
        recycle_tasks: Some(10),
        ..Config::default()
    }
}

fn has_room(worker: &Worker, now: u64) -> bool {
    worker.has_room(now, &config(), Some(1000), false)
}

#[test]
fn one_that_serves_and_holds_nothing_has_room() {
    let plain = Capabilities {
        lane: false,
        ..LANE
    };
    assert!(has_room(&serving(plain), 0));
    let mut worker = serving(LANE);
    worker.state = State::Serving { retiring: true };
    assert!(!has_room(&worker, 0));
    worker.state = State::Standby;
    assert!(!has_room(&worker, 0));
    let mut worker = serving(LANE);
    worker.blocked_until_ns = 5;
    assert!(!has_room(&worker, 4) && has_room(&worker, 5));
    worker.answered = 9;
    assert!(has_room(&worker, 5));
    worker.answered = 10;
    assert!(!has_room(&worker, 5));
    let mut worker = serving(LANE);
    let (entry, since_ns, reason) = (0, 0, KillReason::Cancelled);
    worker.asked = Some(Asked {
        entry,
        since_ns,
        reason,
    });
    assert!(!has_room(&worker, 0));
}

#[test]
fn one_with_a_lane_has_room_for_a_while_ahead() {
    let mut worker = serving(LANE);
    worker.push(entry(AHEAD_NS - 1000, u64::MAX));
    assert!(has_room(&worker, 0));
    assert!(!worker.has_room(0, &config(), Some(1001), false));
    assert!(!worker.has_room(0, &config(), None, false));
    assert_eq!(worker.room(&config(), Some(500), false), 2);
    assert_eq!(worker.room(&config(), None, false), 1);
    // Nothing is known to have happened for long.
    assert!(has_room(&worker, CREDIT_NS - 1) && !has_room(&worker, CREDIT_NS));
    assert!(worker.has_room(CREDIT_NS, &config(), None, true));
    assert_eq!(
        worker.room(&config(), None, true),
        9,
        "before it is replaced"
    );
    worker.exclusive = true;
    assert!(!worker.has_room(0, &config(), Some(1), true));
    let plain = Capabilities {
        lane: false,
        ..LANE
    };
    let mut worker = serving(plain);
    worker.push(entry(1000, u64::MAX));
    assert!(!worker.has_room(0, &config(), Some(1), true));
    assert_eq!(worker.room(&config(), Some(1), true), 1);
}

fn deadline(worker: &Worker) -> Option<u64> {
    worker.deadline(&config(), false, None)
}

#[test]
fn one_without_anything_to_do_is_looked_at_where_it_may_leave() {
    let mut worker = serving(LANE);
    assert_eq!(deadline(&worker), None);
    (worker.progress_ns, worker.ready_ns) = (3, 7);
    let at = |worker: &Worker| worker.deadline(&config(), false, Some(100));
    assert_eq!(at(&worker), Some(107));
    worker.offered = true;
    assert_eq!(at(&worker), None);
    worker.offered = false;
    let (index, generation) = (1, 0);
    worker.pinned.push_back(TaskId { index, generation });
    assert_eq!(at(&worker), None);
    worker.pinned.clear();
    worker.blocked_until_ns = 50;
    assert_eq!((deadline(&worker), at(&worker)), (Some(50), Some(50)));
    worker.push(entry(1000, u64::MAX));
    worker.begin(0, 0);
    assert_eq!(at(&worker), None, "it is busy, and has its result first");
}

#[test]
fn the_end_of_each_state_has_its_time() {
    let (since_ns, config) = (1000, config());
    let mut worker = serving(LANE);
    let mut at = |state| {
        worker.state = state;
        worker.deadline(&config, false, Some(1))
    };
    let reason = KillReason::Cancelled;
    let starting = false;
    assert_eq!(
        at(State::Starting { since_ns }),
        Some(1000 + config.start_timeout_ns)
    );
    for state in [
        State::Leaving { since_ns },
        State::Closed { starting, since_ns },
        State::Ending { reason, since_ns },
    ] {
        assert_eq!(at(state), Some(1000 + config.grace_ns));
    }
    for state in [State::Free, State::Standby, State::Killed] {
        assert_eq!(at(state), None);
    }
}

#[test]
fn the_running_task_has_its_limit_and_then_its_result_a_grace() {
    let config = config();
    let mut worker = serving(LANE);
    worker.push(entry(1000, 40 * MS));
    worker.begin(0, 2 * MS);
    assert_eq!(deadline(&worker), Some(42 * MS));
    let (entry, since_ns, reason) = (0, 5 * MS, KillReason::Cancelled);
    worker.asked = Some(Asked {
        entry,
        since_ns,
        reason,
    });
    assert_eq!(deadline(&worker), Some(5 * MS + config.soft_ns));
    (worker.done, worker.done_ns) = (1, 6 * MS);
    assert_eq!(deadline(&worker), Some(6 * MS + config.grace_ns));
}

#[test]
fn what_is_not_begun_is_looked_at_soon_and_then_seldom() {
    let config = config();
    let mut worker = serving(LANE);
    worker.push(Entry {
        sent_ns: MS,
        ..entry(1000, 8 * MS)
    });
    assert_eq!(deadline(&worker), Some(MS + CREDIT_NS));
    let stalled = |worker: &Worker| worker.deadline(&config, true, None);
    // The start of a task with a limit has to be seen soon after it.
    assert_eq!(stalled(&worker), Some(MS + 2 * MS));
    worker.looked_at_ns = 20 * MS;
    assert_eq!(stalled(&worker), Some(22 * MS));
    worker.fruitless = FRUITLESS;
    assert_eq!(
        deadline(&worker),
        Some(MS + config.grace_ns),
        "nothing runs"
    );
    let mut worker = serving(LANE);
    for _ in 0..2 {
        worker.push(entry(1000, u64::MAX));
    }
    worker.begin(0, 0);
    assert_eq!(
        (deadline(&worker), stalled(&worker)),
        (Some(CREDIT_NS), None)
    );
}

#[test]
fn a_worker_is_idle_with_nothing_to_do_and_nothing_to_come() {
    let mut worker = serving(LANE);
    assert!(worker.is_idle());
    worker.offered = true;
    assert!(!worker.is_idle());
    worker.offered = false;
    worker.push(entry(1, u64::MAX));
    assert!(!worker.is_idle());
}
