//! Who runs what is queued or not begun: an idle worker, or those that are busy.

use crate::fixtures::{
    LANE, MS, ONCE, TASK, began, effects, finished, pull, ready, ready_with, recalled, submit,
    teach,
};
use engine::{Config, Deal, Effect, Engine, Event, Priority, TaskSpec, WORTH_WAKING_NS, WorkerId};

fn recall(worker: WorkerId, below: u64) -> Effect {
    Effect::Recall { worker, below }
}

fn deal(engine: &mut Engine, worker: WorkerId, most: usize) -> usize {
    let mut dealt = Vec::new();
    engine.deal(0, worker, Deal::ByNumber(most), &mut dealt);
    dealt.iter().map(|it| it.count as usize).sum()
}

/// Two workers with this number of processors. The first runs a task, whose class takes this time; and no offer is open.
fn one_of_two_is_busy(processors: u32, ns: u64) -> (Engine, Vec<WorkerId>) {
    let config = Config {
        processors,
        min: 2,
        max: 2,
        ..Config::default()
    };
    let (mut engine, workers) = ready_with(config, LANE);
    teach(&mut engine, workers[0], ns);
    submit(&mut engine, 0, TASK);
    assert_eq!(deal(&mut engine, workers[0], 1), 1);
    engine.handle(0, began(workers[0], 1, 0));
    effects(&mut engine);
    (engine, workers)
}

#[test]
fn small_tasks_are_left_to_the_busy_for_a_while_where_processors_are_taken() {
    for (processors, ns, at_once) in [
        (1, 10_000, false),
        (1, WORTH_WAKING_NS / 2, false),
        (1, WORTH_WAKING_NS / 2 + 1, true),
        (1, WORTH_WAKING_NS, true),
        (2, 10_000, true),
        (3, 10_000, true),
    ] {
        let (mut engine, workers) = one_of_two_is_busy(processors, ns);
        submit(&mut engine, 0, TASK);
        let offer = [Effect::Offer(workers[1])];
        let offered = effects(&mut engine) == offer;
        assert_eq!(offered, at_once, "{ns} ns, {processors} processors");
        if !at_once {
            assert_eq!(engine.next_deadline(), Some(MS));
            engine.tick(MS - 1);
            assert_eq!(effects(&mut engine), []);
            engine.tick(MS);
            assert_eq!(effects(&mut engine), offer);
        }
    }
}

#[test]
fn nothing_is_withheld_once_it_is_taken() {
    let (mut engine, workers) = one_of_two_is_busy(1, 10_000);
    submit(&mut engine, 0, TASK);
    assert_eq!(engine.next_deadline(), Some(MS));
    engine.handle(0, finished(workers[0], 1..2));
    assert_eq!(pull(&mut engine, 0, workers[0]).len(), 1);
    engine.handle(0, began(workers[0], 2, 0));
    assert_eq!(engine.queued(), 0);
    engine.tick(MS);
    effects(&mut engine);
    // The next one is withheld for as long again.
    submit(&mut engine, 2 * MS, TASK);
    assert_eq!(engine.next_deadline(), Some(3 * MS));
    assert_eq!(pull(&mut engine, 2 * MS + 1, workers[1]).len(), 1);
    submit(&mut engine, 2 * MS + 1, TASK);
    assert_ne!(engine.next_deadline(), Some(3 * MS), "nobody is idle");
}

#[test]
fn what_is_left_of_a_batch_is_offered_to_others() {
    let (mut engine, workers) = ready(2, LANE);
    engine.submit_batch(0, ONCE, 6).expect("it is open");
    assert_eq!(effects(&mut engine), [Effect::Offer(workers[0])]);
    assert_eq!(deal(&mut engine, workers[0], 4), 4);
    assert_eq!(effects(&mut engine), [Effect::Offer(workers[1])]);
    assert_eq!(deal(&mut engine, workers[1], 2), 2);
    assert_eq!(effects(&mut engine), []);
}

#[test]
fn a_worker_is_given_what_it_will_run_within_its_credit() {
    for (ns, given) in [(500_000, 4), (600_000, 3), (2_000_000, 1), (3_000_000, 1)] {
        let (mut engine, workers) = ready(1, LANE);
        teach(&mut engine, workers[0], ns);
        engine.submit_batch(0, ONCE, 20).expect("it is open");
        let taken = pull(&mut engine, 0, workers[0]);
        assert_eq!(taken.len(), given, "one by one");
        let (mut engine, workers) = ready(1, LANE);
        teach(&mut engine, workers[0], ns);
        engine.submit_batch(0, ONCE, 20).expect("it is open");
        let mut dealt = Vec::new();
        engine.deal(0, workers[0], Deal::ByTime(20), &mut dealt);
        let counts: Vec<u32> = dealt.iter().map(|it| it.count).collect();
        assert_eq!(counts, [given as u32], "at once");
    }
}

/// The worker has this many tasks of that time ahead, of which it has begun as many; the other one then asks for work:
/// what is recalled for it.
fn recalled_for_another(processors: u32, ns: u64, ahead: usize, runs: u64) -> Option<u64> {
    let config = Config {
        processors,
        min: 2,
        max: 2,
        ..Config::default()
    };
    let (mut engine, workers) = ready_with(config, LANE);
    teach(&mut engine, workers[0], ns);
    for _ in 0..ahead {
        submit(&mut engine, 0, TASK);
    }
    assert_eq!(deal(&mut engine, workers[0], ahead), ahead);
    if runs > 0 {
        engine.handle(0, began(workers[0], runs, 0));
    }
    effects(&mut engine);
    assert_eq!(engine.next(0, workers[1]), None);
    let asked = effects(&mut engine);
    let below = match asked[..] {
        [] => None,
        [Effect::Recall { worker, below }] if worker == workers[0] => Some(below),
        _ => panic!("{asked:?}"),
    };
    engine.handle(0, Event::Room { worker: workers[1] });
    assert_eq!(effects(&mut engine), [], "that was asked for already");
    below
}

#[test]
fn half_of_what_is_worth_it_is_recalled_for_an_idle_worker() {
    let worth = WORTH_WAKING_NS;
    for (ns, ahead, runs, below) in [
        // One alone, or with one that runs; the class, and what is left after it.
        (worth, 1, 0, None),
        (worth, 2, 0, Some(2)),
        (worth, 2, 1, Some(3)),
        (worth - 8, 2, 1, None),
        (worth / 4, 5, 1, Some(4)),
        (worth / 4, 4, 1, None),
        (worth / 4, 9, 1, Some(6)),
    ] {
        let found = recalled_for_another(8, ns, ahead, runs);
        assert_eq!(found, below, "{ahead} of {ns} ns, {runs} begun");
    }
}

#[test]
fn where_processors_are_taken_only_large_tasks_are_recalled() {
    let worth = WORTH_WAKING_NS;
    for (processors, ns, below) in [
        (1, worth, Some(4)),
        (1, 4 * worth, Some(4)),
        (1, worth - 8, None),
        (2, worth - 8, Some(4)),
    ] {
        let found = recalled_for_another(processors, ns, 5, 1);
        assert_eq!(found, below, "{ns} ns, {processors} processors");
    }
}

#[test]
fn all_of_what_is_stuck_is_recalled_and_nothing_more() {
    let (mut engine, workers) = ready(2, LANE);
    teach(&mut engine, workers[0], 1000);
    for _ in 0..4 {
        submit(&mut engine, 0, TASK);
    }
    assert_eq!(deal(&mut engine, workers[0], 4), 4);
    assert_eq!(engine.next(0, workers[1]), None);
    engine.handle(0, began(workers[0], 1, 0));
    effects(&mut engine);
    engine.tick(MS - 1);
    assert_eq!(effects(&mut engine), []);
    engine.tick(MS);
    assert_eq!(effects(&mut engine), [recall(workers[0], 5)]);
    engine.handle(MS, recalled(workers[0], 2..5));
    assert_eq!(effects(&mut engine), [Effect::Offer(workers[1])]);
    assert_eq!(pull(&mut engine, MS, workers[1]).len(), 3);
    engine.handle(MS, finished(workers[1], 0..3));
    assert_eq!(effects(&mut engine), []);
    engine.tick(100 * MS);
    engine.handle(100 * MS, Event::Room { worker: workers[1] });
    assert_eq!(effects(&mut engine), [], "it has nothing else");
}

#[test]
fn an_exclusive_task_is_alone_on_its_worker() {
    let (mut engine, workers) = ready(1, LANE);
    let worker = workers[0];
    teach(&mut engine, worker, 1000);
    let exclusive = true;
    submit(&mut engine, 0, TASK);
    let alone = submit(&mut engine, 0, TaskSpec { exclusive, ..TASK });
    submit(&mut engine, 0, TASK);
    assert_eq!(deal(&mut engine, worker, 9), 1, "the first");
    engine.handle(0, finished(worker, 1..2));
    let mut dealt = Vec::new();
    engine.deal(0, worker, Deal::ByNumber(9), &mut dealt);
    assert_eq!(dealt.iter().map(|it| it.task).collect::<Vec<_>>(), [alone]);
    assert_eq!(deal(&mut engine, worker, 9), 0, "while it runs");
    engine.handle(0, finished(worker, 2..3));
    assert_eq!(deal(&mut engine, worker, 9), 1, "the last");
}

#[test]
fn what_is_stuck_is_recalled_while_small_tasks_are_withheld() {
    let (mut engine, workers) = one_of_two_is_busy(1, 1000);
    for _ in 0..2 {
        submit(&mut engine, 0, TASK);
    }
    assert_eq!(deal(&mut engine, workers[0], 2), 2);
    assert_eq!(engine.next_deadline(), Some(MS), "the first may be long");
    submit(&mut engine, MS / 2, TASK);
    assert_eq!((effects(&mut engine), engine.queued()), (vec![], 1));
    engine.tick(MS);
    assert_eq!(effects(&mut engine), [recall(workers[0], 4)]);
}

#[test]
fn nothing_is_recalled_while_nobody_is_idle_or_something_is_queued() {
    let (mut engine, workers) = ready(2, LANE);
    teach(&mut engine, workers[0], 1000);
    for _ in 0..3 {
        submit(&mut engine, 0, TASK);
    }
    assert_eq!(deal(&mut engine, workers[0], 2), 2);
    assert_eq!(deal(&mut engine, workers[1], 1), 1);
    for worker in [0, 1] {
        let first = 1 - worker as u64;
        engine.handle(0, began(workers[worker], first, 0));
    }
    effects(&mut engine);
    engine.tick(10 * MS);
    assert_eq!(effects(&mut engine), []);
    // What is queued is for those that are idle.
    submit(&mut engine, 10 * MS, TASK);
    engine.handle(10 * MS, finished(workers[1], 0..1));
    assert_eq!(effects(&mut engine), [Effect::Offer(workers[1])]);
    assert_eq!(pull(&mut engine, 10 * MS, workers[1]).len(), 1);
    assert_eq!(effects(&mut engine), []);
}

/// One worker with a lane has this many tasks of that time and priority ahead; what a task of another priority asks
/// back.
fn makes_way(ns: u64, ahead: Priority, comes: Priority) -> Vec<Effect> {
    let (mut engine, workers) = ready(1, LANE);
    teach(&mut engine, workers[0], ns);
    let with = |priority| TaskSpec { priority, ..TASK };
    for _ in 0..4 {
        submit(&mut engine, 0, with(ahead));
    }
    assert_eq!(deal(&mut engine, workers[0], 4), 4);
    assert_eq!(engine.next(0, workers[0]), None);
    engine.handle(0, finished(workers[0], 1..2));
    effects(&mut engine);
    submit(&mut engine, 0, with(comes));
    let mut asked = effects(&mut engine);
    asked.retain(|it| matches!(it, Effect::Recall { .. }));
    asked
}

#[test]
fn a_worker_with_much_of_lower_priority_ahead_gives_it_back() {
    let (high, normal, low) = (Priority::High, Priority::Normal, Priority::Low);
    for (ahead, comes, gives) in [
        (normal, high, true),
        (low, high, true),
        (low, normal, true),
        (normal, normal, false),
        (high, normal, false),
        (low, low, false),
    ] {
        let much = makes_way(600_000, ahead, comes);
        assert_eq!(much.len(), usize::from(gives), "{ahead:?}, {comes:?}");
        assert_eq!(makes_way(10_000, ahead, comes), [], "it is soon done");
    }
}

#[test]
fn nothing_is_given_back_while_another_has_an_offer_or_is_idle() {
    let high = TaskSpec {
        priority: Priority::High,
        ..TASK
    };
    let (mut engine, workers) = ready(2, LANE);
    teach(&mut engine, workers[0], 600_000);
    for _ in 0..2 {
        submit(&mut engine, 0, TASK);
    }
    assert_eq!(deal(&mut engine, workers[0], 2), 2);
    effects(&mut engine);
    // The second has an offer still, for what the first has taken.
    submit(&mut engine, 0, high);
    assert_eq!(effects(&mut engine), []);
    assert_eq!(pull(&mut engine, 0, workers[1]).len(), 1);
    submit(&mut engine, 0, high);
    let asked = effects(&mut engine);
    assert!(asked.contains(&recall(workers[0], 3)), "{asked:?}");
}

#[test]
fn an_offer_is_made_once_until_the_worker_has_asked() {
    let (mut engine, workers) = ready(2, LANE);
    let offers = |engine: &mut Engine| -> Vec<WorkerId> {
        let offer = |it| match it {
            Effect::Offer(id) => Some(id),
            _ => None,
        };
        effects(engine).into_iter().filter_map(offer).collect()
    };
    let first = submit(&mut engine, 0, TASK);
    assert_eq!(offers(&mut engine), [workers[0]]);
    engine.cancel(0, first);
    engine.handle(0, recalled(workers[0], 0..0));
    assert_eq!(offers(&mut engine), []);
    for _ in 0..3 {
        submit(&mut engine, 0, TASK);
    }
    assert_eq!(offers(&mut engine), [workers[1]]);
    engine.handle(0, Event::Room { worker: workers[0] });
    assert_eq!(offers(&mut engine), [workers[0]], "it had no room then");
}

#[test]
fn a_pool_that_is_made_smaller_twice_keeps_its_workers() {
    let (mut engine, workers) = ready(4, LANE);
    for worker in &workers {
        submit(&mut engine, 0, TASK);
        effects(&mut engine);
        pull(&mut engine, 0, *worker);
    }
    let taking = |engine: &Engine| workers.iter().filter(|&&it| engine.takes_tasks(it)).count();
    for (max, left) in [(3, 3), (3, 3), (2, 2), (2, 2)] {
        engine.resize(0, max, max);
        assert_eq!(taking(&engine), left);
    }
}
