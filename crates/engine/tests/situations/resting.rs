//! How the number of workers follows the tasks: how many more, who may leave, and when.

use crate::fixtures::{
    LANE, MS, ONCE, PLAIN, TASK, began, effects, finished, get_ready, pull, ready_with, starts,
    submit, teach,
};
use engine::{Config, Deal, Effect, Engine, Event, WorkerId};

const IDLE_NS: u64 = 10 * MS;

fn elastic(min: u32, max: u32) -> Config {
    Config {
        min,
        max,
        idle_timeout_ns: Some(IDLE_NS),
        ..Config::default()
    }
}

/// A pool that has grown to this many workers, all of which have answered a task at this time.
fn grown(config: Config, workers: u32, now: u64) -> (Engine, Vec<WorkerId>) {
    let (mut engine, mut ids) = ready_with(config, PLAIN);
    for _ in 0..workers {
        submit(&mut engine, 0, ONCE);
    }
    for id in starts(&mut engine) {
        get_ready(&mut engine, 0, id, PLAIN);
        ids.push(id);
    }
    assert_eq!(ids.len(), workers as usize);
    for &id in &ids {
        assert_eq!(pull(&mut engine, 0, id).len(), 1);
    }
    for &id in &ids {
        engine.handle(now, finished(id, 0..1));
    }
    effects(&mut engine);
    (engine, ids)
}

fn leaves(engine: &mut Engine, now: u64) -> usize {
    engine.tick(now);
    let left = effects(engine);
    assert!(
        left.iter().all(|it| matches!(it, Effect::Leave(_))),
        "{left:?}"
    );
    left.len()
}

#[test]
fn those_above_the_least_number_leave_after_a_rest() {
    for (min, max, leave) in [(0, 3, 3), (1, 3, 2), (2, 3, 1), (3, 4, 0)] {
        let (mut engine, _) = grown(elastic(min, max), 3, MS);
        assert_eq!(leaves(&mut engine, MS + IDLE_NS - 1), 0);
        assert_eq!(leaves(&mut engine, MS + IDLE_NS), leave, "from {min} on");
        assert_eq!(leaves(&mut engine, 100 * IDLE_NS), 0);
        assert_eq!(engine.serving(), 3 - leave);
    }
}

#[test]
fn a_rest_may_be_longer_than_the_grace_period() {
    for capabilities in [PLAIN, LANE] {
        let config = Config {
            grace_ns: MS,
            ..elastic(0, 1)
        };
        let mut engine = Engine::new(0, config);
        submit(&mut engine, 0, ONCE);
        let worker = starts(&mut engine)[0];
        get_ready(&mut engine, 0, worker, capabilities);
        pull(&mut engine, 0, worker);
        engine.handle(0, finished(worker, 0..1));
        effects(&mut engine);
        engine.tick(IDLE_NS);
        assert_eq!(effects(&mut engine), [Effect::Leave(worker)]);
    }
}

#[test]
fn a_worker_that_is_busy_does_not_rest() {
    let config = Config {
        idle_timeout_ns: Some(MS),
        ..elastic(0, 1)
    };
    let mut engine = Engine::new(0, config);
    submit(&mut engine, 0, ONCE);
    let worker = starts(&mut engine)[0];
    get_ready(&mut engine, 0, worker, LANE);
    submit(&mut engine, 0, ONCE);
    let mut dealt = Vec::new();
    engine.deal(0, worker, Deal::ByNumber(2), &mut dealt);
    engine.handle(0, began(worker, 0, 0));
    effects(&mut engine);
    assert_eq!(leaves(&mut engine, 5 * MS), 0, "it is looked at");
    assert!(engine.takes_tasks(worker));
}

#[test]
fn a_worker_that_is_looked_at_for_another_reason_rests_on() {
    let (mut engine, ids) = grown(elastic(0, 2), 2, MS);
    submit(&mut engine, 2 * MS, ONCE);
    let entry = pull(&mut engine, 2 * MS, ids[0])[0].entry;
    effects(&mut engine);
    let (worker, transient) = (ids[0], true);
    let failed = Event::SendFailed {
        worker,
        entry,
        transient,
    };
    engine.handle(2 * MS, failed);
    assert_eq!(pull(&mut engine, 2 * MS, ids[1]).len(), 1);
    effects(&mut engine);
    assert_eq!(leaves(&mut engine, 3 * MS), 0);
    assert!(engine.takes_tasks(worker));
    assert_eq!(leaves(&mut engine, 2 * MS + IDLE_NS - 1), 0);
    assert_eq!(leaves(&mut engine, 2 * MS + IDLE_NS), 1);
}

#[test]
fn without_a_time_for_it_nobody_leaves() {
    let config = Config {
        idle_timeout_ns: None,
        ..elastic(0, 3)
    };
    let (mut engine, _) = grown(config, 3, MS);
    assert_eq!(engine.next_deadline(), None);
    assert_eq!(leaves(&mut engine, 1000 * IDLE_NS), 0);
}

#[test]
fn external_workers_stay() {
    let config = Config {
        external: true,
        ..elastic(0, 2)
    };
    let mut engine = Engine::new(0, config);
    let worker = engine.join(0, PLAIN).expect("the pool is open");
    submit(&mut engine, 0, ONCE);
    pull(&mut engine, 0, worker);
    engine.handle(0, finished(worker, 0..1));
    effects(&mut engine);
    assert_eq!(engine.next_deadline(), None);
    assert_eq!(leaves(&mut engine, 1000 * IDLE_NS), 0);
    assert!(engine.takes_tasks(worker));
}

#[test]
fn more_are_started_for_what_is_stuck_behind_others() {
    // One worker runs a task and has others behind it; besides, this many are queued.
    for (queued, wanted) in [(0, 1), (1, 2), (3, 4), (9, 6)] {
        let (mut engine, ids) = ready_with(elastic(1, 7), LANE);
        teach(&mut engine, ids[0], 1000);
        for _ in 0..3 {
            let pinned = engine.submit_to(ids[0], ONCE);
            assert!(pinned.is_ok());
        }
        let mut dealt = Vec::new();
        engine.deal(0, ids[0], Deal::ByNumber(3), &mut dealt);
        engine.handle(0, began(ids[0], 1, 0));
        assert_eq!(starts(&mut engine), []);
        engine.tick(MS);
        let mut started = starts(&mut engine).len();
        assert_eq!(started, 1, "it is stuck");
        for _ in 0..queued {
            submit(&mut engine, MS, ONCE);
        }
        started += starts(&mut engine).len();
        assert_eq!(started, wanted, "{queued} are queued");
    }
}

#[test]
fn a_smaller_pool_counts_those_that_start() {
    let config = Config {
        idle_timeout_ns: None,
        ..elastic(3, 3)
    };
    let mut engine = Engine::new(0, config);
    let ids = starts(&mut engine);
    for &id in &ids[..2] {
        get_ready(&mut engine, 0, id, PLAIN);
        submit(&mut engine, 0, TASK);
        assert_eq!(pull(&mut engine, 0, id).len(), 1);
    }
    effects(&mut engine);
    engine.resize(0, 2, 2);
    let takes = |engine: &Engine| ids.iter().filter(|&&id| engine.takes_tasks(id)).count();
    assert_eq!(takes(&engine), 1, "of three, one is too many");
    engine.resize(0, 1, 1);
    assert_eq!(takes(&engine), 0, "another one is to come");
}

#[test]
fn an_idle_worker_is_looked_at_anew_when_the_least_number_falls() {
    let (mut engine, _) = grown(elastic(2, 4), 2, MS);
    assert_eq!(leaves(&mut engine, 5 * IDLE_NS), 0);
    engine.resize(5 * IDLE_NS, 1, 4);
    assert_eq!(engine.next_deadline(), Some(MS + IDLE_NS));
    assert_eq!(leaves(&mut engine, 5 * IDLE_NS), 1);
}

#[test]
fn spares_stay_beside_those_that_serve() {
    for spare in 0..3 {
        let config = Config {
            spare,
            ..elastic(2, 2)
        };
        let (engine, ids) = ready_with(config, PLAIN);
        let (serving, standby) = (engine.serving(), engine.standby());
        assert_eq!((serving, standby), (2, spare as usize));
        assert_eq!(engine.staff_ids().len(), 2);
        let spares = ids.iter().filter(|&&id| !engine.is_serving(id));
        assert_eq!(spares.count(), spare as usize);
    }
}
