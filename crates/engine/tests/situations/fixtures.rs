//! What the situations have in common: a pool of workers that are ready, and one step of it.

use engine::{Assignment, Capabilities, Config, Effect, Engine, Event, TaskId, TaskSpec, WorkerId};

pub(crate) const MS: u64 = 1_000_000;
pub(crate) const PLAIN: Capabilities = Capabilities {
    signal: true,
    lane: false,
    replace: true,
    ask: false,
};
pub(crate) const LANE: Capabilities = Capabilities {
    lane: true,
    ..PLAIN
};
pub(crate) const TASK: TaskSpec = TaskSpec {
    retries: 2,
    ..TaskSpec::new()
};
pub(crate) const ONCE: TaskSpec = TaskSpec { retries: 0, ..TASK };

/// A pool whose workers are ready, and their ids.
pub(crate) fn ready(workers: u32, capabilities: Capabilities) -> (Engine, Vec<WorkerId>) {
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

pub(crate) fn effects(engine: &mut Engine) -> Vec<Effect> {
    std::iter::from_fn(|| engine.pop_effect()).collect()
}

pub(crate) fn submit(engine: &mut Engine, now: u64, spec: TaskSpec) -> TaskId {
    engine.submit(now, spec).expect("the pool takes tasks")
}

pub(crate) fn pull(engine: &mut Engine, now: u64, worker: WorkerId) -> Vec<Assignment> {
    std::iter::from_fn(|| engine.next(now, worker)).collect()
}

/// A worker runs one task of the class of `TASK` in `ns`, so that the class is known.
pub(crate) fn teach(engine: &mut Engine, worker: WorkerId, ns: u64) {
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
