//! Regions that tasks refer to.

use super::Shell;
use crate::failure::SubmitError;
use crate::ids::WorkerId;
use crate::input::Input;
use crate::region::Region;
use wire::{RegionId, ToWorker};

impl Shell {
    /// Attaches a region. Workers receive it when they first need it.
    pub fn attach(&mut self, id: RegionId, region: Region) {
        self.regions.insert(id, region);
    }

    /// Detaches a region; workers release it.
    pub fn detach(&mut self, region: RegionId) {
        if self.regions.remove(&region).is_none() {
            return;
        }
        let mut told: Vec<WorkerId> = Vec::new();
        for worker in self.crew.workers.values_mut() {
            if worker.connection.knows.remove(&region) {
                let _ = worker.connection.outbox.push(&ToWorker::Detach { region });
                told.push(worker.id);
            }
        }
        for id in told {
            self.pump(id);
        }
    }

    /// A worker could not use the input of its call. Where that is a part of a region, it may have lacked a
    /// descriptor or memory when the region was introduced: the next call on it introduces it again.
    pub(super) fn introduce_again(&mut self, key: engine::WorkerId, input: &Input) {
        let Input::Slice { region, .. } = input else {
            return;
        };
        let id = self.crew.names.get(key.index()).copied();
        if let Some(worker) = id.and_then(|id| self.crew.workers.get_mut(&id)) {
            worker.connection.knows.remove(region);
        }
    }

    /// Refuses slices that are out of reach.
    pub(super) fn check_reach(&self, input: &Input) -> Result<(), SubmitError> {
        let &Input::Slice {
            region,
            offset,
            len,
        } = input
        else {
            return Ok(());
        };
        let why = match self.regions.get(&region) {
            None => "no such region is attached",
            Some(known) if offset.checked_add(len).is_none_or(|end| end > known.len()) => {
                "outside the region"
            }
            Some(_) => return Ok(()),
        };
        Err(SubmitError::Input {
            region,
            offset,
            len,
            why,
        })
    }
}
