//! Recalls of what a worker has ahead, and when not to repeat them.

use crate::fixtures::{LANE, TASK, effects, pull, ready, submit, teach};
use engine::{Effect, Event};

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
