//! Whether children repeat each other's random numbers.

use crate::experiments::traits::claim::{Claim, Methods, Parent, ours};
use report::TraitStatement;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::File;
use std::hash::{BuildHasher, RandomState as HashKeys};
use std::io::Read;

pub(in super::super) struct RandomState;

/// What one child drew.
#[derive(Debug, Serialize, Deserialize)]
pub(in super::super) struct Drawn {
    /// From state that this process holds: the keys of Rust's hash maps.
    held: u64,
    /// From the kernel.
    kernel: u64,
}

/// How many numbers differed.
#[derive(Debug, Serialize, Deserialize)]
pub(in super::super) struct Seen {
    children: usize,
    held: usize,
    kernel: usize,
}

impl Claim for RandomState {
    const NAME: &'static str = "random-state";
    const TITLE: &'static str = "Random-number state";
    const MEASURED: &'static str = "the parent, or the forkserver, has drawn from state that it \
        holds (the keys of Rust's hash maps); then each child draws from its own copy, and from \
        the kernel, and the different numbers are counted";
    const SETTINGS: &'static [(&'static str, u64)] = &[("children", 3)];
    type Ask = ();
    type Answer = Drawn;
    type Seen = Seen;

    fn probe(parent: &mut Parent<Self>) -> anyhow::Result<Seen> {
        draw();
        let mut drawn = Vec::new();
        for _ in 0..parent.setting("children") {
            drawn.push(parent.child(&())?);
        }
        let distinct = |number: fn(&Drawn) -> u64| {
            let numbers: BTreeSet<u64> = drawn.iter().map(number).collect();
            numbers.len()
        };
        Ok(Seen {
            children: drawn.len(),
            held: distinct(|drawn| drawn.held),
            kernel: distinct(|drawn| drawn.kernel),
        })
    }

    fn prepare() {
        draw();
    }

    fn child((): ()) -> anyhow::Result<Drawn> {
        let mut kernel = [0; 8];
        File::open("/dev/urandom")?.read_exact(&mut kernel)?;
        Ok(Drawn {
            held: draw(),
            kernel: u64::from_ne_bytes(kernel),
        })
    }

    fn cell(seen: &Seen) -> String {
        format!(
            "{} children draw {} different numbers from inherited state, {} from the kernel",
            seen.children, seen.held, seen.kernel
        )
    }

    fn judge(seen: &Methods<Seen>) -> Vec<TraitStatement> {
        let repeated = |seen: &Seen| seen.children > 1 && seen.held == 1;
        let all = [&seen.fork, &seen.spawn, &seen.forkserver];
        vec![
            ours(
                "forked children repeat each other's random numbers",
                repeated(&seen.fork),
            ),
            ours(
                "spawned children draw each their own",
                seen.spawn.held == seen.spawn.children,
            ),
            ours(
                "a forkserver's children repeat each other's, once it has drawn itself",
                repeated(&seen.forkserver),
            ),
            ours(
                "numbers from the kernel are never repeated",
                all.iter().all(|seen| seen.kernel == seen.children),
            ),
        ]
    }
}

/// The next number that this process's state gives.
fn draw() -> u64 {
    HashKeys::new().hash_one(0)
}
