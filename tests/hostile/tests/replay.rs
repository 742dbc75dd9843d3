//! Replays the fuzzer's corpus and mutations of it, from a fixed seed, on stable Rust.
//!
//! `HANDOFF_FUZZ_SEED` selects other mutations; `HANDOFF_FUZZ_FACTOR` multiplies their number.

use hostile::{Gauge, Mutator, TARGETS, Target};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

#[global_allocator]
static GAUGE: Gauge = Gauge;

/// An input that takes longer hangs. The slowest takes a hundredth of it.
const DEADLINE: Duration = Duration::from_secs(20);

/// The repository keeps no more inputs for one target; the example `fewest` selects them.
const MAX_INPUTS: usize = 60;

/// One test, since the targets share the panic hook of the process.
#[test]
fn the_corpus_and_mutations_of_it() {
    let seed = setting("HANDOFF_FUZZ_SEED", 1);
    let factor = setting("HANDOFF_FUZZ_FACTOR", 1);
    for target in TARGETS {
        let corpus = corpus(target.name);
        for input in &corpus {
            run(target, input);
        }
        let mut mutator = Mutator::new(seed);
        for _ in 0..u64::from(target.mutations) * factor {
            run(target, &mutator.next(&corpus));
        }
    }
}

fn run(target: &Target, input: &[u8]) {
    let began = Instant::now();
    let ran = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    let took = began.elapsed();
    if let Err(payload) = ran {
        let message = payload
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| payload.downcast_ref().copied());
        panic!(
            "{} fails: {} (input {input:02x?})",
            target.name,
            message.unwrap_or("a panic without words")
        );
    }
    assert!(
        took < DEADLINE,
        "{} took {took:?} for {input:02x?}",
        target.name
    );
}

/// The inputs kept for a target, in the order of their names.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(name);
    let mut paths: Vec<_> = fs::read_dir(&directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty", directory.display());
    assert!(
        paths.len() <= MAX_INPUTS,
        "{} has {} inputs, more than {MAX_INPUTS}: fuzz/README.md says how to reduce them",
        directory.display(),
        paths.len()
    );
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}
