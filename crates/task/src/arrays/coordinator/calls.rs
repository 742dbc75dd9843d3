//! Calls with arrays, from their submission to their result.

use super::super::error::ArrayError;
use super::super::hold::{Hold, Keeper, Place, Side};
use super::super::table::{Entry, Item, Table};
use super::COORDINATOR;
use super::members::{Attachment, Member, attachment, gone};
use super::state::{State, Violated, books};
use holds::{CallId, Range, RegionId};
use shmem::Arena;
use std::sync::Arc;
use wire::{ArrayEntry, ArrayRange, CallArrays, ResultArrays};

/// Immutable parts of fewer bytes travel as bytes.
const SMALL_BYTES: usize = holds::SMALL_BYTES as usize;

/// A call whose arrays are in the books. Dropped, it is given up: what it refers to is held until no worker
/// can be using it any more.
#[derive(Debug)]
pub struct Opened {
    /// Its number in the books; none where nothing of it is shared.
    call: Option<CallId>,
    entries: Vec<ArrayEntry>,
    owns: bool,
}

/// Enters a call's arrays in the books, those that can be `shared`; appends the bytes of all others to
/// its arguments.
///
/// # Errors
/// Not all of it is this process's to give.
pub fn open(table: Table, shared: bool, args: &mut Vec<u8>) -> Result<Opened, ArrayError> {
    table.check_handed_over()?;
    let mut entries = Vec::with_capacity(table.len());
    let mut held = Vec::new();
    let mut owns = false;
    for entry in &table.entries {
        let Entry::Held(item) = entry else {
            continue;
        };
        let place = item.hold.place(Side::Coordinator);
        match place.filter(|_| shared && (item.mutable || item.len >= SMALL_BYTES)) {
            Some(place) => {
                let range = Range::new(place.range.offset + item.start as u64, item.len as u64);
                owns |= item.mutable;
                held.push(entry_of(place.region, range, item.mutable));
                entries.push(shared_entry(place.region, range, item.mutable));
            }
            None => {
                args.extend_from_slice(item.bytes());
                entries.push(ArrayEntry::Bytes {
                    len: item.len as u64,
                    mutable: item.mutable,
                });
            }
        }
    }
    let enter = |state: &mut State| {
        let call = state.next_call();
        state.holds.open(call, &held).map_err(books)?;
        Ok::<_, ArrayError>(call)
    };
    let call = match held.is_empty() {
        true => None,
        false => Some(COORDINATOR.with(enter).unwrap_or_else(gone)?),
    };
    for entry in table.entries {
        if let Entry::Held(item) = entry
            && shared
            && item.mutable
            && let Some(hold) = Arc::into_inner(item.hold)
        {
            // Its memory is the call's now.
            hold.forget(Side::Coordinator);
        }
    }
    Ok(Opened {
        call,
        entries,
        owns,
    })
}

impl Opened {
    /// Whether memory is handed over with the call.
    pub fn owns_memory(&self) -> bool {
        self.owns
    }

    /// The arenas that have to be sent to a worker before this call.
    ///
    /// # Errors
    /// Descriptors have run out.
    pub fn missing(&self, member: &Member) -> Result<Vec<Attachment>, ArrayError> {
        let Some(call) = self.call else {
            return Ok(Vec::new());
        };
        let missing = |state: &mut State| {
            let missing = state.holds.missing(call, member.worker).map_err(books)?;
            let missing = missing.into_iter();
            missing
                .map(|(region, access)| attachment(state, region, access, false))
                .collect()
        };
        COORDINATOR.with(missing).unwrap_or_else(gone)
    }

    /// Says that what is [missing](Self::missing) and the call are being sent, and gives the call's number
    /// in the books, if it has one.
    ///
    /// # Errors
    /// The call is at another worker.
    pub fn send(&self, member: &Member) -> Result<Option<u64>, ArrayError> {
        let Some(call) = self.call else {
            return Ok(None);
        };
        let send = |state: &mut State| {
            for (region, access) in state.holds.missing(call, member.worker).map_err(books)? {
                state
                    .holds
                    .attach(member.worker, region, access)
                    .map_err(books)?;
                state.was_sent(region, member.worker);
            }
            state.holds.send(call, member.worker).map_err(books)?;
            Ok(Some(call.0))
        };
        COORDINATOR.with(send).unwrap_or_else(gone)
    }

    /// The table of the arguments.
    pub fn entries(&self) -> &[ArrayEntry] {
        &self.entries
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        if let Some(call) = self.call {
            // One that has its result is not open any more.
            COORDINATOR.with(|state| state.holds.cancel(call).is_ok());
        }
    }
}

impl Member {
    /// What was to be said beside a call that its worker never saw is said beside the next.
    pub fn say_again(&self, unsaid: CallArrays) {
        COORDINATOR.with(|state| state.say_again(self.worker, unsaid));
    }

    /// The table beside a call to this worker: the arrays of `entries`, and what there is to tell.
    pub fn beside_call(&self, entries: &[ArrayEntry]) -> CallArrays {
        let news = match COORDINATOR.has_news() {
            true => COORDINATOR.with(|state| state.take_news(self.worker)),
            false => None,
        };
        let news = news.unwrap_or_default();
        CallArrays {
            entries: entries.to_vec(),
            freed: news.freed,
            forget: news.forget,
        }
    }

    /// Whether there is anything to send to any worker.
    pub fn is_news() -> bool {
        COORDINATOR.has_news()
    }

    /// What would go beside this worker's next call, if there is anything.
    pub fn news(&self) -> Option<CallArrays> {
        Some(self.beside_call(&[])).filter(|news| !news.is_empty())
    }

    /// Takes in what a worker says beside the result of the call with that number in the books (`None`: it had
    /// no arrays); gives the table of the output.
    ///
    /// # Errors
    /// [`Violated`]: nothing has changed but for what the worker has released.
    pub fn finished(&self, call: Option<u64>, said: &ResultArrays) -> Result<Table, Violated> {
        if call.is_none() && said.is_empty() {
            return Ok(Table::default());
        }
        let finished = COORDINATOR.with(|state| self.finish(state, call, said));
        let nobody = || Err(Violated("nobody shares memory here".to_owned()));
        let arenas = finished.unwrap_or_else(nobody)?;
        // Holds are made, and dropped, outside of the books.
        let mut arenas = arenas.into_iter();
        let mut table = Table::default();
        for entry in &said.entries {
            let entry = match *entry {
                ArrayEntry::Bytes { len, mutable } => Entry::Bytes { len, mutable },
                ArrayEntry::Shared(range) => {
                    let hold = hold(arenas.next().flatten(), range);
                    Entry::Held(Item {
                        hold: Arc::new(hold.map_err(|error| Violated(error.to_string()))?),
                        start: 0,
                        len: range.len as usize,
                        mutable: range.mutable,
                    })
                }
            };
            table.entries.push(entry);
        }
        Ok(table)
    }

    /// The arenas of the output's shared arrays, each of which has a handle from now on.
    fn finish(
        &self,
        state: &mut State,
        call: Option<u64>,
        said: &ResultArrays,
    ) -> Result<Vec<Option<Arc<Arena>>>, Violated> {
        let violated = |error: &dyn std::fmt::Display| Violated(error.to_string());
        for range in &said.released {
            let holds::Entry { region, range, .. } = of_range(range);
            let released = state.holds.released(self.worker, region, range);
            released.map_err(|error| violated(&error))?;
        }
        let shared = |entry: &ArrayEntry| match entry {
            ArrayEntry::Shared(range) => Some(of_range(range)),
            ArrayEntry::Bytes { .. } => None,
        };
        let outputs: Vec<_> = said.entries.iter().filter_map(shared).collect();
        let retained: Vec<_> = said.retained.iter().map(of_range).collect();
        if call.is_none() && outputs.is_empty() && retained.is_empty() {
            return Ok(Vec::new());
        }
        let number = match call {
            Some(call) => CallId(call),
            None => {
                let call = state.next_call();
                let opened = state.holds.open(call, &[]);
                let sent = opened.and_then(|()| state.holds.send(call, self.worker));
                sent.map_err(|error| violated(&error))?;
                call
            }
        };
        let finished = state
            .holds
            .finished(number, self.worker, &outputs, &retained);
        if let Err(error) = finished {
            if call.is_none() {
                // It is nobody else's, so nobody else closes it.
                let recalled = state.holds.recall(number);
                let _ = recalled.and_then(|()| state.holds.cancel(number));
            }
            return Err(violated(&error));
        }
        let arena = |entry: &holds::Entry| state.arena(entry.region.0).cloned();
        Ok(outputs.iter().map(arena).collect())
    }
}

/// A hold of a range that the books have just given a handle.
fn hold(arena: Option<Arc<Arena>>, range: ArrayRange) -> Result<Hold, ArrayError> {
    let ArrayRange {
        region,
        offset,
        len,
        ..
    } = range;
    let arena = arena.ok_or_else(|| ArrayError::Books(format!("no arena {region}")))?;
    let place = Place {
        region,
        range: Range::new(offset, len),
        id: 0,
        block: 0,
        epoch: COORDINATOR.epoch(),
    };
    COORDINATOR.hold(&arena, place)
}

/// The call with that number in the books was taken back from its worker, which has not begun it and never
/// will.
pub fn recall(book: u64) {
    COORDINATOR.with(|state| state.holds.recall(CallId(book)).is_ok());
}

/// The table of an output all of whose arrays have travelled as bytes, as those of workers do that share no
/// memory with this process. Others in it are not believed.
pub fn receive(entries: &[ArrayEntry]) -> Table {
    let entry = |entry: &ArrayEntry| match *entry {
        ArrayEntry::Bytes { len, mutable } => Entry::Bytes { len, mutable },
        ArrayEntry::Shared(_) => Entry::Taken,
    };
    Table {
        entries: entries.iter().map(entry).collect(),
    }
}

fn of_range(range: &ArrayRange) -> holds::Entry {
    entry_of(
        range.region,
        Range::new(range.offset, range.len),
        range.mutable,
    )
}

fn entry_of(region: u32, range: Range, mutable: bool) -> holds::Entry {
    holds::Entry {
        region: RegionId(region),
        range,
        mutable,
    }
}

fn shared_entry(region: u32, Range { offset, len }: Range, mutable: bool) -> ArrayEntry {
    ArrayEntry::Shared(ArrayRange {
        region,
        offset,
        len,
        mutable,
    })
}
