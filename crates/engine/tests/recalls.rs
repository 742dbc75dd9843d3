//! Recalls of what a worker has ahead, and when not to repeat them.

use engine::{Assignment, Capabilities, Config, Effect, Engine, Event, TaskId, TaskSpec, WorkerId};

const PLAIN: Capabilities = Capabilities {
    signal: true,
    lane: false,
    replace: true,
    ask: false,
};
const LANE: Capabilities = Capabilities {
    lane: true,
    ..PLAIN
};
const TASK: TaskSpec = TaskSpec {
    retries: 2,
    ..TaskSpec::new()
};
/// A pool whose workers are ready, and their ids.
fn ready(workers: u32, capabilities: Capabilities) -> (Engine, Vec<WorkerId>) {
    let config = Config {
        min: workers,
        max: workers,
        ..Config::default()
    };
    let mut engine = Engine::new(0, config);
    let ids: Vec<WorkerId> = effects(&mut engine)
        .into_iter()
        .map(|effect| match effect {
            Effect::Start(id) => id,
            other => panic!("{other:?}"),
        })
        .collect();
    for &worker in &ids {
        engine.handle(
            0,
            Event::Ready {
                worker,
                capabilities,
            },
        );
    }
    (engine, ids)
}

fn effects(engine: &mut Engine) -> Vec<Effect> {
    std::iter::from_fn(|| engine.pop_effect()).collect()
}

fn submit(engine: &mut Engine, now: u64, spec: TaskSpec) -> TaskId {
    engine.submit(now, spec).expect("the pool takes tasks")
}

fn pull(engine: &mut Engine, now: u64, worker: WorkerId) -> Vec<Assignment> {
    std::iter::from_fn(|| engine.next(now, worker)).collect()
}

/// A worker runs one task of the class of `TASK` in `ns`, so that the class is known.
fn teach(engine: &mut Engine, worker: WorkerId, ns: u64) {
    submit(engine, 0, TASK);
    let entry = pull(engine, 0, worker)[0].entry;
    engine.handle(
        0,
        Event::Finished {
            worker,
            entries: entry..entry + 1,
            ran_ns: ns,
            rss: 0,
        },
    );
    effects(engine);
}

/// A worker whose result comes in parts may have begun what follows: nothing shows it before the last part.
#[test]
fn a_recall_that_brings_nothing_back_is_not_repeated_without_news() {
    let (mut engine, workers) = ready(2, LANE);
    teach(&mut engine, workers[0], 300_000);
    for _ in 0..3 {
        submit(&mut engine, 0, TASK);
    }
    assert_eq!(pull(&mut engine, 0, workers[0]).len(), 3);
    effects(&mut engine);
    assert_eq!(engine.next(0, workers[1]), None);
    let mut recalls = 0;
    while let Some(effect) = engine.pop_effect() {
        if let Effect::Recall { worker, .. } = effect {
            recalls += 1;
            assert!(recalls <= 2, "the same is asked for again and again");
            let entries = 4..4;
            engine.handle(0, Event::Recalled { worker, entries });
        }
    }
    assert_eq!(recalls, 2, "half, then all");
    // It has begun one and has two ahead: what is known of it has changed.
    let began = Event::Began {
        worker: workers[0],
        entry: 1,
        at_ns: 0,
    };
    engine.handle(100_000, began);
    let asked = |effect: &Effect| matches!(effect, Effect::Recall { .. });
    engine.handle(100_000, Event::Room { worker: workers[1] });
    assert!(effects(&mut engine).iter().any(asked));
}
