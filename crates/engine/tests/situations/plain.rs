//! Situations of pools with a fixed number of workers.

use engine::{
    Capabilities, Config, Deal, Death, Effect, Engine, Event, KillReason, Outcome, PoolFailure,
    Shutdown, TaskId, TaskSpec, WORTH_WAKING_NS,
};

use crate::fixtures::{LANE, MS, ONCE, PLAIN, TASK, died, effects, pull, ready, submit, teach};

#[test]
fn cancelling_a_queued_task_touches_nothing_else() {
    let (mut engine, workers) = ready(1, LANE);
    teach(&mut engine, workers[0], 1_000);
    let running = submit(&mut engine, 0, ONCE);
    let behind = submit(&mut engine, 0, TASK);
    assert_eq!(pull(&mut engine, 0, workers[0]).len(), 2);
    let began = Event::Began {
        worker: workers[0],
        entry: 1,
        at_ns: 0,
    };
    engine.handle(0, began);
    effects(&mut engine);
    assert!(engine.cancel(MS, behind));
    let outcome = Outcome::Cancelled;
    let task = behind;
    assert_eq!(
        effects(&mut engine),
        [
            Effect::Resolve { task, outcome },
            Effect::Recall {
                worker: workers[0],
                below: 3
            }
        ]
    );
    let recalled = Event::Recalled {
        worker: workers[0],
        entries: 2..3,
    };
    engine.handle(MS, recalled);
    assert_eq!(effects(&mut engine), []);
    assert_eq!(
        engine.task_at(workers[0], 1).map(|it| it.task),
        Some(running)
    );
}

#[test]
fn short_tasks_do_not_wait_behind_a_long_one() {
    let (mut engine, workers) = ready(2, LANE);
    teach(&mut engine, workers[0], 1_000);
    // All go to one worker, whose first task turns out to be long.
    for _ in 0..100 {
        submit(&mut engine, 0, TASK);
    }
    assert_eq!(pull(&mut engine, 0, workers[0]).len(), 100);
    let began = Event::Began {
        worker: workers[0],
        entry: 1,
        at_ns: 0,
    };
    engine.handle(0, began);
    // The other has nothing to do: half is recalled at once, the rest when the first is stuck.
    effects(&mut engine);
    assert_eq!(engine.next(0, workers[1]), None);
    let half = effects(&mut engine);
    assert!(matches!(half[..], [Effect::Recall { worker, below: 52 }] if worker == workers[0]));
    let recalled = Event::Recalled {
        worker: workers[0],
        entries: 2..52,
    };
    engine.handle(0, recalled);
    let taken = pull(&mut engine, 0, workers[1]);
    assert_eq!(taken.len(), 50);
    let finished = Event::Finished {
        worker: workers[1],
        entries: 0..50,
        ran_ns: 50_000,
        rss: 0,
    };
    engine.handle(100_000, finished);
    engine.tick(MS + 1);
    let (worker, below) = (workers[0], 101);
    assert!(effects(&mut engine).contains(&Effect::Recall { worker, below }));
}

#[test]
fn what_was_sent_before_its_class_was_known_leaves_the_class_s_time_right() {
    const NS: u64 = 5_000;
    let (mut engine, workers) = ready(1, LANE);
    let worker = workers[0];
    let mut sent = Vec::new();
    let finished = |entries: std::ops::Range<u64>| Event::Finished {
        worker,
        ran_ns: NS * (entries.end - entries.start),
        entries,
        rss: 0,
    };
    for many in [500, 300] {
        for _ in 0..many {
            submit(&mut engine, 0, TASK);
        }
        engine.deal(0, worker, Deal::ByNumber(many), &mut sent);
        if many == 500 {
            engine.handle(0, finished(0..1));
        }
    }
    engine.handle(0, finished(1..799));
    effects(&mut engine);
    let most = u32::try_from(WORTH_WAKING_NS / NS).expect("a few");
    assert!(engine.is_small(TASK.class, most - 1));
    assert!(!engine.is_small(TASK.class, most));
}

#[test]
fn one_restart_that_fails_does_not_fail_the_pool() {
    let (mut engine, workers) = ready(4, PLAIN);
    engine.handle(MS, died(workers[0], Death::Signal));
    engine.tick(100 * MS);
    for round in 1..=5 {
        let started = effects(&mut engine);
        assert_eq!(started.len(), 1, "{started:?}");
        let Effect::Start(worker) = started[0] else {
            panic!("{started:?}");
        };
        let now = round * 10_000 * MS;
        let permanent = true;
        engine.handle(now, Event::StartFailed { worker, permanent });
        assert_eq!(effects(&mut engine), [], "no start without a pause");
        let next = engine.next_deadline().expect("it is tried again");
        assert!(next > now);
        engine.tick(next);
    }
    assert!(!engine.has_failed());
    assert_eq!(engine.serving(), 3);
}

#[test]
fn a_permanent_error_before_the_first_worker_is_ready_fails_at_once() {
    let mut engine = Engine::new(0, Config::default());
    let Some(Effect::Start(worker)) = engine.pop_effect() else {
        panic!("a worker is started");
    };
    let task = submit(&mut engine, 0, TASK);
    let permanent = true;
    engine.handle(MS, Event::StartFailed { worker, permanent });
    let outcome = Outcome::PoolFailed;
    assert_eq!(
        effects(&mut engine),
        [
            Effect::Fail(PoolFailure::Permanent(worker)),
            Effect::Resolve { task, outcome }
        ]
    );
    assert!(engine.is_closed());
}

#[test]
fn cancelling_newest_first_is_linear() {
    let (mut engine, _) = ready(1, PLAIN);
    let count = 100_000;
    let tasks: Vec<TaskId> = (0..count).map(|_| submit(&mut engine, 0, TASK)).collect();
    for &task in tasks.iter().rev() {
        assert!(engine.cancel(0, task));
    }
    let size = engine.footprint();
    assert!(size.queue_moved <= 3 * count, "{size:?}");
    assert!(size.queue_places <= 65, "{size:?}");
}

#[test]
fn a_task_without_retries_that_was_begun_is_not_begun_again() {
    let (mut engine, workers) = ready(2, PLAIN);
    let task = submit(&mut engine, 0, ONCE);
    assert_eq!(pull(&mut engine, 0, workers[0])[0].task, task);
    effects(&mut engine);
    engine.handle(MS, died(workers[0], Death::Signal));
    let outcome = Outcome::Died {
        worker: workers[0],
        deaths: 1,
    };
    assert_eq!(engine.pop_effect(), Some(Effect::Resolve { task, outcome }));
}

#[test]
fn a_task_that_was_not_begun_goes_to_another_worker_uncharged() {
    let (mut engine, workers) = ready(2, PLAIN);
    let task = submit(&mut engine, 0, ONCE);
    pull(&mut engine, 0, workers[0]);
    assert_eq!(engine.next(0, workers[1]), None);
    effects(&mut engine);
    let event = Event::Died {
        worker: workers[0],
        death: Death::Signal,
        not_begun: true,
    };
    engine.handle(MS, event);
    assert_eq!(engine.pop_effect(), Some(Effect::Offer(workers[1])));
    assert_eq!(pull(&mut engine, MS, workers[1])[0].task, task);
}

#[test]
fn a_lost_result_is_no_fault_of_the_task() {
    let (mut engine, workers) = ready(1, LANE);
    let task = submit(&mut engine, 0, TASK);
    pull(&mut engine, 0, workers[0]);
    let worker = workers[0];
    let (entry, at_ns) = (0, 0);
    engine.handle(
        0,
        Event::Began {
            worker,
            entry,
            at_ns,
        },
    );
    engine.handle(0, Event::Done { worker, entry });
    effects(&mut engine);
    engine.handle(MS, died(worker, Death::Signal));
    let charged = false;
    let retried = Effect::Retried {
        task,
        worker,
        charged,
    };
    assert_eq!(engine.pop_effect(), Some(retried));
}

#[test]
fn limits_count_from_when_the_task_began() {
    let (mut engine, workers) = ready(1, LANE);
    let spec = TaskSpec {
        limit_ns: Some(100 * MS),
        ..TASK
    };
    let task = submit(&mut engine, 0, spec);
    pull(&mut engine, 0, workers[0]);
    effects(&mut engine);
    let began = Event::Began {
        worker: workers[0],
        entry: 0,
        at_ns: 50 * MS,
    };
    engine.handle(60 * MS, began);
    engine.tick(149 * MS);
    assert_eq!(effects(&mut engine), []);
    engine.tick(150 * MS);
    let (worker, below) = (workers[0], 1);
    assert_eq!(effects(&mut engine), [Effect::Recall { worker, below }]);
    let entries = 1..1;
    engine.handle(150 * MS, Event::Recalled { worker, entries });
    let outcome = Outcome::TimedOut { worker };
    assert_eq!(
        effects(&mut engine),
        [
            Effect::Resolve { task, outcome },
            Effect::Terminate(worker, KillReason::TimedOut)
        ]
    );
}

#[test]
fn failures_to_send_do_not_use_up_the_budget_of_a_worker() {
    let config = Config {
        recycle_tasks: Some(3),
        ..Config::default()
    };
    let mut engine = Engine::new(0, config);
    let Some(Effect::Start(worker)) = engine.pop_effect() else {
        panic!("a worker is started");
    };
    let capabilities = PLAIN;
    engine.handle(
        0,
        Event::Ready {
            worker,
            capabilities,
        },
    );
    for _ in 0..10 {
        submit(&mut engine, 0, TASK);
        let entry = pull(&mut engine, 0, worker)[0].entry;
        let transient = false;
        let event = Event::SendFailed {
            worker,
            entry,
            transient,
        };
        engine.handle(0, event);
    }
    effects(&mut engine);
    for answered in 1..=3 {
        submit(&mut engine, 0, TASK);
        let entries = pull(&mut engine, 0, worker)[0].entry;
        let event = Event::Finished {
            worker,
            entries: entries..entries + 1,
            ran_ns: 1,
            rss: 0,
        };
        engine.handle(0, event);
        let leaves = effects(&mut engine).contains(&Effect::Leave(worker));
        assert_eq!(leaves, answered == 3);
    }
}

#[test]
fn a_drain_answers_all_and_then_asks_workers_to_exit() {
    let (mut engine, workers) = ready(1, PLAIN);
    submit(&mut engine, 0, TASK);
    engine.shutdown(0, Shutdown::Drain);
    let worker = workers[0];
    assert!(engine.submit(0, TASK).is_err());
    assert_eq!(pull(&mut engine, 0, worker).len(), 1);
    effects(&mut engine);
    let event = Event::Finished {
        worker,
        entries: 0..1,
        ran_ns: 1,
        rss: 0,
    };
    engine.handle(0, event);
    assert_eq!(effects(&mut engine), [Effect::Leave(worker)]);
    engine.handle(0, died(worker, Death::Exit));
    assert!(engine.is_closed());
}

#[test]
fn external_workers_are_disconnected_and_never_started() {
    let config = Config {
        external: true,
        ..Config::default()
    };
    let mut engine = Engine::new(0, config);
    assert_eq!(engine.pop_effect(), None);
    let capabilities = Capabilities {
        signal: false,
        lane: false,
        replace: false,
        ask: false,
    };
    let worker = engine.join(0, capabilities).expect("the pool is open");
    let task = submit(&mut engine, 0, TASK);
    pull(&mut engine, 0, worker);
    effects(&mut engine);
    engine.cancel(0, task);
    let reason = KillReason::Cancelled;
    assert!(effects(&mut engine).contains(&Effect::Disconnect(worker, reason)));
    engine.handle(MS, died(worker, Death::Exit));
    assert_eq!(engine.pop_effect(), None);
}

#[test]
fn a_limit_does_not_count_how_long_a_worker_waited_for_the_caller() {
    let (mut engine, workers) = ready(1, LANE);
    let worker = workers[0];
    let limit_ns = Some(5 * MS);
    submit(&mut engine, 0, TaskSpec { limit_ns, ..TASK });
    let entry = pull(&mut engine, 0, worker)[0].entry;
    let at_ns = MS;
    effects(&mut engine);
    // The caller was away for 10 ms.
    let began = Event::Began {
        worker,
        entry,
        at_ns,
    };
    engine.handle(12 * MS, began);
    let ns = 10 * MS;
    engine.handle(12 * MS, Event::HeldUp { worker, ns });
    engine.tick(12 * MS);
    assert_eq!(effects(&mut engine), []);
    engine.tick(16 * MS - 1);
    assert_eq!(effects(&mut engine), []);
    engine.tick(16 * MS);
    assert!(!effects(&mut engine).is_empty(), "it took 5 ms besides");
}
