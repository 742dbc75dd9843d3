//! The simulation finds nothing wrong, says the same for the same seed, finds every deliberate defect, and reaches
//! what it is meant to reach.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use holds::Defect;
use holds::sim::{Counts, run, run_defect};

const STEPS: u32 = 200;

/// Ends the test program if the returned value still lives after ten minutes.
fn watchdog() -> Sender<()> {
    let (alive, ended) = channel();
    std::thread::spawn(move || {
        if ended.recv_timeout(Duration::from_secs(600)) == Err(RecvTimeoutError::Timeout) {
            eprintln!("a simulation does not end");
            std::process::abort();
        }
    });
    alive
}

#[test]
fn random_runs_keep_every_rule() {
    let _watchdog = watchdog();
    let mut sum = Counts::default();
    for seed in 0..400 {
        let counts = run(seed, STEPS).unwrap_or_else(|failure| panic!("{failure}"));
        sum.workers += counts.workers;
        sum.deaths += counts.deaths;
        sum.results += counts.results;
        sum.arrays += counts.arrays;
        sum.lies += counts.lies;
        sum.believed += counts.believed;
    }
    // A simulation in which nothing happens finds nothing.
    assert!(sum.workers > 400 && sum.deaths == sum.workers, "{sum:?}");
    assert!(
        sum.results > 2000 && sum.arrays > 2000 && sum.lies > 1000 && sum.believed > 50,
        "{sum:?}"
    );
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let _watchdog = watchdog();
    for seed in 0..20 {
        assert_eq!(run(seed, STEPS), run(seed, STEPS));
    }
}

#[test]
fn every_deliberate_defect_is_found() {
    let _watchdog = watchdog();
    // Some defects are found by an assertion of the state machine itself: not worth a report each.
    std::panic::set_hook(Box::new(|_| {}));
    let mut missed = Vec::new();
    for defect in Defect::ALL {
        let found = (0..10_000).find(|&seed| {
            catch_unwind(AssertUnwindSafe(|| run_defect(seed, STEPS, defect)))
                .map_or(true, |result| result.is_err())
        });
        match found {
            Some(seed) => {
                assert!(
                    run(seed, STEPS).is_ok(),
                    "seed {seed} fails without {defect:?}, too"
                );
                println!("{defect:?}: seed {seed}");
            }
            None => missed.push(defect),
        }
    }
    let _ = std::panic::take_hook();
    assert!(missed.is_empty(), "not found in 10,000 seeds: {missed:?}");
}
