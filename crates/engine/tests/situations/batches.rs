//! Batches: dealt and recalled in pieces, and taken apart where one of the tasks needs an account of its own.

use crate::fixtures::{LANE, MS, ONCE, TASK, effects, ready, submit, teach};
use engine::{Assignment, Config, Deal, Death, Effect, Engine, Event, Grown, MAX_BATCH};
use engine::{Outcome, Parted, SubmitError, TaskAt, WorkerId};

fn deal(engine: &mut Engine, worker: WorkerId, most: usize) -> Vec<Assignment> {
    let mut dealt = Vec::new();
    engine.deal(0, worker, Deal::ByNumber(most), &mut dealt);
    dealt
}

fn parted(engine: &mut Engine) -> Vec<Parted> {
    std::iter::from_fn(|| engine.pop_parted()).collect()
}

/// Two workers, of which the first has six tasks of a batch of ten and runs the third.
fn running_the_third(spec: engine::TaskSpec) -> (Engine, Vec<WorkerId>, engine::TaskId) {
    let (mut engine, workers) = ready(2, LANE);
    teach(&mut engine, workers[0], 1_000);
    let batch = engine.submit_batch(0, spec, 10).unwrap();
    effects(&mut engine);
    let dealt = deal(&mut engine, workers[0], 6);
    let [
        Assignment {
            entry,
            task,
            first,
            count,
            attempt,
        },
    ] = dealt[..]
    else {
        panic!("{dealt:?}");
    };
    assert_eq!((entry, task, first, count, attempt), (1, batch, 0, 6, 1));
    let worker = workers[0];
    let finished = Event::Finished {
        worker,
        entries: 1..3,
        ran_ns: 2_000,
        rss: 0,
    };
    engine.handle(0, finished);
    let (entry, at_ns) = (3, 0);
    engine.handle(
        0,
        Event::Began {
            worker,
            entry,
            at_ns,
        },
    );
    effects(&mut engine);
    (engine, workers, batch)
}

#[test]
fn a_death_is_charged_to_the_running_task_of_a_batch() {
    let (mut engine, workers, batch) = running_the_third(ONCE);
    assert_eq!(engine.unresolved(), 8);
    engine.handle(
        MS,
        Event::Died {
            worker: workers[0],
            death: Death::Signal,
            not_begun: false,
        },
    );
    let parted = parted(&mut engine);
    let [Parted { at: 2, task, .. }] = parted[..] else {
        panic!("{parted:?}");
    };
    let (worker, deaths) = (workers[0], 1);
    let outcome = Outcome::Died { worker, deaths };
    assert!(effects(&mut engine).contains(&Effect::Resolve { task, outcome }));
    // What it had not begun is one with what waited behind it.
    let dealt = deal(&mut engine, workers[1], 100);
    let [
        Assignment {
            task,
            first: 3,
            count: 7,
            attempt: 1,
            ..
        },
    ] = dealt[..]
    else {
        panic!("{dealt:?}");
    };
    assert_eq!((task, engine.unresolved()), (batch, 7));
}

#[test]
fn a_task_that_runs_again_has_left_its_batch() {
    let (mut engine, workers, _) = running_the_third(TASK);
    engine.handle(
        MS,
        Event::Died {
            worker: workers[0],
            death: Death::Signal,
            not_begun: false,
        },
    );
    let own = parted(&mut engine)[0].task;
    effects(&mut engine);
    let dealt = deal(&mut engine, workers[1], 100);
    assert_eq!((dealt[0].task, dealt[0].attempt), (own, 2));
    assert_eq!((dealt[1].first, dealt[1].count), (3, 7));
    let task_at = |entry| engine.task_at(workers[1], entry).map(|it| it.at);
    assert_eq!([0, 1, 7, 8].map(task_at), [Some(0), Some(3), Some(9), None]);
}

#[test]
fn a_batch_is_given_up_wherever_it_is() {
    let (mut engine, workers, batch) = running_the_third(ONCE);
    assert!(engine.withdraw(MS, batch));
    let (task, outcome) = (batch, Outcome::Withdrawn);
    let (worker, below) = (workers[0], 7);
    assert_eq!(
        effects(&mut engine),
        [
            Effect::Resolve { task, outcome },
            Effect::Recall { worker, below }
        ]
    );
    let entries = 4..7;
    engine.handle(MS, Event::Recalled { worker, entries });
    assert_eq!((engine.unresolved(), engine.queued()), (0, 0));
    assert_eq!(deal(&mut engine, workers[1], 100), []);
    // The running one is not wanted any more.
    assert_eq!(engine.task_at(workers[0], 3), None);
    assert!(engine.is_open(workers[0], 3));
}

#[test]
fn one_of_a_batch_is_given_up_wherever_it_is() {
    let (mut engine, workers, batch) = running_the_third(ONCE);
    let give_up = |engine: &mut Engine, at| engine.withdraw_one(MS, TaskAt { task: batch, at });
    assert!(!give_up(&mut engine, 0), "it has its result");
    // One that waits, one that a worker has ahead, and the one that runs.
    for (at, left) in [(8, 7), (4, 6), (2, 5)] {
        assert!(give_up(&mut engine, at));
        assert_eq!(parted(&mut engine).last().map(|it| it.at), Some(at));
        assert!(!give_up(&mut engine, at), "it is given up already");
        assert_eq!(engine.unresolved(), left);
    }
    effects(&mut engine);
    let (worker, entries) = (workers[0], 4..7);
    engine.handle(MS, Event::Recalled { worker, entries });
    let dealt = deal(&mut engine, workers[1], 100);
    let pieces: Vec<(u32, u32)> = dealt.iter().map(|it| (it.first, it.count)).collect();
    assert_eq!(pieces, [(3, 1), (5, 3), (9, 1)]);
    assert_eq!(engine.unresolved(), 5);
}

#[test]
fn recalled_tasks_go_before_those_behind_them() {
    let (mut engine, workers, batch) = running_the_third(ONCE);
    let (worker, entries) = (workers[0], 4..7);
    engine.handle(MS, Event::Recalled { worker, entries });
    let dealt = deal(&mut engine, workers[1], 100);
    assert_eq!((dealt[0].first, dealt[0].count), (3, 7));
    let (task, at) = (batch, 5);
    assert_eq!(engine.task_at(workers[1], 2), Some(TaskAt { task, at }));
}

#[test]
fn every_task_of_a_batch_counts_for_the_bound() {
    let config = Config {
        bound: 10,
        ..Config::default()
    };
    let mut engine = Engine::new(0, config);
    engine.submit_batch(0, ONCE, 9).unwrap();
    assert_eq!(engine.submit_batch(0, ONCE, 2), Err(SubmitError::Full));
    engine.submit_batch(0, ONCE, 1).unwrap();
    assert!(engine.is_full());
}

#[test]
fn a_place_of_the_queue_ends_with_the_last_task_that_waits_there() {
    let (mut engine, workers, batch) = running_the_third(ONCE);
    // The last four wait and are given up; of the three before them, which come back, one is.
    for at in [7, 9, 8, 6] {
        assert!(engine.cancel_one(MS, TaskAt { task: batch, at }));
    }
    assert_eq!(
        (engine.queued(), engine.footprint().queue_tombstones),
        (0, 1)
    );
    parted(&mut engine);
    let (worker, entries) = (workers[0], 4..7);
    engine.handle(MS, Event::Recalled { worker, entries });
    assert_eq!(
        engine.footprint().queue_places,
        2,
        "what is empty is not joined"
    );
    assert!(engine.cancel_one(MS, TaskAt { task: batch, at: 4 }));
    parted(&mut engine);
    let dealt = deal(&mut engine, workers[1], 100);
    let pieces: Vec<(u32, u32)> = dealt.iter().map(|it| (it.first, it.count)).collect();
    assert_eq!(pieces, [(3, 1), (5, 1)]);
    assert_eq!((engine.queued(), engine.unresolved()), (0, 3));
}

#[test]
fn a_batch_grows_where_its_last_task_is() {
    let (mut engine, workers, first) = running_the_third(ONCE);
    let add = |engine: &mut Engine, batch| engine.grow(MS, batch, |_| true);
    // Its last tasks wait, and another worker is idle.
    assert_eq!(add(&mut engine, first), None);
    assert_eq!(deal(&mut engine, workers[1], 100).len(), 1);
    assert_eq!(
        add(&mut engine, first),
        None,
        "the first worker was offered more"
    );
    assert_eq!(deal(&mut engine, workers[0], 100), []);
    effects(&mut engine);
    // Nothing waits, and the second worker has the last of it.
    let Some(Grown::Dealt(worker, assignment)) = add(&mut engine, first) else {
        panic!("it has not grown");
    };
    assert_eq!(
        (worker, assignment.entry, assignment.first),
        (workers[1], 4, 10)
    );
    assert_eq!(engine.task_at(worker, 4).map(|it| it.at), Some(10));
    assert_eq!(engine.grow(MS, first, |_| false), None, "there is no room");
    // Others wait: those that come last grow.
    let second = engine.submit_batch(MS, ONCE, 1).unwrap();
    assert_eq!(add(&mut engine, first), None);
    assert_eq!(add(&mut engine, second), Some(Grown::Queued));
    assert_eq!((engine.queued(), engine.unresolved()), (2, 11));
    let taken = (2..MAX_BATCH).filter(|_| add(&mut engine, second).is_some());
    assert_eq!(taken.count(), MAX_BATCH as usize - 2);
    assert_eq!(add(&mut engine, second), None, "it is full");
}

#[test]
fn a_worker_that_a_batch_makes_heavy_gives_some_of_it_to_an_idle_one() {
    let (mut engine, workers) = ready(2, LANE);
    teach(&mut engine, workers[0], 60_000);
    submit(&mut engine, 0, TASK);
    let other = deal(&mut engine, workers[0], 1)[0].entry;
    let batch = engine.submit_batch(0, ONCE, 1).unwrap();
    deal(&mut engine, workers[1], 1);
    effects(&mut engine);
    for _ in 0..8 {
        assert!(engine.grow(0, batch, |_| true).is_some());
    }
    let finished = Event::Finished {
        worker: workers[0],
        entries: other..other + 1,
        ran_ns: 60_000,
        rss: 0,
    };
    engine.handle(1000, finished);
    let (worker, below) = (workers[1], 5);
    assert_eq!(effects(&mut engine), [Effect::Recall { worker, below }]);
}

#[test]
fn what_cannot_be_recalled_is_not_looked_at_for_ever() {
    let (mut engine, workers) = ready(2, LANE);
    teach(&mut engine, workers[0], 30_000);
    engine.submit_batch(0, ONCE, 4).unwrap();
    effects(&mut engine);
    let entry = deal(&mut engine, workers[0], 4)[0].entry;
    let (worker, at_ns) = (workers[0], 0);
    engine.handle(
        0,
        Event::Began {
            worker,
            entry,
            at_ns,
        },
    );
    // Another is idle, and recalls bring nothing: it has begun more than it has said.
    for at in 2..10 {
        engine.tick(at * MS);
        for effect in effects(&mut engine) {
            if let Effect::Recall { worker, .. } = effect {
                let entries = 0..0;
                engine.handle(at * MS, Event::Recalled { worker, entries });
            }
        }
    }
    let next = engine.next_deadline();
    assert!(next.is_none_or(|at_ns| at_ns > 9 * MS), "{next:?}");
}
