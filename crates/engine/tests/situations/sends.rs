//! What cannot be sent, and workers that have done enough.

use crate::fixtures::{
    LANE, MS, ONCE, PLAIN, TASK, began, effects, finished, pull, ready, ready_with, resolved,
    submit,
};
use engine::{Config, Deal, Effect, Engine, Event, Outcome, SEND_ATTEMPTS, WorkerId};

fn send_failed(worker: WorkerId, entry: u64, transient: bool) -> Event {
    Event::SendFailed {
        worker,
        entry,
        transient,
    }
}

#[test]
fn after_each_failure_in_a_row_the_pause_is_twice_as_long() {
    let (mut engine, workers) = ready(1, PLAIN);
    let worker = workers[0];
    let mut now = 0;
    submit(&mut engine, 0, TASK);
    for ms in [1, 2, 4, 8, 16, 32, 64, 64, 64] {
        let [sent] = pull(&mut engine, now, worker)[..] else {
            panic!("it is tried again");
        };
        effects(&mut engine);
        engine.handle(now, send_failed(worker, sent.entry, true));
        assert_eq!(effects(&mut engine), []);
        assert_eq!(pull(&mut engine, now, worker), []);
        now += ms * MS;
        assert_eq!(engine.next_deadline(), Some(now));
        engine.tick(now - 1);
        assert_eq!(effects(&mut engine), []);
        engine.tick(now);
        assert_eq!(effects(&mut engine), [Effect::Offer(worker)]);
    }
    // Something is sent, and the next failure is the first in a row.
    let entry = pull(&mut engine, now, worker)[0].entry;
    engine.handle(now, finished(worker, entry..entry + 1));
    submit(&mut engine, now, TASK);
    let entry = pull(&mut engine, now, worker)[0].entry;
    engine.handle(now, send_failed(worker, entry, true));
    assert_eq!(engine.next_deadline(), Some(now + MS));
}

#[test]
fn a_call_is_tried_a_number_of_times_where_that_may_help() {
    for (transient, attempts) in [(true, SEND_ATTEMPTS), (false, 1)] {
        let (mut engine, workers) = ready(1, PLAIN);
        let task = submit(&mut engine, 0, TASK);
        for attempt in 1..=attempts {
            let now = u64::from(attempt) * 1000 * MS;
            engine.tick(now);
            let entry = pull(&mut engine, now, workers[0])[0].entry;
            assert_eq!(engine.task_at(workers[0], entry + 1), None);
            effects(&mut engine);
            engine.handle(now, send_failed(workers[0], entry, transient));
            assert_eq!(engine.is_unresolved(task), attempt < attempts);
        }
        assert_eq!(effects(&mut engine), [resolved(task, Outcome::SendFailed)]);
    }
}

#[test]
fn a_worker_to_which_nothing_can_be_sent_is_not_offered_more() {
    let (mut engine, workers) = ready(2, PLAIN);
    let worker = workers[0];
    submit(&mut engine, 0, TASK);
    let entry = pull(&mut engine, 0, worker)[0].entry;
    effects(&mut engine);
    engine.handle(0, send_failed(worker, entry, true));
    assert_eq!(effects(&mut engine), [Effect::Offer(workers[1])]);
    assert_eq!(pull(&mut engine, 0, workers[1]).len(), 1);
    assert_eq!(pull(&mut engine, 0, worker), []);
    submit(&mut engine, 0, TASK);
    assert_eq!(effects(&mut engine), [], "it is not idle");
    engine.tick(MS);
    assert_eq!(effects(&mut engine), [Effect::Offer(worker)]);
}

#[test]
fn a_pause_lasts_whatever_else_is_due_for_the_worker() {
    let (mut engine, workers) = ready(1, LANE);
    let worker = workers[0];
    let mut dealt = Vec::new();
    for attempt in 0..3 {
        submit(&mut engine, 0, ONCE);
        let now = attempt * 100 * MS;
        engine.tick(now);
        engine.deal(now, worker, Deal::ByNumber(1), &mut dealt);
        engine.handle(now, send_failed(worker, attempt, true));
    }
    // For 4 ms. Two are there already, of which one runs.
    let now = 300 * MS;
    engine.tick(now);
    for _ in 0..2 {
        submit(&mut engine, now, ONCE);
    }
    engine.deal(now, worker, Deal::ByNumber(3), &mut dealt);
    engine.handle(now, began(worker, 3, now));
    engine.handle(now, send_failed(worker, 5, true));
    submit(&mut engine, now, ONCE);
    effects(&mut engine);
    engine.tick(now + MS);
    dealt.clear();
    engine.deal(now + MS, worker, Deal::ByNumber(9), &mut dealt);
    assert_eq!(dealt, []);
    engine.deal(now + 8 * MS, worker, Deal::ByNumber(1), &mut dealt);
    assert_eq!(dealt.len(), 1);
}

#[test]
fn a_worker_that_is_too_large_is_replaced() {
    for (bytes, rss, leaves) in [
        (Some(1000), 999, false),
        (Some(1000), 1000, false),
        (Some(1000), 1001, true),
        (None, u64::MAX, false),
    ] {
        let config = Config {
            recycle_bytes: bytes,
            ..Config::default()
        };
        let (mut engine, workers) = ready_with(config, PLAIN);
        let worker = workers[0];
        submit(&mut engine, 0, TASK);
        pull(&mut engine, 0, worker);
        effects(&mut engine);
        let finished = Event::Finished {
            worker,
            entries: 0..1,
            ran_ns: 1,
            rss,
        };
        engine.handle(0, finished);
        let left = effects(&mut engine).contains(&Effect::Leave(worker));
        assert_eq!((left, !engine.takes_tasks(worker)), (leaves, leaves));
    }
}

#[test]
fn a_worker_that_is_replaced_finishes_what_it_holds() {
    let config = Config {
        recycle_tasks: Some(3),
        ..Config::default()
    };
    let (mut engine, workers) = ready_with(config, LANE);
    let worker = workers[0];
    for _ in 0..5 {
        submit(&mut engine, 0, TASK);
    }
    let mut dealt = Vec::new();
    engine.deal(0, worker, Deal::ByNumber(9), &mut dealt);
    assert_eq!(dealt.len(), 3, "what is left of its tasks");
    effects(&mut engine);
    for done in 0..3 {
        assert_eq!(effects(&mut engine), []);
        engine.handle(0, finished(worker, done..done + 1));
        dealt.clear();
        engine.deal(0, worker, Deal::ByNumber(9), &mut dealt);
        assert_eq!(dealt, []);
    }
    assert_eq!(effects(&mut engine), [Effect::Leave(worker)]);
    assert!(!engine.is_serving(worker) && engine.queued() == 2);
}

#[test]
fn what_is_reported_late_or_of_others_changes_nothing() {
    let (mut engine, workers) = ready(1, LANE);
    let worker = workers[0];
    let spec = engine::TaskSpec {
        limit_ns: Some(20 * MS),
        ..TASK
    };
    for _ in 0..3 {
        submit(&mut engine, 0, spec);
    }
    let mut dealt = Vec::new();
    engine.deal(0, worker, Deal::ByNumber(9), &mut dealt);
    engine.handle(10 * MS, began(worker, 1, 10 * MS));
    for (entry, at_ns) in [(0, 15 * MS), (7, 15 * MS)] {
        engine.handle(15 * MS, began(worker, entry, at_ns));
        engine.handle(15 * MS, Event::Done { worker, entry });
    }
    effects(&mut engine);
    engine.tick(30 * MS - 1);
    assert_eq!((effects(&mut engine), engine.running()), (vec![], 1));
    engine.tick(30 * MS);
    let recall = Effect::Recall { worker, below: 3 };
    assert_eq!(
        effects(&mut engine),
        [recall],
        "the second is over its limit"
    );
}

#[test]
fn a_limit_ends_with_the_function() {
    let (mut engine, workers): (Engine, _) = ready(1, LANE);
    let worker = workers[0];
    let spec = engine::TaskSpec {
        limit_ns: Some(20 * MS),
        ..TASK
    };
    for _ in 0..2 {
        submit(&mut engine, 0, spec);
        let entry = pull(&mut engine, 0, worker)[0].entry;
        engine.handle(0, began(worker, entry, 0));
        engine.handle(MS, Event::Done { worker, entry });
        effects(&mut engine);
        engine.tick(100 * MS);
        assert_eq!(effects(&mut engine), []);
        engine.handle(100 * MS, finished(worker, entry..entry + 1));
    }
}
