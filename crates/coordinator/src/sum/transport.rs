//! Transports: how the dataset's bytes reach the workers. One transport, one file.
//!
//! The pool knows inputs and regions; here a transport becomes those. Each goes through the same
//! steps: load (before workers start), share (before batches are handed out), inputs.

mod bytes;
mod inherit;
mod mmap;
mod serde;
mod shm;

use super::plan::Plan;
use crate::exit::Failure;
use pool::{Builder, Input, Pool, ReduceError, RegionId};
use report::Transport;
use std::ops::{ControlFlow, Range};
use worker::sum::Partial;
use worker::{Nansum, NansumRecords, NansumRecordsArgs};

/// Told of bytes done so far; may break the step off.
pub(super) type Progress<'a> = dyn FnMut(u64) -> ControlFlow<()> + 'a;

/// A dataset on its way to the workers.
pub(super) enum Handover {
    /// Nothing is done yet, and need not be before workers start.
    Planned,
    /// Read into memory that forked workers will inherit.
    Loaded(inherit::Loaded),
    /// In reach of the workers as a region that begins so many bytes before the first record.
    Region { region: RegionId, before: u64 },
    /// To be streamed.
    Stream(pool::Stream),
    /// To be streamed as encoded records.
    Records(serde::Source),
}

impl Handover {
    /// What has to happen before workers start.
    pub(super) fn load(plan: &Plan, progress: &mut Progress<'_>) -> Result<Handover, Failure> {
        Ok(match plan.transport {
            Transport::Inherit => Handover::Loaded(inherit::load(plan, progress)?),
            _ => Handover::Planned,
        })
    }

    /// Gives the pool what its workers are to be born with.
    pub(super) fn attach_first(&self, builder: Builder) -> Builder {
        match self {
            // The first region of a pool is number 1.
            Handover::Loaded(loaded) => builder.attach(loaded.region()).0,
            _ => builder,
        }
    }

    /// Puts the data in reach of the workers; says what was done if that took any work.
    pub(super) fn share(
        self,
        plan: &Plan,
        pool: &mut Pool,
        progress: &mut Progress<'_>,
    ) -> Result<(Handover, Option<String>), Failure> {
        Ok(match plan.transport {
            Transport::Bytes => (Handover::Stream(bytes::stream(plan)?), None),
            Transport::Serde => (Handover::Records(serde::Source::of(plan)?), None),
            Transport::Shm => {
                let (region, said) = shm::share(plan, pool, progress)?;
                (Handover::Region { region, before: 0 }, Some(said))
            }
            Transport::Mmap => {
                let (region, before) = mmap::attach(plan, pool)?;
                (Handover::Region { region, before }, None)
            }
            Transport::Inherit => (
                Handover::Region {
                    region: inherit::REGION,
                    before: 0,
                },
                None,
            ),
        })
    }

    /// Hands all batches out and merges their results.
    pub(super) fn reduce(&self, plan: &Plan, pool: &mut Pool) -> Result<Partial, ReduceError> {
        let batches = dataset::batches(plan.dataset.records(), plan.batches);
        match plan.study_field {
            Some(field) => {
                let inputs = batches.map(|batch| self.input(plan, batch));
                pool.reduce::<NansumRecords>(&NansumRecordsArgs { field }, inputs)
            }
            None => {
                let inputs = batches.map(|batch| self.input(plan, batch));
                pool.reduce::<Nansum>(&plan.column, inputs)
            }
        }
    }

    /// The input of one batch.
    fn input(&self, plan: &Plan, batch: Range<u64>) -> Input {
        let itemsize = plan.dataset.layout().itemsize as u64;
        let (offset, len) = (batch.start * itemsize, (batch.end - batch.start) * itemsize);
        match self {
            Handover::Region { region, before } => Input::Slice {
                region: *region,
                offset: before + offset,
                len,
            },
            Handover::Stream(stream) => Input::Stream(bytes::part(stream, offset, len)),
            Handover::Records(source) => Input::Stream(source.part(batch)),
            Handover::Planned | Handover::Loaded(_) => {
                unreachable!("batches are handed out after the data was shared")
            }
        }
    }

    /// Lets go of the data.
    pub(super) fn let_go(self, pool: &mut Pool) {
        if let Handover::Region { region, .. } = self {
            pool.detach(region);
        }
    }
}
