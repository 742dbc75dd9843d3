//! The rules hold for some seeds, and a seed is a run.

use simulate::{Options, run};

#[test]
fn the_rules_hold() {
    for seed in 0..2_000 {
        if let Err(failure) = simulate::run_traced(seed, Options::default()) {
            panic!("{failure}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 0..50 {
        let first = run(seed, Options::default()).expect("no rule is broken");
        let again = run(seed, Options::default()).expect("no rule is broken");
        assert_eq!(first.events, again.events);
        assert_eq!(first.tasks, again.tasks);
        assert_eq!(first.workers, again.workers);
    }
}

#[test]
fn a_seed_has_about_a_thousand_events() {
    let seeds = 500;
    let events: u64 = (0..seeds)
        .map(|seed| {
            run(seed, Options::default())
                .expect("no rule is broken")
                .events
        })
        .sum();
    let mean = events / seeds;
    assert!((500..5_000).contains(&mean), "{mean} events a seed");
}
