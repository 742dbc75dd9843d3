//! Who really uses which bytes, whatever the state machine and the model believe.

use std::collections::BTreeMap;

use crate::{Entry, Range, RegionId, RegionKind};

use super::ground::Ground;
use super::model::cells;
use super::worker::{FromWorker, ToWorker};
use super::world::{Step, World};

/// How a cell is used.
#[derive(Clone, Copy, Default)]
struct Uses {
    readers: u32,
    writers: u32,
    /// Nobody may use it now, but somebody could still write to it or read it.
    pinned: bool,
}

struct Paint(BTreeMap<RegionId, Vec<Uses>>);

impl Paint {
    fn entry(&mut self, entry: &Entry) {
        self.each(entry.region, entry.range, |uses| {
            *(if entry.mutable {
                &mut uses.writers
            } else {
                &mut uses.readers
            }) += 1;
        });
    }

    fn pin(&mut self, region: RegionId, range: Range) {
        self.each(region, range, |uses| uses.pinned = true);
    }

    fn each(&mut self, region: RegionId, range: Range, change: impl Fn(&mut Uses)) {
        let found = self.0.get_mut(&region).into_iter().flatten();
        let cells = cells(range);
        found.skip(cells.start).take(cells.len()).for_each(change);
    }
}

impl World {
    /// A writer is alone; and what anybody uses is not free.
    pub(super) fn check_owners(&self) -> Step {
        let paint = self.paint();
        for (&id, uses) in &paint.0 {
            let model = &self.model.regions[&id];
            let arena = match model.kind {
                RegionKind::Worker(worker) => self.workers.get(&worker),
                _ => None,
            };
            // A worker's allocator knows what only the worker uses; after its death only blocks are in use.
            let used = match arena {
                Some(worker) if worker.rogue => continue,
                Some(worker) => Ground::used(worker.lent.alloc()),
                None => model.block.iter().map(|&block| block != 0).collect(),
            };
            for (cell, uses) in uses.iter().enumerate() {
                if uses.writers > 1 || (uses.writers > 0 && uses.readers > 0) {
                    let Uses {
                        writers, readers, ..
                    } = uses;
                    return Err(format!(
                        "cell {cell} of {id:?} has {writers} writers and {readers} readers"
                    ));
                }
                if !used[cell] && (uses.writers + uses.readers > 0 || uses.pinned) {
                    return Err(format!("cell {cell} of {id:?} is free and in use"));
                }
            }
            if let Some(worker) = arena {
                let free = worker.lent.alloc().free_ranges();
                if free.windows(2).any(|pair| pair[0].end() >= pair[1].offset) {
                    return Err(format!("free ranges of {id:?} touch: {free:?}"));
                }
            }
        }
        let exists = |region: &RegionId| self.model.regions.contains_key(region);
        if let Some(entry) = self.handles.iter().find(|entry| !exists(&entry.region)) {
            return Err(format!("{entry:?} lies in a region that is gone"));
        }
        Ok(())
    }

    fn paint(&self) -> Paint {
        let empty = self
            .model
            .regions
            .iter()
            .map(|(&id, region)| (id, vec![Uses::default(); region.block.len()]));
        let mut paint = Paint(empty.collect());
        self.handles.iter().for_each(|entry| paint.entry(entry));
        for call in self.model.calls.values() {
            for entry in &call.args {
                match call.sent {
                    None => paint.entry(entry),
                    Some(_) => paint.pin(entry.region, entry.range),
                }
            }
        }
        for worker in self.workers.values() {
            worker
                .inherited
                .iter()
                .for_each(|&(region, range)| paint.pin(region, range));
            if worker.rogue {
                continue;
            }
            worker.kept.iter().for_each(|kept| paint.entry(&kept.entry));
            for message in &worker.inbox {
                if let ToWorker::Call(call) = message {
                    self.model.calls[call]
                        .args
                        .iter()
                        .for_each(|entry| paint.entry(entry));
                }
            }
            for message in &worker.outbox {
                if let FromWorker::Result { outputs, .. } = message {
                    outputs.iter().for_each(|entry| paint.entry(entry));
                }
            }
        }
        paint
    }
}
