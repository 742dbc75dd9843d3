//! Hostile bytes: what every decoder of ours must handle, whatever the bytes are.
//!
//! Each target takes bytes, does with them what a peer or a file could make us do, and panics if
//! a guarantee is broken: no panic, no hang, no memory beyond the bound, decoders that agree. The
//! same targets serve the coverage-guided fuzzer (`fuzz/`, nightly) and the test that replays and
//! mutates its corpus (`tests/replay.rs`, stable).

mod arrays;
mod frames;
mod gauge;
mod header;
mod messages;
mod mutate;
mod pieces;
mod regions;
mod serving;

pub use gauge::Gauge;
pub use mutate::Mutator;

/// A decoder, or a loop around one, that takes bytes from outside.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, and that of its corpus under `fuzz/corpus`.
    pub name: &'static str,
    /// Takes one input; panics if a guarantee is broken.
    pub run: fn(&[u8]),
    /// How many mutated inputs the test tries: fewer where one takes longer.
    pub mutations: u32,
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target {
        name: "lane",
        run: wire::lane::hostile::run,
        mutations: 60_000,
    },
    Target {
        name: "arrays",
        run: arrays::run,
        mutations: 4_000,
    },
    Target {
        name: "frames",
        run: frames::run,
        mutations: 60_000,
    },
    Target {
        name: "messages",
        run: messages::run,
        mutations: 200_000,
    },
    Target {
        name: "header",
        run: header::run,
        mutations: 60_000,
    },
    Target {
        name: "regions",
        run: regions::run,
        mutations: 20_000,
    },
    Target {
        name: "serving",
        run: serving::run,
        mutations: 10_000,
    },
];

/// The target of that name.
///
/// # Panics
/// Where there is none.
pub fn target(name: &str) -> Target {
    *TARGETS
        .iter()
        .find(|target| target.name == name)
        .unwrap_or_else(|| panic!("no target {name}"))
}
