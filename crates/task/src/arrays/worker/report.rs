//! What a worker says beside a result: the output's arrays, what it keeps of the call's, and what it has
//! released since.

use super::super::error::StillHeld;
use super::super::hold::{Hold, Side};
use super::super::table::{Entry, Item, Table};
use super::WORKER;
use super::records::Known;
use super::state::State;
use holds::{Range, SMALL_BYTES};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use wire::{ArrayEntry, ArrayRange, ResultArrays};

/// Whether there may be something to be reported where a task and its output have no arrays.
#[inline]
pub fn has_reports() -> bool {
    WORKER.reports.load(Ordering::Acquire)
}

/// To be called when a task has ended, with the table of its output (an empty one where it failed), and
/// once everything else of the call has been dropped. Appends the bytes of arrays that are not shared to
/// `output`.
///
/// # Errors
/// [`StillHeld`]: the output hands over what the task has kept. To be reported with an empty table then.
pub fn report(table: Table, output: &mut Vec<u8>) -> Result<ResultArrays, StillHeld> {
    if table.is_empty() && !WORKER.reports.swap(false, Ordering::AcqRel) {
        return Ok(ResultArrays::default());
    }
    table.check_handed_over()?;
    let mut guard = WORKER.lock();
    let mut said = ResultArrays::default();
    match guard.as_mut() {
        Some(state) => {
            let mut outputs = BTreeMap::new();
            said.released = std::mem::take(&mut state.released);
            for item in items(&table) {
                said.entries.push(state.put(item, output, &mut outputs));
            }
            said.retained = state.retain(&outputs, &table);
        }
        None => said
            .entries
            .extend(items(&table).map(|item| by_bytes(item, output))),
    }
    drop(guard);
    // What the output's own holders release now is reported with the next result.
    drop(table);
    Ok(said)
}

fn items(table: &Table) -> impl Iterator<Item = &Item> {
    table.entries.iter().filter_map(|entry| match entry {
        Entry::Held(item) => Some(item),
        Entry::Bytes { .. } | Entry::Taken => None,
    })
}

fn by_bytes(item: &Item, output: &mut Vec<u8>) -> ArrayEntry {
    output.extend_from_slice(item.bytes());
    ArrayEntry::Bytes {
        len: item.len as u64,
        mutable: item.mutable,
    }
}

/// A record of which the output has a part, and whether it is handed over.
type Outputs = BTreeMap<u64, bool>;

impl State {
    /// Enters an array of the output in the table, or its bytes behind the value.
    fn put(&mut self, item: &Item, output: &mut Vec<u8>, outputs: &mut Outputs) -> ArrayEntry {
        let Some(place) = item.hold.place(Side::Worker) else {
            return by_bytes(item, output);
        };
        let given = self.records.contains_key(&place.id);
        let small = (item.len as u64) < SMALL_BYTES;
        // A part of memory that was handed over stays what it is, however small.
        if small && !(given && item.mutable) {
            return by_bytes(item, output);
        }
        let range = Range::new(place.range.offset + item.start as u64, item.len as u64);
        if place.region == self.own {
            let lent = self.lent.lend(range);
            debug_assert!(lent.is_ok(), "{lent:?}");
        }
        if given {
            *outputs.entry(place.id).or_default() |= item.mutable;
        }
        ArrayEntry::Shared(ArrayRange {
            region: place.region,
            offset: range.offset,
            len: range.len,
            mutable: item.mutable,
        })
    }

    /// What is to be reported as retained: everything of this call that lives on, and whatever the worker
    /// owned before and still has of an argument of which the output names a part.
    fn retain(&mut self, outputs: &Outputs, table: &Table) -> Vec<ArrayRange> {
        let ending = self.ending(table);
        let mut restate: BTreeSet<u64> = self.fresh.drain(..).collect();
        let owned = |id: &u64| {
            let record = self
                .records
                .get(id)
                .filter(|record| record.known == Known::Owned);
            Some(record?.argument)
        };
        let arguments: BTreeSet<u64> = outputs.keys().filter_map(owned).collect();
        if !arguments.is_empty() {
            let parts = self.records.iter().filter(|(_, record)| {
                record.known == Known::Owned && arguments.contains(&record.argument)
            });
            restate.extend(parts.map(|(&id, _)| id));
        }
        let mut retained = Vec::new();
        for id in restate {
            let Some(record) = self.records.get_mut(&id) else {
                continue;
            };
            if ending.contains(&id) {
                // The coordinator counts it as the output's, or as free.
                record.known = Known::Call;
                continue;
            }
            record.known = if record.mutable {
                Known::Owned
            } else {
                Known::Read
            };
            retained.push(record.to_range());
        }
        retained
    }

    /// Records that nothing but the output's table holds.
    fn ending(&self, table: &Table) -> BTreeSet<u64> {
        let references = table.references();
        let id = |item: &Item| {
            let place = item.hold.place(Side::Worker)?;
            let hold: *const Hold = Arc::as_ptr(&item.hold);
            (references.get(&hold) == Some(&Arc::strong_count(&item.hold))).then_some(place.id)
        };
        items(table).filter_map(id).collect()
    }
}
