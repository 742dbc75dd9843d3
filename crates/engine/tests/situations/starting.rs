//! Starting workers: how many, what counts as a failure, and when the pool gives up.

use crate::fixtures::{
    LANE, MS, ONCE, PLAIN, TASK, died, effects, finished, get_ready, pull, ready_with, resolved,
    start_failed, starts, submit,
};
use engine::{
    Config, Death, Effect, Engine, Event, KillReason, Outcome, PoolFailure, Shutdown, WorkerId,
};

fn elastic(min: u32, max: u32) -> Config {
    Config {
        min,
        max,
        ..Config::default()
    }
}

fn first_start(config: Config) -> (Engine, WorkerId) {
    let mut engine = Engine::new(0, config);
    let worker = starts(&mut engine)[0];
    (engine, worker)
}

#[test]
fn a_death_before_the_worker_was_ready_says_whether_to_try_again() {
    for (death, fails) in [
        (Death::Exit, true),
        (Death::Signal, false),
        (Death::Unknown, false),
    ] {
        let (mut engine, worker) = first_start(Config::default());
        engine.handle(MS, died(worker, death));
        assert_eq!(engine.has_failed(), fails, "{death:?}");
        assert_eq!(starts(&mut engine), [], "no start without a pause");
        let next = engine.next_deadline();
        assert_eq!(next, (!fails).then_some(11 * MS));
    }
}

#[test]
fn a_worker_that_has_done_nothing_is_replaced_after_a_pause_and_others_at_once() {
    for (answers, runs, at_once) in [
        (false, false, false),
        (true, false, true),
        (false, true, true),
        (true, true, true),
    ] {
        let (mut engine, workers) = ready_with(Config::default(), PLAIN);
        let worker = workers[0];
        if answers {
            submit(&mut engine, 0, TASK);
            let entry = pull(&mut engine, 0, worker)[0].entry;
            engine.handle(0, finished(worker, entry..entry + 1));
        }
        if runs {
            submit(&mut engine, 0, TASK);
            assert_eq!(pull(&mut engine, 0, worker).len(), 1);
        }
        effects(&mut engine);
        engine.handle(MS, died(worker, Death::Signal));
        assert_eq!(starts(&mut engine).len(), usize::from(at_once));
        engine.tick(11 * MS - 1);
        assert_eq!(starts(&mut engine), []);
        engine.tick(11 * MS);
        assert_eq!(starts(&mut engine).len(), usize::from(!at_once));
    }
}

#[test]
fn a_connection_that_ends_before_the_worker_is_ready_is_a_failed_start() {
    for dies in [true, false] {
        let (mut engine, worker) = first_start(Config::default());
        let grace_ns = Config::default().grace_ns;
        engine.handle(MS, Event::Closed { worker });
        assert_eq!(effects(&mut engine), []);
        assert_eq!(engine.next_deadline(), Some(MS + grace_ns));
        let now = if dies {
            engine.handle(2 * MS, died(worker, Death::Signal));
            2 * MS
        } else {
            engine.tick(MS + grace_ns);
            let killed = Effect::Kill(worker, KillReason::Closed);
            assert_eq!(effects(&mut engine), [killed]);
            let now = MS + grace_ns;
            engine.handle(now, died(worker, Death::Signal));
            now
        };
        assert_eq!(effects(&mut engine), []);
        assert_eq!(engine.next_deadline(), Some(now + 10 * MS), "once");
    }
}

#[test]
fn a_connection_that_ends_later_ends_the_worker() {
    let grace_ns = Config::default().grace_ns;
    let (mut engine, workers) = ready_with(elastic(2, 2), LANE);
    let worker = workers[0];
    for _ in 0..3 {
        submit(&mut engine, 0, ONCE);
    }
    assert_eq!(pull(&mut engine, 0, worker).len(), 1);
    effects(&mut engine);
    engine.handle(MS, Event::Closed { worker });
    let below = 1;
    assert_eq!(effects(&mut engine), [Effect::Recall { worker, below }]);
    assert!(!engine.is_serving(worker) && !engine.takes_tasks(worker));
    assert_eq!((engine.serving(), engine.workers()), (1, 2));
    assert_eq!(pull(&mut engine, MS, worker), []);
    engine.handle(
        MS,
        Event::Recalled {
            worker,
            entries: 0..1,
        },
    );
    assert_eq!(engine.queued(), 3);
    effects(&mut engine);
    engine.handle(2 * MS, Event::Closed { worker });
    engine.tick(MS + grace_ns - 1);
    assert_eq!(effects(&mut engine), []);
    engine.tick(MS + grace_ns);
    let killed = Effect::Kill(worker, KillReason::Closed);
    assert_eq!(effects(&mut engine), [killed]);
}

#[test]
fn one_that_was_asked_to_leave_and_closes_its_connection_has_its_time_still() {
    let grace_ns = Config::default().grace_ns;
    let (mut engine, workers) = ready_with(Config::default(), PLAIN);
    let worker = workers[0];
    engine.shutdown(0, Shutdown::Drain);
    assert_eq!(effects(&mut engine), [Effect::Leave(worker)]);
    engine.handle(MS, Event::Closed { worker });
    engine.tick(grace_ns);
    let ended = Effect::Terminate(worker, KillReason::NotGone);
    assert_eq!(effects(&mut engine), [ended]);
    engine.tick(2 * grace_ns);
    let ended = Effect::Kill(worker, KillReason::NotGone);
    assert_eq!(effects(&mut engine), [ended]);
    assert!(!engine.is_closed());
    engine.handle(2 * grace_ns, died(worker, Death::Signal));
    assert!(engine.is_closed() && !engine.has_failed());
}

#[test]
fn a_worker_that_speaks_another_protocol_fails_the_pool_only_at_its_start() {
    let (mut engine, worker) = first_start(Config::default());
    engine.handle(MS, Event::Violation { worker });
    let failure = PoolFailure::Permanent(worker);
    let killed = Effect::Kill(worker, KillReason::Violation);
    assert_eq!(effects(&mut engine), [killed, Effect::Fail(failure)]);
    let (mut engine, workers) = ready_with(Config::default(), PLAIN);
    let worker = workers[0];
    engine.handle(MS, Event::Violation { worker });
    let killed = Effect::Kill(worker, KillReason::Violation);
    assert_eq!(effects(&mut engine), [killed]);
    assert!(!engine.has_failed());
}

#[test]
fn a_pool_fails_once() {
    let mut engine = Engine::new(0, elastic(2, 2));
    let workers = starts(&mut engine);
    engine.handle(MS, start_failed(workers[0], true));
    let failed = Effect::Fail(PoolFailure::Permanent(workers[0]));
    let killed = Effect::Kill(workers[1], KillReason::ShutDown);
    assert_eq!(effects(&mut engine), [failed, killed]);
    engine.handle(MS, start_failed(workers[1], true));
    engine.shutdown(2 * MS, Shutdown::Drop);
    engine.tick(100_000 * MS);
    assert_eq!(effects(&mut engine), []);
    assert!(engine.is_closed() && engine.has_failed());
    assert_eq!(engine.next_deadline(), None);
}

#[test]
fn a_worker_that_refuses_is_ended_and_the_next_may_serve() {
    for ever_ready in [false, true] {
        let mut engine = Engine::new(0, elastic(2, 2));
        let workers = starts(&mut engine);
        if ever_ready {
            get_ready(&mut engine, 0, workers[0], PLAIN);
        }
        let worker = workers[1];
        engine.handle(MS, Event::Refused { worker });
        let killed = Effect::Kill(worker, KillReason::Refused);
        assert!(effects(&mut engine).contains(&killed));
        assert_eq!(engine.has_failed(), !ever_ready);
    }
}

#[test]
fn a_pool_without_workers_gives_up_at_its_time_out() {
    let config = Config {
        start_timeout_ns: 100 * MS,
        ..Config::default()
    };
    for (now, fails) in [(100 * MS - 1, false), (100 * MS, true)] {
        let (mut engine, worker) = first_start(config.clone());
        submit(&mut engine, 50 * MS, TASK);
        engine.handle(now, start_failed(worker, false));
        assert_eq!(engine.has_failed(), fails);
    }
    // From when its last worker ended.
    let (mut engine, workers) = ready_with(config, PLAIN);
    engine.handle(1000 * MS, died(workers[0], Death::Signal));
    engine.tick(1010 * MS);
    let worker = starts(&mut engine)[0];
    engine.handle(1100 * MS - 1, start_failed(worker, true));
    assert!(!engine.has_failed());
    let next = engine.next_deadline().expect("it is tried again");
    engine.tick(next);
    let worker = starts(&mut engine)[0];
    engine.handle(next, start_failed(worker, false));
    let failure = PoolFailure::NoWorker(Some(worker));
    assert!(effects(&mut engine).contains(&Effect::Fail(failure)));
}

#[test]
fn one_that_is_not_ready_in_time_is_ended_and_counts_as_failed() {
    let config = Config {
        start_timeout_ns: 100 * MS,
        ..elastic(2, 2)
    };
    let mut engine = Engine::new(0, config);
    let workers = starts(&mut engine);
    get_ready(&mut engine, MS, workers[0], PLAIN);
    let late = workers[1];
    assert_eq!(engine.next_deadline(), Some(100 * MS));
    engine.tick(100 * MS);
    let ended = Effect::Terminate(late, KillReason::NotReady);
    assert_eq!(effects(&mut engine), [ended]);
    // What it says now comes too late.
    get_ready(&mut engine, 101 * MS, late, PLAIN);
    assert_eq!((engine.serving(), engine.standby()), (1, 0));
    engine.handle(102 * MS, died(late, Death::Signal));
    assert_eq!(starts(&mut engine), []);
    engine.tick(110 * MS);
    assert_eq!(starts(&mut engine).len(), 1);
}

#[test]
fn one_at_a_time_is_tried_while_starts_fail_and_as_many_more_as_get_ready() {
    let mut engine = Engine::new(0, elastic(4, 4));
    let mut workers = starts(&mut engine);
    assert_eq!(workers.len(), 4);
    for &worker in &workers {
        engine.handle(0, start_failed(worker, false));
    }
    // Four have failed: 10, 20, 40 and 80 ms.
    assert_eq!(engine.next_deadline(), Some(80 * MS));
    engine.tick(80 * MS);
    for more in [1, 2, 1] {
        workers = starts(&mut engine);
        assert_eq!(workers.len(), more);
        for &worker in &workers {
            get_ready(&mut engine, 80 * MS, worker, PLAIN);
        }
    }
    assert_eq!((engine.serving(), engine.workers()), (4, 4));
}

#[test]
fn a_worker_has_its_place_until_it_is_gone() {
    let (mut engine, workers) = ready_with(elastic(2, 2), PLAIN);
    submit(&mut engine, 0, ONCE);
    let task = submit(&mut engine, 0, ONCE);
    for &worker in &workers {
        assert_eq!(pull(&mut engine, 0, worker).len(), 1);
    }
    effects(&mut engine);
    engine.cancel(MS, task);
    let ended = Effect::Terminate(workers[1], KillReason::Cancelled);
    let cancelled = resolved(task, Outcome::Cancelled);
    assert_eq!(effects(&mut engine), [cancelled, ended]);
    assert_eq!((engine.serving(), engine.workers()), (1, 2));
    engine.handle(2 * MS, died(workers[1], Death::Signal));
    assert_eq!(starts(&mut engine).len(), 1);
}

#[test]
fn as_many_are_started_as_there_are_tasks_for() {
    // All tasks are offered to a worker each, up to the largest number.
    for (tasks, wanted) in [(0, 2), (2, 2), (3, 3), (4, 4), (9, 5)] {
        let (mut engine, _) = ready_with(elastic(2, 5), PLAIN);
        let mut started = 2;
        for _ in 0..tasks {
            submit(&mut engine, 0, TASK);
            started += starts(&mut engine).len();
        }
        assert_eq!(started, wanted, "for {tasks} tasks");
    }
}

#[test]
fn a_drain_starts_workers_for_what_is_left_alone() {
    // Two tasks, of which the first dies with its worker; and one that dies so.
    for (tasks, starts_one) in [(2, true), (1, false)] {
        let (mut engine, workers) = ready_with(Config::default(), PLAIN);
        let worker = workers[0];
        submit(&mut engine, 0, TASK);
        let entry = pull(&mut engine, 0, worker)[0].entry;
        engine.handle(0, finished(worker, entry..entry + 1));
        for _ in 0..tasks {
            submit(&mut engine, 0, ONCE);
        }
        assert_eq!(pull(&mut engine, 0, worker).len(), 1);
        engine.shutdown(0, Shutdown::Drain);
        effects(&mut engine);
        engine.handle(MS, died(worker, Death::Signal));
        assert_eq!(starts(&mut engine).len(), usize::from(starts_one));
        assert_eq!(engine.is_closed(), !starts_one);
    }
}

#[test]
fn a_drain_lets_each_worker_go_as_it_can() {
    let config = Config {
        spare: 1,
        ..elastic(2, 2)
    };
    let mut engine = Engine::new(0, config);
    let workers = starts(&mut engine);
    assert_eq!(workers.len(), 3);
    get_ready(&mut engine, 0, workers[0], PLAIN);
    engine.shutdown(MS, Shutdown::Drain);
    let starting = |at: usize| Effect::Terminate(workers[at], KillReason::ShutDown);
    let left = [Effect::Leave(workers[0]), starting(1), starting(2)];
    assert_eq!(effects(&mut engine), left);
    assert!(engine.submit(MS, TASK).is_err() && !engine.is_closed());
    assert_eq!((engine.serving(), engine.standby()), (0, 0));
    let (mut engine, workers) = ready_with(
        Config {
            spare: 1,
            ..elastic(1, 1)
        },
        PLAIN,
    );
    assert_eq!((engine.serving(), engine.standby()), (1, 1));
    engine.shutdown(MS, Shutdown::Drain);
    assert_eq!(
        effects(&mut engine),
        workers
            .iter()
            .map(|&id| Effect::Leave(id))
            .collect::<Vec<_>>()
    );
}

#[test]
fn starts_that_fail_again_and_again_are_seen_between_two_of_them() {
    let mut engine = Engine::new(0, elastic(2, 2));
    let started = starts(&mut engine);
    get_ready(&mut engine, 0, started[0], PLAIN);
    let (mut now, mut worker) = (0, Some(started[1]));
    for failed in 1..=10 {
        while worker.is_none() {
            now = engine.next_deadline().expect("another start");
            engine.tick(now);
            worker = starts(&mut engine).pop();
        }
        assert!(!engine.starts_keep_failing(), "one is under way");
        engine.handle(
            now,
            start_failed(worker.take().expect("it was found"), false),
        );
        assert_eq!(engine.starts_keep_failing(), failed >= 8);
    }
    assert_eq!(engine.serving(), 1);
}
