//! When a batch grows by one more task, and what is given up of it.

use crate::fixtures::{
    LANE, MS, ONCE, PLAIN, TASK, began, died, effects, finished, pull, ready, ready_with, recalled,
    resolved, starts, submit, teach,
};
use engine::{
    Config, Deal, Death, Effect, Engine, Event, Grown, KillReason, MAX_BATCH, Outcome, TaskAt,
    TaskId, WorkerId,
};

fn deal(engine: &mut Engine, worker: WorkerId, most: usize) -> Vec<(u32, u32)> {
    let mut dealt = Vec::new();
    engine.deal(0, worker, Deal::ByNumber(most), &mut dealt);
    dealt.iter().map(|it| (it.first, it.count)).collect()
}

/// A worker that has a batch of this size, whose class takes that time, from entry 1 on.
fn given(count: u32, ns: u64) -> (Engine, WorkerId, TaskId) {
    let (mut engine, workers) = ready(1, LANE);
    teach(&mut engine, workers[0], ns);
    let batch = engine.submit_batch(0, ONCE, count).expect("it is open");
    assert_eq!(deal(&mut engine, workers[0], 64), [(0, count)]);
    effects(&mut engine);
    (engine, workers[0], batch)
}

fn grows(engine: &mut Engine, batch: TaskId) -> bool {
    engine.grow(0, batch, |_| true).is_some()
}

#[test]
fn a_batch_grows_only_where_its_worker_is_sure_to_be_looked_at() {
    type Change = fn(&mut Engine, WorkerId);
    let changes: [(&str, bool, Change); 7] = [
        ("nothing", true, |_, _| {}),
        ("one has begun", true, |engine, worker| {
            engine.handle(0, began(worker, 1, 0));
        }),
        ("all have begun", false, |engine, worker| {
            engine.handle(0, began(worker, 2, 0));
        }),
        ("a recall has brought nothing", false, |engine, worker| {
            engine.handle(0, recalled(worker, 1..1));
        }),
        ("another is pinned to it", false, |engine, worker| {
            engine.submit_to(worker, ONCE).expect("it takes tasks");
        }),
        ("it is to leave", false, |engine, _| {
            engine.resize(0, 0, 0);
        }),
        ("the pool ends", false, |engine, _| {
            engine.shutdown(0, engine::Shutdown::Drain);
        }),
    ];
    for (what, more, change) in changes {
        let pinned = usize::from(what == "another is pinned to it");
        let (mut engine, worker, batch) = given(2, 1000);
        change(&mut engine, worker);
        assert_eq!(grows(&mut engine, batch), more, "{what}");
        assert_eq!(engine.task_at(worker, 3).is_some(), more);
        assert_eq!(engine.unresolved(), 2 + usize::from(more) + pinned);
    }
}

#[test]
fn a_batch_does_not_grow_while_another_worker_could_run_the_task() {
    let (mut engine, workers) = ready(2, LANE);
    let batch = engine.submit_batch(0, ONCE, 2).expect("it is open");
    assert_eq!(deal(&mut engine, workers[0], 2), [(0, 2)]);
    assert!(!grows(&mut engine, batch), "the second is idle");
    let task = submit(&mut engine, 0, ONCE);
    engine.cancel(0, task);
    assert!(!grows(&mut engine, batch), "the second has an offer");
    submit(&mut engine, 0, ONCE);
    assert_eq!(pull(&mut engine, 0, workers[1]).len(), 1);
    assert!(grows(&mut engine, batch));
}

#[test]
fn a_batch_grows_within_the_bound_and_its_size() {
    let config = Config {
        bound: 4,
        ..Config::default()
    };
    let (mut engine, workers) = ready_with(config, LANE);
    let batch = engine.submit_batch(0, ONCE, 2).expect("it is open");
    deal(&mut engine, workers[0], 2);
    let more = (0..10).filter(|_| grows(&mut engine, batch)).count();
    assert_eq!((more, engine.unresolved()), (2, 4));
    let (mut engine, worker, batch) = given(MAX_BATCH - 1, 1000);
    assert!(grows(&mut engine, batch) && !grows(&mut engine, batch));
    engine.handle(0, finished(worker, 1..1 + u64::from(MAX_BATCH)));
    assert!(!engine.is_unresolved(batch) && !grows(&mut engine, batch));
    let (mut engine, workers) = ready(1, LANE);
    let single = submit(&mut engine, 0, ONCE);
    deal(&mut engine, workers[0], 1);
    assert!(!grows(&mut engine, single), "it is none");
    // A worker without a lane has one call at a time.
    let (mut engine, workers) = ready(1, PLAIN);
    let batch = engine.submit_batch(0, ONCE, 1).expect("it is open");
    deal(&mut engine, workers[0], 1);
    assert!(!grows(&mut engine, batch));
}

#[test]
fn a_worker_with_more_than_is_worth_it_after_growth_gives_some_away() {
    for (ns, at_first, more, below) in [
        // From one alone, and past what is worth waking another for.
        (60_000, 1, 1, Some(1)),
        (20_000, 1, 2, Some(2)),
        (20_000, 2, 1, Some(2)),
        (25_000, 1, 1, Some(1)),
        (20_000, 1, 1, None),
        (60_000, 1, 0, None),
    ] {
        let (mut engine, workers) = ready(2, LANE);
        teach(&mut engine, workers[0], ns);
        submit(&mut engine, 0, TASK);
        deal(&mut engine, workers[0], 1);
        let batch = engine.submit_batch(0, ONCE, at_first).expect("it is open");
        deal(&mut engine, workers[1], 9);
        effects(&mut engine);
        for _ in 0..more {
            let grown = engine.grow(0, batch, |_| true);
            assert!(matches!(grown, Some(Grown::Dealt(id, _)) if id == workers[1]));
        }
        engine.handle(0, finished(workers[0], 1..2));
        let worker = workers[1];
        let asked = below.map(|below| Effect::Recall { worker, below });
        let asked: Vec<Effect> = asked.into_iter().collect();
        assert_eq!(effects(&mut engine), asked, "{more} more of {ns} ns");
    }
}

#[test]
fn a_growing_batch_lets_the_pool_grow() {
    let config = Config {
        min: 1,
        max: 4,
        ..Config::default()
    };
    let (mut engine, workers) = ready_with(config, PLAIN);
    submit(&mut engine, 0, ONCE);
    pull(&mut engine, 0, workers[0]);
    let batch = engine.submit_batch(0, ONCE, 1).expect("it is open");
    assert_eq!(starts(&mut engine).len(), 1);
    assert!(grows(&mut engine, batch));
    assert_eq!(starts(&mut engine).len(), 1);
}

#[test]
fn a_place_beyond_the_batch_is_that_of_no_task() {
    let (mut engine, workers) = ready(1, LANE);
    let batch = engine.submit_batch(0, ONCE, 3).expect("it is open");
    deal(&mut engine, workers[0], 2);
    for at in [3, 4, 63, 64, 65, 1000, u32::MAX] {
        let one = TaskAt { task: batch, at };
        assert!(!engine.cancel_one(0, one) && !engine.withdraw_one(0, one));
    }
    assert_eq!((engine.unresolved(), engine.queued()), (3, 1));
    assert_eq!(engine.pop_parted(), None);
}

#[test]
fn places_of_a_batch_in_the_queue_end_one_by_one() {
    // Of the three places (0 to 1, 4 to 5 and 8 to 9) tasks are given up in any order.
    for order in [[0, 1, 4, 5, 8, 9], [9, 8, 5, 4, 1, 0], [4, 0, 9, 5, 8, 1]] {
        let (mut engine, workers) = ready(2, LANE);
        let batch = engine.submit_batch(0, ONCE, 10).expect("it is open");
        assert_eq!(deal(&mut engine, workers[0], 2), [(0, 2)]);
        assert_eq!(deal(&mut engine, workers[1], 2), [(2, 2)]);
        assert_eq!(deal(&mut engine, workers[0], 2), [(4, 2)]);
        assert_eq!(deal(&mut engine, workers[1], 2), [(6, 2)]);
        engine.handle(0, recalled(workers[0], 2..4));
        engine.handle(0, recalled(workers[0], 0..2));
        let state = |engine: &Engine| {
            let size = engine.footprint();
            (engine.queued(), size.queue_places - size.queue_tombstones)
        };
        assert_eq!(state(&engine), (6, 3));
        let mut left = vec![0, 1, 4, 5, 8, 9];
        for at in order {
            assert!(engine.cancel_one(0, TaskAt { task: batch, at }));
            engine.pop_parted();
            left.retain(|&it| it != at);
            let mut places: Vec<u32> = left.iter().map(|it| it / 4).collect();
            places.dedup();
            assert_eq!(state(&engine), (left.len(), places.len()), "{left:?}");
        }
        assert_eq!(deal(&mut engine, workers[0], 9), []);
        assert_eq!(engine.unresolved(), 4);
    }
}

#[test]
fn a_batch_is_given_up_with_the_places_that_are_left_of_it() {
    let (mut engine, workers) = ready(1, LANE);
    let batch = engine.submit_batch(0, ONCE, 6).expect("it is open");
    let others = [submit(&mut engine, 0, ONCE), submit(&mut engine, 0, ONCE)];
    assert_eq!(deal(&mut engine, workers[0], 2), [(0, 2)]);
    assert_eq!(deal(&mut engine, workers[0], 2), [(2, 2)]);
    engine.handle(0, recalled(workers[0], 0..2));
    let state = |engine: &Engine| {
        let size = engine.footprint();
        (size.queue_places, size.queue_tombstones, engine.queued())
    };
    assert_eq!(state(&engine), (4, 0, 6));
    for at in [0, 1] {
        assert!(engine.cancel_one(0, TaskAt { task: batch, at }));
        engine.pop_parted();
    }
    assert_eq!(state(&engine), (4, 1, 4));
    assert!(engine.cancel(0, batch));
    assert_eq!(state(&engine), (4, 2, 2));
    effects(&mut engine);
    assert_eq!(deal(&mut engine, workers[0], 9).len(), others.len());
    assert_eq!(state(&engine), (0, 0, 0));
}

#[test]
fn the_running_task_of_a_batch_that_is_cancelled_ends_its_worker() {
    for withdraw in [false, true] {
        // All have begun; the last runs.
        let (mut engine, worker, batch) = given(3, 1000);
        engine.handle(0, began(worker, 3, 0));
        let (outcome, asked) = if withdraw {
            engine.withdraw(0, batch);
            (Outcome::Withdrawn, vec![])
        } else {
            engine.cancel(0, batch);
            let below = 4;
            (Outcome::Cancelled, vec![Effect::Recall { worker, below }])
        };
        let mut expected = vec![resolved(batch, outcome)];
        expected.extend(asked);
        assert_eq!(effects(&mut engine), expected);
        engine.handle(0, recalled(worker, 4..4));
        let ended = Effect::Terminate(worker, KillReason::Cancelled);
        assert_eq!(effects(&mut engine).contains(&ended), !withdraw);
    }
}

#[test]
fn a_batch_that_is_cancelled_leaves_what_else_runs_alone() {
    let (mut engine, worker, batch) = given(3, 1000);
    let other = submit(&mut engine, 0, ONCE);
    deal(&mut engine, worker, 1);
    engine.handle(0, finished(worker, 1..2));
    engine.handle(0, began(worker, 2, 0));
    engine.handle(0, finished(worker, 2..4));
    engine.handle(0, began(worker, 4, 0));
    effects(&mut engine);
    assert!(!engine.cancel(0, batch), "all of it is done");
    let batch = engine.submit_batch(0, ONCE, 3).expect("it is open");
    deal(&mut engine, worker, 2);
    effects(&mut engine);
    assert!(engine.cancel(0, batch));
    let below = 7;
    let expected = [
        resolved(batch, Outcome::Cancelled),
        Effect::Recall { worker, below },
    ];
    assert_eq!(effects(&mut engine), expected);
    assert_eq!((engine.queued(), engine.unresolved()), (0, 1));
    engine.handle(0, recalled(worker, 5..7));
    assert_eq!(effects(&mut engine), []);
    assert_eq!(engine.task_at(worker, 4).map(|it| it.task), Some(other));
}

#[test]
fn of_a_batch_each_entry_tells_its_task_and_how_many_follow() {
    let (mut engine, worker, batch) = given(5, 1000);
    engine.handle(0, finished(worker, 1..2));
    let task = batch;
    for (entry, found) in [
        (1, None),
        (2, Some((TaskAt { task, at: 1 }, 4))),
        (4, Some((TaskAt { task, at: 3 }, 2))),
        (5, Some((TaskAt { task, at: 4 }, 1))),
        (6, None),
    ] {
        assert_eq!(engine.tasks_at(worker, entry), found);
        assert_eq!(engine.is_open(worker, entry), found.is_some());
    }
    engine.handle(MS, died(worker, Death::Exit));
    assert_eq!(engine.tasks_at(worker, 2), None, "it is gone");
    let late = Event::Room { worker };
    engine.handle(MS, late);
    assert_eq!(engine.queued(), 4);
}
