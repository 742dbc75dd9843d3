//! Open calls: what they refer to, what they own, and which worker may be using it.

use crate::defect::Defect;
use crate::error::UseError;
use crate::range::{CallId, Entry, RegionId, Worker};

use super::{Access, Call, Holds, Owner, RegionKind, State};

impl Holds {
    /// Opens a call. Its `Array`s get one reference each; its `ArrayMut`s belong to the call from now on, and
    /// their handles are gone. The caller has made sure that nobody else in this process holds those handles.
    pub fn open(&mut self, call: CallId, args: &[Entry]) -> Result<(), UseError> {
        if self.calls.contains_key(&call) {
            return Err(UseError::CallBusy(call));
        }
        let mut owned: Vec<Entry> = args.iter().copied().filter(|entry| entry.mutable).collect();
        owned.sort_unstable();
        if let Some(pair) = owned.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(UseError::Doubled(pair[0].region, pair[0].range));
        }
        for entry in args {
            if !entry.mutable {
                self.shared(entry.region, entry.range)?;
            } else if self.owned(entry.region, entry.range)?.kind == RegionKind::Array {
                return Err(UseError::ReadOnlyRegion(entry.region));
            }
        }
        for entry in args {
            let Some(region) = self.region(entry.region) else {
                continue;
            };
            if entry.mutable {
                region.change(entry.range.offset, |state| {
                    *state = State::Mutable(Owner::Call(call))
                });
            } else if let Some((piece, _)) = region.piece_at(entry.range.offset) {
                region.share(piece.offset, |shares| shares.calls += 1);
            }
        }
        self.calls.insert(
            call,
            Call {
                args: args.to_vec(),
                sent: None,
                cancelled: false,
            },
        );
        Ok(())
    }

    /// Whether the call owns mutable memory. Once begun, such a call is not retried unless its terms say so.
    pub fn owns_memory(&self, call: CallId) -> bool {
        self.calls
            .get(&call)
            .is_some_and(|call| call.args.iter().any(|entry| entry.mutable))
    }

    /// The regions that have to be attached to `worker` before the call can be sent to it.
    pub fn missing(
        &self,
        call: CallId,
        worker: Worker,
    ) -> Result<Vec<(RegionId, Access)>, UseError> {
        let state = self
            .workers
            .get(&worker)
            .ok_or(UseError::NoSuchWorker(worker))?;
        let call = self.calls.get(&call).ok_or(UseError::NoSuchCall(call))?;
        let mut needed: Vec<_> = call
            .args
            .iter()
            .map(|entry| (entry.region, access(entry)))
            .collect();
        needed.sort_unstable_by(|a, b| b.cmp(a));
        needed.dedup_by_key(|(region, _)| *region); // The stronger access comes first.
        needed.retain(|(region, access)| state.attached.get(region).is_none_or(|has| has < access));
        needed.reverse();
        Ok(needed)
    }

    /// The call is sent to `worker`, which may begin it from now on.
    pub fn send(&mut self, call: CallId, worker: Worker) -> Result<(), UseError> {
        let missing = self.missing(call, worker)?;
        let owns = self.owns_memory(call);
        let state = self
            .workers
            .get_mut(&worker)
            .ok_or(UseError::NoSuchWorker(worker))?;
        let open = self
            .calls
            .get_mut(&call)
            .ok_or(UseError::NoSuchCall(call))?;
        if open.sent.is_some() || open.cancelled {
            return Err(UseError::CallBusy(call));
        }
        if owns && !state.writable {
            return Err(UseError::NoWritableMemory(worker));
        }
        if let Some(&(region, _)) = missing.first() {
            return Err(UseError::NotAttached(region));
        }
        open.sent = Some(worker);
        state.calls.insert(call);
        Ok(())
    }

    /// The call was taken back from its worker, which has not begun it and never will.
    pub fn recall(&mut self, call: CallId) -> Result<(), UseError> {
        let open = self
            .calls
            .get_mut(&call)
            .ok_or(UseError::NoSuchCall(call))?;
        let worker = open.sent.take().ok_or(UseError::CallBusy(call))?;
        let cancelled = open.cancelled;
        if let Some(state) = self.workers.get_mut(&worker) {
            state.calls.remove(&call);
        }
        if cancelled {
            self.close(call);
        }
        Ok(())
    }

    /// Nobody waits for the call any more: it was cancelled, failed, or exceeded its limit. If it was sent, its
    /// memory stays held until its result has come or its worker's death is confirmed.
    pub fn cancel(&mut self, call: CallId) -> Result<(), UseError> {
        let reuses = self.defects.is(Defect::ReusesBeforeDeath);
        let open = self
            .calls
            .get_mut(&call)
            .ok_or(UseError::NoSuchCall(call))?;
        open.cancelled = true;
        if open.sent.is_none() || reuses {
            self.close(call);
        }
        Ok(())
    }

    /// Removes a call that no worker can have begun, with all that it holds.
    pub(super) fn close(&mut self, call: CallId) {
        let Some(Call { args, sent, .. }) = self.calls.remove(&call) else {
            return;
        };
        if let Some(state) = sent.and_then(|worker| self.workers.get_mut(&worker)) {
            state.calls.remove(&call);
        }
        for entry in args {
            if entry.mutable {
                self.drop_piece(entry.region, entry.range.offset);
            } else {
                self.unshare(entry.region, entry.range.offset, |shares| shares.calls -= 1);
            }
        }
    }
}

fn access(entry: &Entry) -> Access {
    if entry.mutable {
        Access::Write
    } else {
        Access::Read
    }
}
