//! Workers as the books know them: from before they are started until their death is confirmed.

use super::super::error::ArrayError;
use super::COORDINATOR;
use super::state::{State, books};
use holds::{Access, RegionId, RegionKind, Start, Worker};
use shmem::Arena;
use std::os::fd::OwnedFd;

/// A worker that shares memory with this process. To be dropped when its death is confirmed: then its
/// memory may be used again.
#[derive(Debug)]
pub struct Member {
    pub(super) worker: Worker,
    arena: Option<RegionId>,
}

/// An arena that a worker has to be sent before it is referred to.
#[derive(Debug)]
pub struct Attachment {
    /// Its number in tables.
    pub region: u32,
    /// Its size, bytes.
    pub size: u64,
    /// To be handed over; whether it may be written to is in its mode.
    pub fd: OwnedFd,
    /// Whether the worker allocates its results there.
    pub own: bool,
}

impl Member {
    /// For a worker that is about to be started, with an arena of its own of `arena_bytes`. Where it will be
    /// `forked`, nothing may be allocated before it is.
    ///
    /// # Errors
    /// The arena cannot be created.
    pub fn new(forked: bool, arena_bytes: u64) -> Result<Member, ArrayError> {
        let arena = Arena::create(arena_bytes)?;
        super::install();
        COORDINATOR
            .open(|state| {
                let worker = state.next_worker();
                let start = Start {
                    forked,
                    writable: true,
                };
                state.holds.add_worker(worker, start).map_err(books)?;
                match state.add_region(arena, RegionKind::Worker(worker)) {
                    Ok(arena) => Ok((worker, arena)),
                    Err(error) => {
                        let _ = state.holds.died(worker);
                        state.forget_worker(worker);
                        Err(error)
                    }
                }
            })
            .map(|(worker, arena)| Member {
                worker,
                arena: Some(arena),
            })
    }

    /// The worker's own arena, to be sent with its set-up.
    ///
    /// # Errors
    /// Descriptors have run out.
    pub fn own_arena(&self) -> Result<Option<Attachment>, ArrayError> {
        let Some(region) = self.arena else {
            return Ok(None);
        };
        COORDINATOR
            .with(|state| attachment(state, region, Access::Write, true))
            .unwrap_or_else(gone)
            .map(Some)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        COORDINATOR.with(|state| {
            let died = state.holds.died(self.worker);
            debug_assert!(died.is_ok(), "{died:?}");
            state.execute();
            state.forget_worker(self.worker);
        });
    }
}

/// The descriptor of a region for a worker with that access.
pub(super) fn attachment(
    state: &State,
    region: RegionId,
    access: Access,
    own: bool,
) -> Result<Attachment, ArrayError> {
    let arena = state.arena(region.0);
    let arena = arena.ok_or_else(|| ArrayError::Books(format!("no arena {}", region.0)))?;
    let fd = match access {
        Access::Write => arena.writer().try_clone_to_owned(),
        Access::Read => arena.reader(),
    };
    let fd = fd.map_err(ArrayError::Descriptor)?;
    Ok(Attachment {
        region: region.0,
        size: arena.size(),
        fd,
        own,
    })
}

pub(super) fn gone<T>() -> Result<T, ArrayError> {
    Err(ArrayError::Books(
        "this process is a fork of the coordinator".to_owned(),
    ))
}
