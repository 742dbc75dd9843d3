//! The types of everything Handoff prints as JSON, and the one way it reads and writes counts.
//!
//! They are a crate of their own so that readers of the output (xtask, a test, another program) share
//! the writer's types and nothing else of it. There is no logic here: gathering the
//! figures, and deciding what they mean, belongs to the programs.
//!
//! | type | printed or saved by |
//! | --- | --- |
//! | [`Sum`] | `coordinator sum --format json` |
//! | [`Traits`] | `coordinator traits --format json` |
//! | [`Doctor`] | `coordinator doctor --format json` |
//! | [`Matrix`], [`Limits`], [`Peers`] | `cargo xtask matrix`, `limits`, `peers` |
//! | [`Bench`] | `cargo xtask matrix --job`, and benchmarks of one's own task |
//! | [`Machine`] | all of them: where it was measured |
//!
//! ```
//! use report::{StartMethod, Transport, format_count, parse_count};
//!
//! assert_eq!(parse_count("200M")?, 200_000_000);
//! assert_eq!(format_count(200_000_000), "200_000_000");
//! assert_eq!("forkserver".parse::<StartMethod>()?, StartMethod::ForkServer);
//! assert_eq!(Transport::Mmap.to_string(), "mmap");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Units are the same everywhere: seconds and bytes, unless a name ends in another unit.

mod axes;
mod bench;
mod chaos;
mod count;
mod doctor;
mod duration;
mod limits;
mod machine;
mod matrix;
mod peers;
mod process;
mod rank;
mod seconds;
mod spans;
mod spread;
mod sum;
mod traits;

pub use axes::{ParseAxisError, StartMethod, Transport};
pub use bench::{
    Bench, BenchJob, BenchKey, BenchRow, BenchRun, BenchSummary, BenchUse, HandOver, Runner,
};
pub use chaos::{Chaos, ChaosFailure, ChaosFault, ChaosRounds};
pub use count::{ParseCountError, format_count, parse_count};
pub use doctor::{Doctor, Finding, Grade, PerPages, Trial};
pub use duration::{ParseDurationError, parse_duration};
pub use limits::{Limit, LimitData, Limits, Pages, Touch, Unit, Width};
pub use machine::{HugePages, Machine};
pub use matrix::{
    Adaptive, Baseline, BaselineRound, Beside, Cell, CellReport, CellRun, CellSummary, CellTime,
    Matrix, PlainReport, PlainRun, Reuse, ReuseRun, TwoModes,
};
pub use peers::{
    AloneLine, AloneRow, CostLines, ExecutorFigures, ExecutorRow, ExecutorsLine, ForkedLine,
    ForkedRound, ForkedRow, PeerLine, PeerPair, PeerRow, PeerSeconds, Peers, PoolLine, RateLine,
    RateRow, SkippedExecutor, SkippedPeer,
};
pub use process::{Coordinator, Ended, Event, Memory, What};
pub use rank::{ClockOffset, Rank};
pub use seconds::Seconds;
pub use spans::{Activity, Phase, Span, activities, phases};
pub use spread::Spread;
pub use sum::{Dataset, MemoryReport, Plan, Sum, SumResult, Worker};
pub use traits::{StartLatency, TraitCell, TraitCells, TraitRow, TraitStatement, Traits, Verdict};

/// The number that stands as `schema` in every report of this version.
///
/// It grows when a key changes its meaning or goes; a new key alone does not change it.
pub const SCHEMA: u32 = 1;
