//! Reduces each corpus to the inputs that reach the most code, and removes the others.
//!
//! The repository keeps few inputs for each target; the fuzzer finds thousands. `fuzz/README.md` has
//! the command: this program has to be built with the compiler's counters, one for each branch.
//! Inputs made by the example `seeds` are always kept.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use hostile::{TARGETS, Target};

/// One reached place in the code: the number of its counter, and the magnitude of the count.
type Feature = (usize, u32);

/// One input of a corpus and what it reaches.
struct Candidate {
    path: PathBuf,
    len: usize,
    features: BTreeSet<Feature>,
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let corpus = arguments.next().expect("the directory of the corpora");
    let limit = arguments.next().map_or(60, |text| {
        text.parse().expect("the number of inputs to keep")
    });
    for target in TARGETS {
        reduce(target, &Path::new(&corpus).join(target.name), limit);
    }
}

/// Keeps at most `limit` inputs: first those that add branches, then those that add magnitudes.
fn reduce(target: &Target, directory: &Path, limit: usize) {
    let mut candidates = candidates(target, directory);
    let total = candidates.len();
    let reachable = union(&candidates);
    let (mut kept, rest): (Vec<_>, Vec<_>) = candidates.drain(..).partition(|candidate| {
        let name = candidate.path.file_name().unwrap_or_default();
        name.to_string_lossy().starts_with("seed-")
    });
    candidates = rest;
    let mut reached = union(&kept);
    while kept.len() < limit {
        let branches = branches(&reached);
        let best = (0..candidates.len()).max_by_key(|&at| {
            let candidate = &candidates[at];
            let new = candidate.features.difference(&reached);
            let new_branches = new.clone().filter(|(at, _)| !branches.contains(at)).count();
            (new_branches, new.count(), std::cmp::Reverse(candidate.len))
        });
        let Some(best) = best else { break };
        if candidates[best].features.is_subset(&reached) {
            break;
        }
        let best = candidates.swap_remove(best);
        reached.extend(&best.features);
        kept.push(best);
    }
    for candidate in &candidates {
        fs::remove_file(&candidate.path).expect("an input that can be removed");
    }
    println!(
        "{}: {} of {total} inputs kept; {} of {} branches, {} of {} branches by magnitude",
        target.name,
        kept.len(),
        branches(&reached).len(),
        branches(&reachable).len(),
        reached.len(),
        reachable.len(),
    );
}

fn candidates(target: &Target, directory: &Path) -> Vec<Candidate> {
    let mut paths: Vec<_> = fs::read_dir(directory)
        .expect("a corpus")
        .map(|entry| entry.expect("an entry of the corpus").path())
        .collect();
    paths.sort();
    let candidate = |path: PathBuf| {
        let input = fs::read(&path).expect("an input that can be read");
        // What happens once in a process (detection of the processor, say) is no input's merit.
        (target.run)(&input);
        counters(|_, counter| *counter = 0);
        (target.run)(&input);
        let mut features = BTreeSet::new();
        counters(|at, counter| {
            if *counter > 0 {
                features.insert((at, counter.ilog2()));
            }
        });
        Candidate {
            path,
            len: input.len(),
            features,
        }
    };
    paths.into_iter().map(candidate).collect()
}

fn union(candidates: &[Candidate]) -> BTreeSet<Feature> {
    candidates
        .iter()
        .flat_map(|candidate| candidate.features.iter().copied())
        .collect()
}

fn branches(features: &BTreeSet<Feature>) -> BTreeSet<usize> {
    features.iter().map(|&(at, _)| at).collect()
}

/// Addresses of the first counter and of the end.
static COUNTERS: OnceLock<(usize, usize)> = OnceLock::new();

/// Shows each counter to `visit`.
fn counters(mut visit: impl FnMut(usize, &mut u8)) {
    let &(start, end) = COUNTERS
        .get()
        .expect("built without counters; fuzz/README.md has the command");
    for at in 0..end - start {
        let address = (start + at) as *mut u8;
        // SAFETY: the compiler's runtime interface reports one array of bytes, which lives as long
        // as the program and which this program's only thread reads and writes.
        unsafe {
            let mut counter = address.read_volatile();
            visit(at, &mut counter);
            address.write_volatile(counter);
        }
    }
}

/// Called before `main` where the program is built with counters (SanitizerCoverage's
/// `inline-8bit-counters`).
///
/// # Safety
/// `start` and `end` enclose an array that lives as long as the program.
#[unsafe(no_mangle)]
unsafe extern "C" fn __sanitizer_cov_8bit_counters_init(start: *mut u8, end: *mut u8) {
    COUNTERS.get_or_init(|| (start as usize, end as usize));
}
