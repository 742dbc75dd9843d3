//! The runs that faults are injected into.

use fastrand::Rng;
use report::{StartMethod, Transport};

/// What is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Work {
    /// `coordinator sum`.
    Sum(SumWork),
    /// `mixed-load`.
    Load(LoadWork),
}

/// A run of `coordinator sum`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SumWork {
    pub(crate) start_method: StartMethod,
    pub(crate) transport: Transport,
    pub(crate) workers: u32,
    pub(crate) batches: u32,
    pub(crate) repeat: u32,
    pub(crate) retries: u32,
    pub(crate) timeout_ms: Option<u64>,
    pub(crate) json: bool,
    pub(crate) sandbox: bool,
}

/// A run of `mixed-load`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LoadWork {
    pub(crate) start_method: StartMethod,
    pub(crate) workers: u32,
    pub(crate) tasks: u32,
    pub(crate) retries: u32,
    pub(crate) timeout_ms: u64,
    pub(crate) seed: u64,
    pub(crate) background: bool,
}

impl SumWork {
    /// Some combination that can work.
    pub(crate) fn derive(random: &mut Rng) -> SumWork {
        let transport = Transport::ALL[random.usize(0..Transport::ALL.len())];
        let start_method = match transport {
            Transport::Inherit => StartMethod::Fork,
            _ => StartMethod::ALL[random.usize(0..StartMethod::ALL.len())],
        };
        SumWork {
            start_method,
            transport,
            workers: [1, 2, 2, 3, 4, 8][random.usize(0..6)],
            batches: [1, 2, 7, 50, 400][random.usize(0..5)],
            repeat: [1, 1, 3, 30][random.usize(0..4)],
            retries: random.u32(0..4),
            timeout_ms: (random.u8(0..4) == 0).then(|| random.u64(2000..20_000)),
            json: random.u8(0..4) > 0,
            sandbox: random.u8(0..6) == 0,
        }
    }
}

impl LoadWork {
    /// Some combination that can work.
    pub(crate) fn derive(random: &mut Rng) -> LoadWork {
        let background = random.u8(0..3) == 0;
        LoadWork {
            start_method: StartMethod::ALL[random.usize(usize::from(background)..3)],
            workers: random.u32(1..=6),
            tasks: [20, 100, 400, 2000][random.usize(0..4)],
            retries: random.u32(0..4),
            timeout_ms: random.u64(200..600),
            seed: random.u64(0..1_000_000),
            background,
        }
    }
}
