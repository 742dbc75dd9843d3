//! Transports: how the dataset's bytes reach the workers. One transport, one file.
//!
//! The pool knows inputs and regions; here a transport becomes those. Each goes through the same
//! steps: load (before workers start), share (before batches are dispatched), inputs.

mod bytes;
mod inherit;
mod mmap;
mod serde;
mod shm;

use super::source::Source;
use super::step::Progress;
use crate::exit::Failure;
use pool::{Builder, Input, Pool, ReduceError, RegionId};
use report::Transport;
use shmem::PrivateMemory;
use std::ops::Range;
use worker::sum::Partial;
use worker::{Nansum, NansumRecords, NansumRecordsArgs};

/// Records on their way to the workers.
pub struct Handover(Stage);

enum Stage {
    /// Nothing is done yet, and need not be before workers start.
    Planned,
    /// Read into memory that forked workers will inherit.
    Loaded(inherit::Loaded),
    /// Accessible to the workers as a region that begins `before` bytes before the first of them.
    Region { region: RegionId, before: u64 },
    /// To be streamed.
    Stream(pool::Stream),
    /// To be streamed as encoded records.
    Records(serde::Encoded),
}

impl Handover {
    /// Checks that there is room for what the transport needs.
    pub(super) fn reserve(source: &Source) -> anyhow::Result<()> {
        match source.transport {
            Transport::Shm => shm::reserve(source.len()),
            Transport::Inherit => Ok(PrivateMemory::check_room(source.len())?),
            // Two take a batch's part at a time, the third reads what it cannot map.
            Transport::Bytes | Transport::Serde | Transport::Mmap => Ok(()),
        }
    }

    /// What has to happen before workers start.
    ///
    /// # Errors
    /// Where the records cannot be read, or `progress` broke off.
    pub fn load(source: &Source, progress: &mut Progress<'_>) -> Result<Handover, Failure> {
        Ok(Handover(match source.transport {
            Transport::Inherit => Stage::Loaded(inherit::load(source, progress)?),
            _ => Stage::Planned,
        }))
    }

    /// Gives the pool what its workers inherit.
    pub(super) fn attach_first(&mut self, builder: Builder) -> Builder {
        let Stage::Loaded(loaded) = &self.0 else {
            return builder;
        };
        let (builder, region) = builder.attach(loaded.region());
        self.0 = Stage::Region { region, before: 0 };
        builder
    }

    /// Makes the data accessible to the workers; says what was done if that took any work.
    ///
    /// # Errors
    /// Where a segment cannot be made or filled, or `progress` broke off.
    pub fn share(
        self,
        source: &Source,
        pool: &mut Pool,
        progress: &mut Progress<'_>,
    ) -> Result<(Handover, Option<String>), Failure> {
        let (stage, said) = match source.transport {
            Transport::Bytes => (Stage::Stream(bytes::stream(source)?), None),
            Transport::Serde => (Stage::Records(serde::Encoded::of(source)?), None),
            Transport::Shm => {
                let (region, said) = shm::share(source, pool, progress)?;
                (Stage::Region { region, before: 0 }, Some(said))
            }
            Transport::Mmap => {
                let (region, before) = mmap::attach(source, pool)?;
                (Stage::Region { region, before }, None)
            }
            // Workers have it since they were forked.
            Transport::Inherit => (self.0, None),
        };
        Ok((Handover(stage), said))
    }

    /// Dispatches `records`, all or some of the source's, in `batches` batches, and merges their
    /// results.
    ///
    /// # Errors
    /// As [`Pool::reduce`].
    pub fn reduce(
        &self,
        source: &Source,
        records: Range<u64>,
        batches: u64,
        pool: &mut Pool,
    ) -> Result<Partial, ReduceError> {
        debug_assert!(source.records.start <= records.start && records.end <= source.records.end);
        let first = records.start - source.records.start;
        let batches = dataset::batches(records.end - records.start, batches)
            .map(|batch| first + batch.start..first + batch.end);
        match source.study_field {
            Some(field) => {
                let inputs = batches.map(|batch| self.input(source, batch));
                pool.reduce::<NansumRecords>(&NansumRecordsArgs { field }, inputs)
            }
            None => {
                let inputs = batches.map(|batch| self.input(source, batch));
                pool.reduce::<Nansum>(&source.column, inputs)
            }
        }
    }

    /// The input of one batch, which counts from the first of the source's records.
    fn input(&self, source: &Source, batch: Range<u64>) -> Input {
        let itemsize = source.itemsize();
        let (offset, len) = (batch.start * itemsize, (batch.end - batch.start) * itemsize);
        match &self.0 {
            Stage::Region { region, before } => Input::Slice {
                region: *region,
                offset: before + offset,
                len,
            },
            Stage::Stream(stream) => Input::Stream(bytes::part(stream, offset, len)),
            Stage::Records(records) => Input::Stream(records.part(batch)),
            Stage::Planned | Stage::Loaded(_) => {
                unreachable!("batches are dispatched after the data was shared")
            }
        }
    }

    /// Releases the data.
    pub fn release(self, pool: &mut Pool) {
        if let Stage::Region { region, .. } = self.0 {
            pool.detach(region);
        }
    }
}
