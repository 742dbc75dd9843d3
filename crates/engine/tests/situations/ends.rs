//! Why a worker is ended, what is looked at first, and what a death means for what it held.

use crate::fixtures::{
    LANE, MS, ONCE, PLAIN, TASK, began, died, effects, finished, pull, ready, ready_with, recalled,
    resolved, submit, teach,
};
use engine::{
    Capabilities, Config, Death, Effect, Engine, Event, KillReason, Outcome, Shutdown, TaskId,
    TaskSpec, WorkerId,
};

const GRACE_NS: u64 = 5_000 * MS;

/// A worker that has this number of tasks as its entries from 1 on, and runs the first of them.
fn running(tasks: usize, spec: TaskSpec) -> (Engine, WorkerId, Vec<TaskId>) {
    let (mut engine, workers) = ready(1, LANE);
    let worker = workers[0];
    teach(&mut engine, worker, 1000);
    let ids = (0..tasks).map(|_| submit(&mut engine, 0, spec)).collect();
    assert_eq!(pull(&mut engine, 0, worker).len(), tasks);
    engine.handle(0, began(worker, 1, 0));
    effects(&mut engine);
    (engine, worker, ids)
}

fn recall(worker: WorkerId, below: u64) -> Effect {
    Effect::Recall { worker, below }
}

#[test]
fn no_more_is_recalled_for_one_that_is_given_up_than_what_is_before_it() {
    // The next one, one between others, and the last.
    for (at, below) in [(1, 3), (2, 4), (3, 5)] {
        for withdraw in [false, true] {
            let (mut engine, worker, tasks) = running(4, ONCE);
            let outcome = if withdraw {
                engine.withdraw(MS, tasks[at]);
                Outcome::Withdrawn
            } else {
                engine.cancel(MS, tasks[at]);
                Outcome::Cancelled
            };
            let asked = [resolved(tasks[at], outcome), recall(worker, below)];
            assert_eq!(effects(&mut engine), asked);
            assert!(engine.is_serving(worker));
        }
    }
}

#[test]
fn what_is_recalled_already_is_not_asked_for_again() {
    let (mut engine, worker, tasks) = running(4, ONCE);
    let mut asked = |at: usize| {
        engine.withdraw(0, tasks[at]);
        effects(&mut engine).contains(&recall(worker, at as u64 + 2))
    };
    assert!(asked(2) && !asked(1) && asked(3));
    let task = submit(&mut engine, 0, ONCE);
    effects(&mut engine);
    engine.handle(0, recalled(worker, 2..5));
    assert_eq!(effects(&mut engine), [Effect::Offer(worker)]);
    let taken = pull(&mut engine, 0, worker);
    assert_eq!((taken[0].entry, taken[0].task), (5, task));
}

#[test]
fn all_of_it_is_not_recalled_twice() {
    let (mut engine, worker, tasks) = running(3, ONCE);
    engine.withdraw(0, tasks[2]);
    assert!(effects(&mut engine).contains(&recall(worker, 4)));
    engine.shutdown(0, Shutdown::Now);
    assert!(!effects(&mut engine).contains(&recall(worker, 4)));
}

#[test]
fn one_that_runs_and_is_withdrawn_runs_to_its_end() {
    let (mut engine, worker, tasks) = running(1, ONCE);
    assert!(engine.withdraw(MS, tasks[0]) && !engine.withdraw(MS, tasks[0]));
    assert!(!engine.cancel(MS, tasks[0]));
    assert_eq!(
        effects(&mut engine),
        [resolved(tasks[0], Outcome::Withdrawn)]
    );
    assert_eq!(engine.task_at(worker, 1), None);
    assert!(engine.is_open(worker, 1) && engine.is_serving(worker));
    engine.handle(2 * MS, finished(worker, 1..2));
    assert!(!engine.is_open(worker, 1));
}

#[test]
fn a_worker_is_ended_only_if_the_reason_holds_once_nothing_can_begin() {
    // What is known before the recall is answered, and whether the worker is ended.
    type News = fn(WorkerId) -> Option<Event>;
    let news: [(News, bool); 3] = [
        (|_| None, true),
        (|worker| Some(Event::Done { worker, entry: 1 }), false),
        (|worker| Some(finished(worker, 1..2)), false),
    ];
    for (news, ends) in news {
        let (mut engine, worker, tasks) = running(3, ONCE);
        engine.cancel(MS, tasks[0]);
        let asked = [resolved(tasks[0], Outcome::Cancelled), recall(worker, 4)];
        assert_eq!(effects(&mut engine), asked);
        if let Some(news) = news(worker) {
            engine.handle(2 * MS, news);
        }
        engine.handle(2 * MS, recalled(worker, 2..4));
        let ended = Effect::Terminate(worker, KillReason::Cancelled);
        assert_eq!(effects(&mut engine).contains(&ended), ends);
        assert_eq!(engine.is_serving(worker), !ends);
        assert_eq!(engine.queued(), 2, "what it had not begun");
    }
}

#[test]
fn the_answer_to_an_earlier_recall_of_less_proves_nothing() {
    let (mut engine, worker, tasks) = running(4, ONCE);
    engine.withdraw(MS, tasks[1]);
    engine.cancel(MS, tasks[0]);
    effects(&mut engine);
    engine.handle(MS, recalled(worker, 2..3));
    assert_eq!(effects(&mut engine), [], "two may have begun since");
    engine.handle(MS, recalled(worker, 3..5));
    let ended = Effect::Terminate(worker, KillReason::Cancelled);
    assert!(effects(&mut engine).contains(&ended));
}

#[test]
fn a_task_that_is_cancelled_and_had_begun_unseen_ends_its_worker() {
    let (mut engine, worker, tasks) = running(2, ONCE);
    engine.cancel(MS, tasks[1]);
    effects(&mut engine);
    engine.handle(MS, finished(worker, 1..2));
    engine.handle(MS, began(worker, 2, MS));
    assert_eq!(effects(&mut engine), [recall(worker, 3)]);
    engine.handle(MS, recalled(worker, 3..3));
    let ended = Effect::Terminate(worker, KillReason::Cancelled);
    assert_eq!(effects(&mut engine), [ended]);
}

#[test]
fn too_long_an_output_ends_the_worker_whether_the_task_has_returned_or_not() {
    for returned in [false, true] {
        let (mut engine, worker, tasks) = running(1, TASK);
        if returned {
            engine.handle(MS, Event::Done { worker, entry: 1 });
        }
        engine.handle(MS, Event::OutputTooLong { worker, entry: 1 });
        let asked = [
            resolved(tasks[0], Outcome::OutputTooLong),
            recall(worker, 2),
        ];
        assert_eq!(effects(&mut engine), asked);
        engine.handle(MS, recalled(worker, 2..2));
        let ended = Effect::Terminate(worker, KillReason::OutputTooLong);
        assert_eq!(effects(&mut engine), [ended]);
    }
}

#[test]
fn a_result_that_does_not_come_on_ends_the_worker() {
    for comes_on in [false, true] {
        let (mut engine, worker, _) = running(1, TASK);
        let part = Event::Done { worker, entry: 1 };
        engine.handle(MS, part.clone());
        engine.tick(MS + GRACE_NS - 1);
        assert_eq!(effects(&mut engine), []);
        let now = MS + GRACE_NS;
        engine.tick(now);
        assert_eq!(effects(&mut engine), [recall(worker, 2)]);
        if comes_on {
            engine.handle(now, part);
        }
        engine.handle(now, recalled(worker, 2..2));
        let killed = Effect::Kill(worker, KillReason::Unresponsive);
        assert_eq!(effects(&mut engine).contains(&killed), !comes_on);
        assert_eq!(engine.is_serving(worker), comes_on);
    }
}

#[test]
fn a_worker_that_claims_nothing_is_killed_after_the_grace_period() {
    for claims in [false, true] {
        let (mut engine, workers) = ready(1, LANE);
        let worker = workers[0];
        submit(&mut engine, MS, TASK);
        pull(&mut engine, MS, worker);
        effects(&mut engine);
        engine.tick(MS + GRACE_NS - 1);
        assert_eq!(effects(&mut engine), [], "nobody is there to run it");
        let now = MS + GRACE_NS;
        engine.tick(now);
        assert_eq!(effects(&mut engine), [recall(worker, 1)]);
        if claims {
            engine.handle(now, began(worker, 0, now));
        }
        engine.handle(now, recalled(worker, 0..u64::from(!claims)));
        let killed = Effect::Kill(worker, KillReason::Unresponsive);
        assert_eq!(effects(&mut engine).contains(&killed), !claims);
    }
}

#[test]
fn a_long_task_may_have_others_behind_it() {
    let (mut engine, worker, _) = running(2, TASK);
    for now in [MS, GRACE_NS, 3 * GRACE_NS] {
        engine.tick(now);
        assert_eq!(effects(&mut engine), []);
    }
    assert!(engine.is_serving(worker));
}

#[test]
fn what_a_worker_has_not_begun_is_recalled_before_it_is_ended() {
    type Ends = fn(WorkerId, KillReason) -> Effect;
    let shutdowns: [(Shutdown, Ends); 2] = [
        (Shutdown::Now, Effect::Terminate),
        (Shutdown::Drop, Effect::Kill),
    ];
    for (how, end) in shutdowns {
        for behind in [0, 2] {
            let (mut engine, worker, tasks) = running(1 + behind, TASK);
            engine.shutdown(MS, how);
            let ended = tasks.iter().map(|&task| resolved(task, Outcome::ShutDown));
            let mut expected: Vec<Effect> = ended.collect();
            if behind > 0 {
                expected.push(recall(worker, 4));
            }
            expected.push(end(worker, KillReason::ShutDown));
            assert_eq!(effects(&mut engine), expected);
            // Nothing that it still says is for anyone.
            assert_eq!(engine.task_at(worker, 1), None);
            assert_eq!((engine.unresolved(), engine.queued()), (0, 0));
            engine.shutdown(MS, how);
            assert_eq!(effects(&mut engine), []);
        }
    }
}

#[test]
fn a_batch_that_is_shut_down_has_no_results_to_come() {
    let (mut engine, workers) = ready(1, LANE);
    let batch = engine.submit_batch(0, ONCE, 3).expect("it is open");
    pull(&mut engine, 0, workers[0]);
    engine.shutdown(0, Shutdown::Now);
    assert!(effects(&mut engine).contains(&resolved(batch, Outcome::ShutDown)));
    assert_eq!(engine.task_at(workers[0], 0), None);
    assert!(engine.is_open(workers[0], 0));
}

/// What a soft pool does about a task that is to end: one worker, which runs it.
fn soft(capabilities: Capabilities) -> (Engine, WorkerId, TaskId) {
    let config = Config {
        soft_ns: 10 * MS,
        ..Config::default()
    };
    let (mut engine, workers) = ready_with(config, capabilities);
    let worker = workers[0];
    let spec = TaskSpec {
        limit_ns: Some(20 * MS),
        time_outs: 1,
        ..ONCE
    };
    let task = submit(&mut engine, 0, spec);
    pull(&mut engine, 0, worker);
    effects(&mut engine);
    (engine, worker, task)
}

#[test]
fn only_what_runs_and_can_be_asked_is_asked_to_end() {
    let asks = Capabilities { ask: true, ..PLAIN };
    let (entry, reason) = (0, KillReason::Cancelled);
    for (capabilities, returned, asked) in [
        (asks, false, true),
        (asks, true, false),
        (PLAIN, false, false),
    ] {
        let (mut engine, worker, task) = soft(capabilities);
        if returned {
            engine.handle(MS, Event::Done { worker, entry });
        }
        engine.cancel(MS, task);
        let then = if asked {
            Effect::Ask { worker, entry }
        } else {
            Effect::Terminate(worker, reason)
        };
        assert_eq!(
            effects(&mut engine),
            [resolved(task, Outcome::Cancelled), then]
        );
    }
    let (mut engine, worker, _) = soft(asks);
    engine.handle(MS, Event::OutputTooLong { worker, entry });
    let ended = Effect::Terminate(worker, KillReason::OutputTooLong);
    assert!(
        effects(&mut engine).contains(&ended),
        "it is too late for that"
    );
}

#[test]
fn a_task_that_was_asked_to_end_is_not_asked_again() {
    let asks = Capabilities { ask: true, ..PLAIN };
    let (mut engine, worker, task) = soft(asks);
    engine.tick(20 * MS);
    let entry = 0;
    assert_eq!(effects(&mut engine), [Effect::Ask { worker, entry }]);
    assert!(engine.is_unresolved(task), "it would run again");
    engine.cancel(25 * MS, task);
    assert_eq!(effects(&mut engine), [resolved(task, Outcome::Cancelled)]);
    assert_eq!(engine.next_deadline(), Some(30 * MS));
    engine.tick(30 * MS - 1);
    assert_eq!(effects(&mut engine), []);
    engine.tick(30 * MS);
    let ended = Effect::Terminate(worker, KillReason::TimedOut);
    assert_eq!(effects(&mut engine), [ended]);
}

#[test]
fn of_what_a_dead_worker_had_begun_only_the_last_is_charged() {
    let (mut engine, worker, tasks) = running(3, TASK);
    // The result of the first was on its way.
    engine.handle(MS, began(worker, 2, MS));
    engine.handle(MS, died(worker, Death::Signal));
    let retried = |at: usize, charged| Effect::Retried {
        task: tasks[at],
        worker,
        charged,
    };
    let after = effects(&mut engine);
    assert_eq!(after[..2], [retried(0, false), retried(1, true)]);
    assert_eq!(
        tasks
            .iter()
            .map(|&it| engine.deaths(it))
            .collect::<Vec<_>>(),
        [0, 1, 0]
    );
    assert_eq!(engine.queued(), 3);
}

/// Lets a worker die while a task of this kind is as far as that, until the task has a result: how often it died.
fn deaths_of(spec: TaskSpec, returned: bool, death: Death) -> (u32, Option<Outcome>) {
    let (mut engine, mut workers) = ready(1, LANE);
    let task = submit(&mut engine, 0, spec);
    for times in 1.. {
        let (worker, now) = (workers[0], u64::from(times) * 10_000 * MS);
        assert_eq!(pull(&mut engine, now, worker).len(), 1);
        engine.handle(now, began(worker, 0, now));
        if returned {
            engine.handle(now, Event::Done { worker, entry: 0 });
        }
        effects(&mut engine);
        engine.handle(now, died(worker, death));
        let mut outcome = None;
        for effect in effects(&mut engine) {
            match effect {
                Effect::Resolve { outcome: it, .. } => outcome = Some(it),
                Effect::Start(id) => workers = vec![id],
                _ => {}
            }
        }
        if !engine.is_unresolved(task) {
            return (times, outcome);
        }
        crate::fixtures::get_ready(&mut engine, now, workers[0], LANE);
    }
    unreachable!()
}

#[test]
fn how_often_a_task_may_die_or_lose_its_result() {
    for retries in 0..=2 {
        let spec = TaskSpec { retries, ..TASK };
        let (times, outcome) = deaths_of(spec, false, Death::Signal);
        let died = matches!(outcome, Some(Outcome::Died { deaths, .. }) if deaths == retries + 1);
        assert!(died && times == retries + 1, "{times} times: {outcome:?}");
        for death in [Death::Signal, Death::InputChanged] {
            let (times, outcome) = deaths_of(spec, true, death);
            let lost = matches!(outcome, Some(Outcome::ResultLost { .. }));
            assert!(lost && times == retries + 1, "{times} times: {outcome:?}");
        }
        let (times, outcome) = deaths_of(spec, false, Death::InputChanged);
        let changed = matches!(outcome, Some(Outcome::InputChanged { .. }));
        assert!(changed && times == 1, "{times} times: {outcome:?}");
    }
}
