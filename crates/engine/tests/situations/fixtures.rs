//! What the situations have in common: a pool of workers that are ready, and one step of it.

use engine::{
    Assignment, Capabilities, Config, Death, Effect, Engine, Event, Outcome, TaskId, TaskSpec,
    WorkerId,
};
use std::ops::Range;

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
    ready_with(config, capabilities)
}

/// As [`ready`], of this configuration.
pub(crate) fn ready_with(config: Config, capabilities: Capabilities) -> (Engine, Vec<WorkerId>) {
    let mut engine = Engine::new(0, config);
    let ids = starts(&mut engine);
    for &worker in &ids {
        get_ready(&mut engine, 0, worker, capabilities);
    }
    effects(&mut engine);
    (engine, ids)
}

/// The workers that are to be started; other effects are left out.
pub(crate) fn starts(engine: &mut Engine) -> Vec<WorkerId> {
    let start = |effect| match effect {
        Effect::Start(id) => Some(id),
        _ => None,
    };
    effects(engine).into_iter().filter_map(start).collect()
}

pub(crate) fn get_ready(
    engine: &mut Engine,
    now: u64,
    worker: WorkerId,
    capabilities: Capabilities,
) {
    let ready = Event::Ready {
        worker,
        capabilities,
    };
    engine.handle(now, ready);
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

pub(crate) fn began(worker: WorkerId, entry: u64, at_ns: u64) -> Event {
    Event::Began {
        worker,
        entry,
        at_ns,
    }
}

/// Entries have finished, and took a microsecond each.
pub(crate) fn finished(worker: WorkerId, entries: Range<u64>) -> Event {
    Event::Finished {
        worker,
        ran_ns: 1000 * (entries.end - entries.start),
        entries,
        rss: 0,
    }
}

pub(crate) fn recalled(worker: WorkerId, entries: Range<u64>) -> Event {
    Event::Recalled { worker, entries }
}

pub(crate) fn died(worker: WorkerId, death: Death) -> Event {
    Event::Died {
        worker,
        death,
        not_begun: false,
    }
}

pub(crate) fn start_failed(worker: WorkerId, permanent: bool) -> Event {
    Event::StartFailed { worker, permanent }
}

pub(crate) fn resolved(task: TaskId, outcome: Outcome) -> Effect {
    Effect::Resolve { task, outcome }
}
