//! Pools of external workers: for how long one is waited for.

use crate::fixtures::{MS, ONCE, TASK, died, effects, submit};
use engine::{Capabilities, Config, Death, Effect, Engine, PoolFailure, Shutdown};

const COMES: Capabilities = Capabilities {
    signal: false,
    lane: false,
    replace: false,
    ask: false,
};
const TIMEOUT_NS: u64 = 100 * MS;

fn waiting_for(min: u32) -> Engine {
    let config = Config {
        min,
        max: 3,
        external: true,
        start_timeout_ns: TIMEOUT_NS,
        ..Config::default()
    };
    Engine::new(MS, config)
}

fn fails(engine: &mut Engine, now: u64) -> bool {
    engine.tick(now);
    let failed = |it: &Effect| matches!(it, Effect::Fail(PoolFailure::NoWorker(_)));
    assert_eq!(effects(engine).iter().any(failed), engine.has_failed());
    engine.has_failed()
}

/// A pool that had its worker, which left at this time.
fn left_at(now: u64) -> Engine {
    let mut engine = waiting_for(1);
    let worker = engine.join(2 * MS, COMES).expect("the pool is open");
    engine.handle(now, died(worker, Death::Exit));
    engine
}

#[test]
fn as_many_as_are_needed_at_first_are_waited_for() {
    for (comes, waits) in [(0, true), (1, true), (2, false), (3, false)] {
        let mut engine = waiting_for(2);
        for _ in 0..comes {
            assert!(engine.join(2 * MS, COMES).is_some());
        }
        let until = MS + TIMEOUT_NS;
        assert_eq!(engine.next_deadline(), waits.then_some(until));
        assert!(!fails(&mut engine, until - 1));
        assert_eq!(fails(&mut engine, until), waits, "{comes} of two came");
    }
}

#[test]
fn a_task_does_not_put_off_until_when_the_first_has_to_come() {
    let mut engine = waiting_for(1);
    for now in [50, 60] {
        submit(&mut engine, now * MS, TASK);
        assert_eq!(engine.next_deadline(), Some(MS + TIMEOUT_NS));
    }
}

#[test]
fn nor_do_tasks_put_off_until_when_the_others_have_to_come() {
    let mut engine = waiting_for(2);
    assert!(engine.join(2 * MS, COMES).is_some());
    for now in [50, 60] {
        let task = submit(&mut engine, now * MS, TASK);
        assert_eq!(engine.next_deadline(), Some(MS + TIMEOUT_NS));
        engine.cancel(now * MS, task);
        effects(&mut engine);
    }
    assert!(fails(&mut engine, MS + TIMEOUT_NS));
}

#[test]
fn later_on_one_is_waited_for_only_while_there_is_a_task() {
    let mut engine = left_at(5 * MS);
    assert_eq!(engine.next_deadline(), None);
    assert!(!fails(&mut engine, 10_000 * MS));
    // From the first task on.
    let task = submit(&mut engine, 20_000 * MS, TASK);
    submit(&mut engine, 20_050 * MS, TASK);
    let until = 20_000 * MS + TIMEOUT_NS;
    assert_eq!(engine.next_deadline(), Some(until));
    engine.cancel(20_060 * MS, task);
    assert!(!fails(&mut engine, until - 1));
    assert!(fails(&mut engine, until));
    assert_eq!(engine.next_deadline(), None);
}

#[test]
fn a_batch_is_waited_for_as_long_as_one_task() {
    for count in [1, 5] {
        let mut engine = left_at(5 * MS);
        let accepted = engine.submit_batch(20_000 * MS, ONCE, count);
        assert!(accepted.is_ok());
        assert!(!fails(&mut engine, 20_000 * MS));
        assert!(fails(&mut engine, 20_000 * MS + TIMEOUT_NS));
    }
}

#[test]
fn a_task_that_was_there_before_waits_from_when_its_worker_left() {
    let mut engine = waiting_for(1);
    let worker = engine.join(2 * MS, COMES).expect("the pool is open");
    submit(&mut engine, 2 * MS, TASK);
    effects(&mut engine);
    assert_eq!(engine.next_deadline(), None, "somebody is here");
    engine.handle(50 * MS, died(worker, Death::Exit));
    assert_eq!(engine.next_deadline(), Some(50 * MS + TIMEOUT_NS));
    assert!(engine.join(60 * MS, COMES).is_some());
    assert_eq!(engine.next_deadline(), None);
    assert!(!fails(&mut engine, 10_000 * MS));
}

#[test]
fn nobody_is_waited_for_once_the_pool_ends() {
    for (how, waits) in [(Shutdown::Drain, true), (Shutdown::Now, false)] {
        let mut engine = waiting_for(1);
        submit(&mut engine, 2 * MS, TASK);
        engine.shutdown(3 * MS, how);
        assert_eq!(engine.next_deadline().is_some(), waits);
        assert_eq!(engine.join(4 * MS, COMES).is_some(), waits, "{how:?}");
    }
}
