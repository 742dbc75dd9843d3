//! Each deliberate defect is found: a simulation that finds nothing would prove nothing.

#![cfg(feature = "defects")]

use engine::Defect;
use simulate::{Options, run};

/// Seeds within which every defect has to be found.
const SEEDS: u64 = 10_000;

#[test]
fn every_defect_is_found() {
    let mut missed = Vec::new();
    for (defect, rule) in Defect::ALL {
        let options = Options {
            defect: Some(defect),
            ..Options::default()
        };
        let found = (0..SEEDS).find_map(|seed| run(seed, options).err());
        match found {
            Some(failure) => println!("{defect:?} (rule {rule}): {failure}"),
            None => missed.push(defect),
        }
    }
    assert!(
        missed.is_empty(),
        "not found within {SEEDS} seeds: {missed:?}"
    );
}

#[test]
fn every_rule_has_two_defects() {
    for rule in 1..=12 {
        let count = Defect::ALL.iter().filter(|(_, of)| *of == rule).count();
        assert!(count >= 2, "rule {rule} has {count} defects");
    }
}
