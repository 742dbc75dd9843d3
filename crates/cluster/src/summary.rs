//! The report of the whole job, from what its ranks have told.

use crate::cli::SumArgs;
use crate::rank::Told;
use crate::shards::Shards;
use coordinator::machine::machine;
use coordinator::sum::sum_int;
use coordinator::timeline::Clock;
use report::{Dataset, MemoryReport, Seconds, Sum, SumResult};
use worker::sum::Partial;
use worker::sum::hex::float_hex;

/// What came together on rank 0.
pub(crate) struct Gathered {
    /// Of each rank in order.
    pub(crate) told: Vec<Told>,
    /// Seconds that it took.
    pub(crate) gather: f64,
}

/// The report. Phases are those of the rank that took longest over them.
pub(crate) fn summary(
    args: &SumArgs,
    shards: &Shards,
    sum: &Partial,
    gathered: Gathered,
    clock: &Clock,
) -> Sum {
    let Gathered { told, gather } = gathered;
    let longest = |phase: fn(&Seconds) -> f64| {
        let of_ranks = told.iter().map(|told| phase(&told.rank.seconds));
        of_ranks.fold(0.0, f64::max)
    };
    let seconds = Seconds {
        load: longest(|seconds| seconds.load),
        share: longest(|seconds| seconds.share),
        start: longest(|seconds| seconds.start),
        run: longest(|seconds| seconds.run),
        total: longest(|seconds| seconds.total),
        gather: Some(gather),
        end_to_end: clock.seconds(),
        repeats: Vec::new(),
        void: told.iter().any(|told| told.rank.seconds.void),
    };
    let value = sum.value();
    Sum {
        schema: report::SCHEMA,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        protocol: pool::PROTOCOL,
        machine: machine(),
        dataset: Dataset {
            path: shards.shards[0].path.display().to_string(),
            shards: Some(shards.shards.len() as u64),
            records: shards.records(),
            itemsize: shards.itemsize,
            field: shards.field.clone(),
            bytes: shards.records() * shards.itemsize,
        },
        plan: report::Plan {
            start_method: Some(args.start_method),
            transport: args.transport,
            workers: told.iter().map(|told| told.rank.workers).sum(),
            batches: told.iter().map(|told| told.batches).sum(),
        },
        result: SumResult {
            sum: value.is_finite().then_some(value),
            sum_hex: float_hex(value),
            sum_int: sum_int(sum, &shards.column),
            count: sum.count(),
            nan_count: sum.nan_count(),
        },
        retries: told.iter().map(|told| told.retries).sum(),
        seconds,
        memory: MemoryReport {
            coordinator: told[0].rank.memory,
            workers: told.iter().flat_map(|told| told.memory.clone()).collect(),
        },
        coordinator: told[0].rank.coordinator.clone(),
        workers: told.iter().flat_map(|told| told.workers.clone()).collect(),
        ranks: told.into_iter().map(|told| told.rank).collect(),
    }
}
