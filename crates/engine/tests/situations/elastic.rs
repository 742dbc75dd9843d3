//! Named situations of pools that grow and shrink, of priorities, deadlines, requests to end and
//! tasks that run again.

use engine::{
    Capabilities, Config, Death, Effect, Engine, Event, KillReason, Outcome, PATIENCE, Priority,
    Shutdown, SubmitError, TaskSpec, WorkerId,
};

use crate::fixtures::{MS, effects, pull, submit};

const PLAIN: Capabilities = Capabilities {
    signal: true,
    lane: false,
    replace: true,
    ask: true,
};
const TASK: TaskSpec = TaskSpec::new();

/// The workers that are to be started, which get ready at once.
fn start(engine: &mut Engine, now: u64) -> Vec<WorkerId> {
    let ids: Vec<WorkerId> = effects(engine)
        .into_iter()
        .filter_map(|effect| match effect {
            Effect::Start(id) => Some(id),
            _ => None,
        })
        .collect();
    for &worker in &ids {
        let capabilities = PLAIN;
        engine.handle(
            now,
            Event::Ready {
                worker,
                capabilities,
            },
        );
    }
    ids
}

fn finished(worker: WorkerId, entry: u64) -> Event {
    Event::Finished {
        worker,
        entries: entry..entry + 1,
        ran_ns: MS,
        rss: 0,
    }
}

fn died(worker: WorkerId) -> Event {
    Event::Died {
        worker,
        death: Death::Signal,
        not_begun: false,
    }
}

#[test]
fn workers_are_started_for_tasks_that_wait_and_leave_when_idle() {
    let config = Config {
        min: 0,
        max: 2,
        idle_timeout_ns: Some(10 * MS),
        ..Config::default()
    };
    let mut engine = Engine::new(0, config);
    assert_eq!(effects(&mut engine), [], "nothing is wanted yet");
    assert_eq!(engine.next_deadline(), None, "an idle pool needs no timer");
    for _ in 0..3 {
        submit(&mut engine, MS, TASK);
    }
    let workers = start(&mut engine, MS);
    assert_eq!(workers.len(), 2, "as many as there may be");
    for &worker in &workers {
        assert_eq!(pull(&mut engine, MS, worker).len(), 1);
    }
    engine.handle(2 * MS, finished(workers[0], 0));
    assert_eq!(pull(&mut engine, 2 * MS, workers[0]).len(), 1);
    engine.handle(3 * MS, finished(workers[0], 1));
    engine.handle(3 * MS, finished(workers[1], 0));
    effects(&mut engine);
    let looks = engine.next_deadline().expect("idle workers are looked at");
    assert!(looks <= 13 * MS);
    engine.tick(12 * MS);
    assert_eq!(effects(&mut engine), []);
    engine.tick(13 * MS);
    let mut left = effects(&mut engine);
    left.sort_by_key(|effect| format!("{effect:?}"));
    let both = [Effect::Leave(workers[0]), Effect::Leave(workers[1])];
    assert_eq!(left, both);
}

#[test]
fn a_worker_that_was_ready_too_late_for_its_task_stays_for_the_next() {
    let config = Config {
        min: 0,
        max: 2,
        ..Config::default()
    };
    let mut engine = Engine::new(0, config);
    submit(&mut engine, 0, TASK);
    let first = start(&mut engine, 0)[0];
    assert_eq!(pull(&mut engine, 0, first).len(), 1);
    effects(&mut engine);
    submit(&mut engine, MS, TASK);
    let [Effect::Start(late)] = effects(&mut engine)[..] else {
        panic!("a task waits");
    };
    engine.handle(2 * MS, finished(first, 0));
    assert_eq!(pull(&mut engine, 2 * MS, first).len(), 1);
    let capabilities = PLAIN;
    let worker = late;
    let ready = Event::Ready {
        worker,
        capabilities,
    };
    engine.handle(3 * MS, ready);
    assert!(!effects(&mut engine).contains(&Effect::Leave(late)));
    assert_eq!((engine.serving(), engine.standby()), (2, 0));
    submit(&mut engine, 4 * MS, TASK);
    assert_eq!(effects(&mut engine), [Effect::Offer(late)]);
}

#[test]
fn a_long_rest_without_workers_does_not_count_as_failing_to_start() {
    let config = Config {
        min: 0,
        max: 1,
        start_timeout_ns: 100 * MS,
        ..Config::default()
    };
    let mut engine = Engine::new(0, config);
    let now = 10_000 * MS;
    submit(&mut engine, now, TASK);
    let [Effect::Start(worker)] = effects(&mut engine)[..] else {
        panic!("a worker is to be started");
    };
    let permanent = false;
    engine.handle(now, Event::StartFailed { worker, permanent });
    assert!(!engine.has_failed(), "it was tried once, and for no time");
    engine.tick(now + 50 * MS);
    assert!(matches!(effects(&mut engine)[..], [Effect::Start(_)]));
}

#[test]
fn a_spare_takes_the_place_of_a_dead_worker_at_once() {
    let config = Config {
        spare: 1,
        ..Config::default()
    };
    let mut engine = Engine::new(0, config);
    let workers = start(&mut engine, 0);
    assert_eq!(workers.len(), 2);
    assert_eq!((engine.serving(), engine.standby()), (1, 1));
    let first = engine.staff_ids()[0];
    let spare = *workers.iter().find(|&&id| id != first).expect("two");
    submit(&mut engine, 0, TASK);
    submit(&mut engine, 0, TASK);
    assert_eq!(pull(&mut engine, 0, first).len(), 1);
    effects(&mut engine);
    engine.handle(MS, died(first));
    let after = effects(&mut engine);
    assert!(after.contains(&Effect::Offer(spare)), "{after:?}");
    assert!(after.iter().any(|it| matches!(it, Effect::Start(_))));
    assert_eq!(pull(&mut engine, MS, spare).len(), 1);
}

#[test]
fn a_task_is_asked_to_end_before_its_worker_is_ended() {
    let config = Config {
        soft_ns: 5 * MS,
        ..Config::default()
    };
    let mut engine = Engine::new(0, config);
    let worker = start(&mut engine, 0)[0];
    for obeys in [true, false] {
        let task = submit(&mut engine, 0, TASK);
        let entry = pull(&mut engine, 0, worker)[0].entry;
        effects(&mut engine);
        assert!(engine.cancel(MS, task));
        let outcome = Outcome::Cancelled;
        let asked = [
            Effect::Resolve { task, outcome },
            Effect::Ask { worker, entry },
        ];
        assert_eq!(effects(&mut engine), asked);
        if obeys {
            engine.handle(2 * MS, finished(worker, entry));
            engine.tick(100 * MS);
            assert_eq!(effects(&mut engine), [], "the worker is kept");
        }
    }
    engine.tick(6 * MS);
    let ended = [Effect::Terminate(worker, KillReason::Cancelled)];
    assert_eq!(effects(&mut engine), ended);
}

#[test]
fn a_higher_priority_goes_first_and_a_lower_one_waits_for_a_bounded_number() {
    let mut engine = Engine::new(0, Config::default());
    let worker = start(&mut engine, 0)[0];
    let with = |priority| TaskSpec { priority, ..TASK };
    let low = submit(&mut engine, 0, with(Priority::Low));
    let many = 2 * PATIENCE as usize;
    for _ in 0..many {
        submit(&mut engine, 0, with(Priority::High));
    }
    let mut place = None;
    for turn in 0..=many {
        let [taken] = pull(&mut engine, 0, worker)[..] else {
            panic!("one task at a time");
        };
        if taken.task == low {
            place = Some(turn);
        }
        engine.handle(0, finished(worker, taken.entry));
    }
    assert_eq!(place, Some(PATIENCE as usize));
}

#[test]
fn a_deadline_includes_the_time_in_the_queue() {
    let mut engine = Engine::new(0, Config::default());
    let worker = start(&mut engine, 0)[0];
    submit(&mut engine, 0, TASK);
    pull(&mut engine, 0, worker);
    let spec = TaskSpec {
        deadline_ns: Some(5 * MS),
        ..TASK
    };
    let task = submit(&mut engine, 0, spec);
    effects(&mut engine);
    assert_eq!(engine.next_deadline(), Some(5 * MS));
    engine.tick(5 * MS);
    let outcome = Outcome::Expired;
    assert_eq!(effects(&mut engine), [Effect::Resolve { task, outcome }]);
}

#[test]
fn a_task_over_its_limit_runs_again_once_its_first_run_has_ended() {
    let mut engine = Engine::new(0, Config::default());
    let worker = start(&mut engine, 0)[0];
    let spec = TaskSpec {
        limit_ns: Some(10 * MS),
        time_outs: 1,
        pause_ns: 3 * MS,
        ..TASK
    };
    let task = submit(&mut engine, 0, spec);
    pull(&mut engine, 0, worker);
    effects(&mut engine);
    engine.tick(10 * MS);
    let ended = [Effect::Terminate(worker, KillReason::TimedOut)];
    assert_eq!(effects(&mut engine), ended);
    assert!(engine.is_unresolved(task) && !engine.is_queued(task));
    engine.handle(11 * MS, died(worker));
    let worker = start(&mut engine, 11 * MS)[0];
    assert_eq!(pull(&mut engine, 11 * MS, worker), [], "its pause lasts");
    engine.tick(14 * MS);
    assert_eq!(pull(&mut engine, 14 * MS, worker).len(), 1);
    engine.tick(24 * MS);
    let timed_out = |effect: &Effect| {
        matches!(
            effect,
            Effect::Resolve {
                outcome: Outcome::TimedOut { .. },
                ..
            }
        )
    };
    assert!(effects(&mut engine).iter().any(timed_out), "once only");
}

#[test]
fn a_task_that_failed_runs_again_by_choice() {
    let mut engine = Engine::new(0, Config::default());
    let worker = start(&mut engine, 0)[0];
    let task = submit(&mut engine, 0, TASK);
    pull(&mut engine, 0, worker);
    assert!(engine.run_again(worker, 0, 0));
    engine.handle(0, finished(worker, 0));
    let again = pull(&mut engine, 0, worker);
    let again = again.iter().map(|it| (it.entry, it.task, it.attempt));
    assert_eq!(again.collect::<Vec<_>>(), [(1, task, 1)]);
    engine.handle(0, finished(worker, 1));
    assert!(!engine.is_unresolved(task));
}

#[test]
fn a_pinned_task_runs_on_its_worker_or_not_at_all() {
    let config = Config {
        min: 2,
        max: 2,
        ..Config::default()
    };
    let mut engine = Engine::new(0, config);
    let workers = start(&mut engine, 0);
    for &worker in &workers {
        engine.submit_to(worker, TASK).expect("it takes tasks");
    }
    for &worker in &workers {
        assert_eq!(pull(&mut engine, 0, worker).len(), 1);
    }
    let task = engine.submit_to(workers[0], TASK).expect("it takes tasks");
    effects(&mut engine);
    engine.handle(0, finished(workers[1], 0));
    assert_eq!(pull(&mut engine, 0, workers[1]), []);
    engine.handle(0, died(workers[0]));
    let outcome = Outcome::WorkerGone;
    let resolved = Effect::Resolve { task, outcome };
    assert!(effects(&mut engine).contains(&resolved));
    let late = engine.submit_to(workers[0], TASK);
    assert_eq!(late, Err(SubmitError::NoWorker));
    engine.shutdown(0, Shutdown::Drop);
}

#[test]
fn a_smaller_pool_lets_idle_workers_go_first() {
    let config = Config {
        min: 3,
        max: 3,
        ..Config::default()
    };
    let mut engine = Engine::new(0, config);
    let workers = start(&mut engine, 0);
    submit(&mut engine, 0, TASK);
    let [Effect::Offer(busy)] = effects(&mut engine)[..] else {
        panic!("one worker is offered the task");
    };
    assert_eq!(pull(&mut engine, 0, busy).len(), 1);
    engine.resize(MS, 1, 1);
    let left = effects(&mut engine);
    let idle = workers.iter().filter(|&&id| id != busy);
    let mut expected: Vec<Effect> = idle.map(|&id| Effect::Leave(id)).collect();
    expected.reverse();
    assert_eq!(left, expected);
    engine.resize(2 * MS, 2, 2);
    for &worker in workers.iter().filter(|&&id| id != busy) {
        engine.handle(3 * MS, died(worker));
    }
    let starts = effects(&mut engine);
    assert_eq!(starts.len(), 1, "{starts:?}");
}

#[test]
fn a_pinned_task_that_runs_again_is_offered_to_its_worker() {
    let mut engine = Engine::new(0, Config::default());
    let worker = start(&mut engine, 0)[0];
    let task = engine.submit_to(worker, TASK).expect("it takes tasks");
    let entry = pull(&mut engine, 0, worker)[0].entry;
    assert!(engine.run_again(worker, entry, MS));
    engine.handle(0, finished(worker, entry));
    assert_eq!(pull(&mut engine, 0, worker), [], "its pause lasts");
    effects(&mut engine);
    engine.tick(MS);
    assert_eq!(effects(&mut engine), [Effect::Offer(worker)]);
    assert_eq!(pull(&mut engine, MS, worker)[0].task, task);
}
