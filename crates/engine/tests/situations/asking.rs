//! What the shell asks the engine, and what is accepted.

use crate::fixtures::{
    LANE, MS, ONCE, PLAIN, TASK, began, died, effects, finished, get_ready, pull, ready,
    ready_with, resolved, starts, submit, teach,
};
use engine::{
    Config, Deal, Death, Effect, Engine, Event, MAX_BATCH, Outcome, Priority, Shutdown,
    SubmitError, TaskAt, TaskSpec, WORTH_WAKING_NS,
};
use std::panic::{AssertUnwindSafe, catch_unwind};

#[test]
fn as_many_tasks_are_unresolved_as_the_bound_allows() {
    let config = Config {
        bound: 3,
        ..Config::default()
    };
    let (mut engine, workers) = ready_with(config, PLAIN);
    for unresolved in 0..3 {
        assert_eq!((engine.unresolved(), engine.is_full()), (unresolved, false));
        for more in 0..5 {
            let fits = unresolved + more as usize <= 3;
            assert_eq!(engine.has_no_room(more), !fits);
        }
        submit(&mut engine, 0, ONCE);
    }
    assert!(engine.is_full());
    assert_eq!(engine.submit(0, ONCE), Err(SubmitError::Full));
    assert_eq!(engine.submit_to(workers[0], ONCE), Err(SubmitError::Full));
    assert_eq!(engine.submit_batch(0, ONCE, 1), Err(SubmitError::Full));
    pull(&mut engine, 0, workers[0]);
    engine.handle(0, finished(workers[0], 0..1));
    assert!(!engine.is_full());
    assert!(engine.submit_batch(0, ONCE, 1).is_ok());
}

#[test]
fn only_plain_tasks_of_a_number_that_fits_make_a_batch() {
    let limit_ns = Some(MS);
    let deadline_ns = Some(MS);
    let exclusive = true;
    let plain = ONCE;
    for (spec, count, fits) in [
        (plain, 0, false),
        (plain, 1, true),
        (plain, MAX_BATCH, true),
        (plain, MAX_BATCH + 1, false),
        (TaskSpec { limit_ns, ..plain }, 2, false),
        (
            TaskSpec {
                deadline_ns,
                ..plain
            },
            2,
            false,
        ),
        (TaskSpec { exclusive, ..plain }, 2, false),
    ] {
        let mut engine = Engine::new(0, Config::default());
        let batch = AssertUnwindSafe(|| engine.submit_batch(0, spec, count).is_ok());
        assert_eq!(catch_unwind(batch).is_ok(), fits, "{count}: {spec:?}");
    }
}

#[test]
fn a_pool_that_ends_accepts_nothing() {
    for how in [Shutdown::Drain, Shutdown::Now, Shutdown::Drop] {
        let (mut engine, workers) = ready(1, PLAIN);
        let batch = engine.submit_batch(0, ONCE, 1).expect("it is open");
        pull(&mut engine, 0, workers[0]);
        engine.shutdown(0, how);
        assert_eq!(engine.submit(0, ONCE), Err(SubmitError::Closed));
        assert_eq!(engine.submit_batch(0, ONCE, 2), Err(SubmitError::Closed));
        assert!(engine.submit_to(workers[0], ONCE).is_err());
        assert_eq!(engine.grow(0, batch, |_| true), None);
        assert!(!engine.is_closed());
        engine.handle(0, died(workers[0], Death::Exit));
        for id in starts(&mut engine) {
            engine.handle(0, died(id, Death::Signal));
        }
        assert!(engine.is_closed() && !engine.has_failed());
    }
}

#[test]
fn small_is_what_is_not_worth_waking_a_worker_for() {
    let (mut engine, workers) = ready(2, LANE);
    assert_eq!((engine.batch_size(0), engine.worth_waking()), (1, 1));
    for ns in [5_000, 12_500, 49_999, 50_000, 80_000] {
        let (mut engine, workers) = ready(1, LANE);
        teach(&mut engine, workers[0], ns);
        let many = (WORTH_WAKING_NS / ns).max(1) as usize;
        assert_eq!(engine.batch_size(TASK.class), many);
        assert_eq!(engine.worth_waking(), 1, "nothing is queued");
        assert!(!engine.is_small(TASK.class, 1), "it is idle");
        submit(&mut engine, 0, TASK);
        assert_eq!(engine.worth_waking(), many);
        assert!(!engine.is_small(TASK.class, 1), "it is offered the task");
        pull(&mut engine, 0, workers[0]);
        effects(&mut engine);
        let small = |engine: &Engine, tasks| engine.is_small(TASK.class, tasks);
        let least = WORTH_WAKING_NS.div_ceil(ns) as u32;
        assert!(small(&engine, least - 1) || least == 1);
        assert!(!small(&engine, least));
        assert!(!engine.is_small(7, 1), "of which nothing is known");
    }
    // An offer that was not answered, and an effect that was not taken.
    teach(&mut engine, workers[0], 1000);
    for _ in 0..2 {
        submit(&mut engine, 0, TASK);
    }
    effects(&mut engine);
    let mut dealt = Vec::new();
    engine.deal(0, workers[0], Deal::ByNumber(1), &mut dealt);
    assert!(!engine.is_small(TASK.class, 1), "the second has an offer");
    engine.deal(0, workers[1], Deal::ByNumber(1), &mut dealt);
    assert!(engine.is_small(TASK.class, 1));
    let task = submit(&mut engine, 0, TASK);
    engine.cancel(0, task);
    assert!(!engine.is_small(TASK.class, 1), "something is to be done");
    effects(&mut engine);
    assert!(engine.is_small(TASK.class, 1));
}

#[test]
fn a_worker_is_worth_waking_for_what_it_has_not_begun() {
    let (mut engine, workers) = ready(1, LANE);
    let worker = workers[0];
    teach(&mut engine, worker, WORTH_WAKING_NS / 2);
    for (entry, worth) in [(1, false), (2, true), (3, true)] {
        submit(&mut engine, 0, TASK);
        assert_eq!(pull(&mut engine, 0, worker)[0].entry, entry);
        assert_eq!(engine.is_worth_waking(worker), worth);
    }
    engine.handle(0, began(worker, 2, 0));
    assert!(!engine.is_worth_waking(worker));
}

#[test]
fn where_tasks_are_is_told() {
    let (mut engine, workers) = ready(2, LANE);
    assert_eq!(
        (engine.running(), engine.queued(), engine.workers()),
        (0, 0, 2)
    );
    let tasks: Vec<_> = (0..4).map(|_| submit(&mut engine, 0, TASK)).collect();
    let low = TaskSpec {
        priority: Priority::Low,
        ..TASK
    };
    submit(&mut engine, 0, low);
    let queued_at = |engine: &Engine| {
        [Priority::High, Priority::Normal, Priority::Low].map(|it| engine.queued_at(it))
    };
    assert_eq!(queued_at(&engine), [0, 4, 1]);
    let mut dealt = Vec::new();
    engine.deal(0, workers[0], Deal::ByNumber(2), &mut dealt);
    engine.deal(0, workers[1], Deal::ByNumber(1), &mut dealt);
    assert_eq!((engine.queued(), queued_at(&engine)), (2, [0, 1, 1]));
    let queued = tasks.iter().map(|&it| engine.is_queued(it));
    assert_eq!(queued.collect::<Vec<_>>(), [false, false, false, true]);
    for (worker, running) in [(0, 1), (1, 2)] {
        engine.handle(0, began(workers[worker], 0, 0));
        assert_eq!(engine.running(), running);
    }
    let unresolved = tasks.iter().map(|&it| engine.is_unresolved(it));
    assert!(unresolved.into_iter().all(|it| it));
    engine.withdraw(0, tasks[0]);
    assert_eq!((engine.running(), engine.unresolved()), (1, 4));
    assert!(!engine.is_unresolved(tasks[0]) && !engine.is_queued(tasks[0]));
}

#[test]
fn a_worker_serves_from_when_it_takes_tasks_until_it_is_to_leave() {
    let mut engine = Engine::new(0, Config::default());
    let worker = starts(&mut engine)[0];
    let state = |engine: &Engine| (engine.is_serving(worker), engine.takes_tasks(worker));
    assert_eq!((state(&engine), engine.serving()), ((false, false), 0));
    get_ready(&mut engine, 0, worker, LANE);
    assert_eq!((state(&engine), engine.serving()), ((true, true), 1));
    let task = submit(&mut engine, 0, TASK);
    submit(&mut engine, 0, TASK);
    let mut dealt = Vec::new();
    engine.deal(0, worker, Deal::ByNumber(2), &mut dealt);
    engine.handle(0, began(worker, 0, 0));
    engine.cancel(0, task);
    assert_eq!(state(&engine), (true, true), "it is looked at");
    engine.resize(0, 0, 0);
    assert_eq!(state(&engine), (true, false), "it finishes what it holds");
    engine.handle(0, finished(worker, 0..2));
    assert_eq!(state(&engine), (true, false), "the answer is to come");
    engine.handle(
        0,
        Event::Recalled {
            worker,
            entries: 2..2,
        },
    );
    assert_eq!((state(&engine), engine.serving()), ((false, false), 0));
}

#[test]
fn pinned_tasks_wait_for_their_worker_in_order() {
    let (mut engine, workers) = ready(2, PLAIN);
    let pin = |engine: &mut Engine| engine.submit_to(workers[1], TASK).expect("it takes tasks");
    let first = pin(&mut engine);
    assert_eq!(effects(&mut engine), [Effect::Offer(workers[1])]);
    let others = [pin(&mut engine), pin(&mut engine), pin(&mut engine)];
    assert_eq!(pull(&mut engine, 0, workers[1])[0].task, first);
    assert_eq!(effects(&mut engine), [], "they are for nobody else");
    assert!(engine.cancel(0, others[1]) && !engine.cancel(0, others[1]));
    effects(&mut engine);
    for (entry, next) in [(0, others[0]), (1, others[2])] {
        engine.handle(0, finished(workers[1], entry..entry + 1));
        assert_eq!(effects(&mut engine), [Effect::Offer(workers[1])]);
        assert_eq!(pull(&mut engine, 0, workers[1])[0].task, next);
    }
    // Whatever its retries are, it is run once.
    let (worker, deaths) = (workers[1], 1);
    engine.handle(0, died(worker, Death::Signal));
    let outcome = Outcome::Died { worker, deaths };
    assert!(effects(&mut engine).contains(&resolved(others[2], outcome)));
}

#[test]
fn a_pinned_task_that_is_recalled_waits_for_its_worker_again() {
    for goes_on in [true, false] {
        let (mut engine, workers) = ready(2, LANE);
        teach(&mut engine, workers[0], 1000);
        let mut pin = || engine.submit_to(workers[0], TASK).expect("it takes tasks");
        let tasks = [pin(), pin()];
        let mut dealt = Vec::new();
        engine.deal(0, workers[0], Deal::ByNumber(2), &mut dealt);
        engine.handle(0, began(workers[0], 1, 0));
        if !goes_on {
            engine.resize(0, 0, 0);
        }
        effects(&mut engine);
        engine.handle(
            0,
            Event::Recalled {
                worker: workers[0],
                entries: 2..3,
            },
        );
        let gone = resolved(tasks[1], Outcome::WorkerGone);
        assert_eq!(effects(&mut engine).contains(&gone), !goes_on);
        assert_eq!(pull(&mut engine, 0, workers[1]), []);
        engine.handle(0, finished(workers[0], 1..2));
        let again = pull(&mut engine, 0, workers[0]);
        assert_eq!(again.len(), usize::from(goes_on));
    }
}

#[test]
fn a_pinned_task_that_runs_again_waits_while_its_worker_is_busy() {
    let (mut engine, workers) = ready(1, PLAIN);
    let worker = workers[0];
    let task = engine.submit_to(worker, TASK).expect("it takes tasks");
    pull(&mut engine, 0, worker);
    assert!(engine.run_again(worker, 0, MS));
    engine.handle(0, finished(worker, 0..1));
    submit(&mut engine, 0, ONCE);
    pull(&mut engine, 0, worker);
    effects(&mut engine);
    engine.tick(MS);
    assert_eq!(effects(&mut engine), []);
    engine.handle(2 * MS, finished(worker, 1..2));
    assert_eq!(effects(&mut engine), [Effect::Offer(worker)]);
    assert_eq!(pull(&mut engine, 2 * MS, worker)[0].task, task);
}

#[test]
fn each_time_out_doubles_the_pause() {
    let spec = TaskSpec {
        limit_ns: Some(10 * MS),
        time_outs: 3,
        pause_ns: 3 * MS,
        ..TASK
    };
    let (mut engine, workers) = ready(1, PLAIN);
    let (mut worker, mut now) = (workers[0], 0);
    let task = submit(&mut engine, now, spec);
    for (again, pause) in [(1, 3), (2, 6), (3, 12)] {
        assert_eq!(pull(&mut engine, now, worker).len(), 1);
        now += 10 * MS;
        engine.tick(now);
        assert_eq!(engine.runs_again(task), again);
        effects(&mut engine);
        engine.handle(now, died(worker, Death::Signal));
        worker = starts(&mut engine)[0];
        get_ready(&mut engine, now, worker, PLAIN);
        assert_eq!(engine.next_deadline(), Some(now + pause * MS));
        now += pause * MS;
        engine.tick(now - 1);
        assert!(!engine.is_queued(task));
        engine.tick(now);
        assert!(engine.is_queued(task));
    }
    assert_eq!(pull(&mut engine, now, worker).len(), 1);
    engine.tick(now + 10 * MS);
    assert!(!engine.is_unresolved(task) && engine.runs_again(task) == 0);
}

#[test]
fn what_is_resolved_has_no_deadline() {
    let mut engine = Engine::new(0, Config::default());
    let worker = starts(&mut engine)[0];
    get_ready(&mut engine, 0, worker, PLAIN);
    let deadline_ns = Some(50 * MS);
    let task = submit(
        &mut engine,
        0,
        TaskSpec {
            deadline_ns,
            ..TASK
        },
    );
    assert_eq!(engine.next_deadline(), deadline_ns);
    engine.cancel(0, task);
    assert_eq!(engine.next_deadline(), None);
    effects(&mut engine);
    // One that is given up one by one is none of a batch.
    let task = submit(&mut engine, 0, TASK);
    let at = 0;
    assert!(engine.cancel_one(0, TaskAt { task, at }) && engine.unresolved() == 0);
    assert!(!engine.withdraw_one(0, TaskAt { task, at }));
}
