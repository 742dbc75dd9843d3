//! Workers that lie: tables out of range, overlapping, doubled, foreign, freed; releases of what they do not
//! hold; results of calls that they do not have. The model says which of it happens to be true.

use crate::{CallId, Entry, Range, RegionId, Worker};

use super::model::{CELL, runs};
use super::scale::SMALLEST;
use super::worker::{FromWorker, slice};
use super::world::{Step, World};

impl World {
    /// Makes an honest worker a liar. What it has said and was not received yet is lost.
    pub(super) fn turn_rogue(&mut self) {
        let honest: Vec<Worker> = self
            .workers
            .iter()
            .filter(|(_, found)| !found.rogue)
            .map(|(&w, _)| w)
            .collect();
        if honest.len() < 2 {
            return;
        }
        let worker = honest[self.rng.usize(..honest.len())];
        if let Some(found) = self.workers.get_mut(&worker) {
            found.rogue = true;
            found.outbox.clear();
            found.kept.clear();
        }
    }

    /// One lie of any liar, most of whom are killed for it.
    pub(super) fn lie(&mut self) -> Step {
        let Some((&worker, _)) = self.workers.iter().find(|(_, found)| found.rogue) else {
            return Ok(());
        };
        self.settle()?;
        let before = self.holds.clone();
        let (lie, accepted, expected) = match self.rng.u8(..4) {
            0 => {
                let entry = self.any_entry(worker);
                let expected = self.model.clone().released(worker, entry);
                let accepted = self.holds.released(worker, entry.region, entry.range);
                (FromWorker::Released(entry), accepted, expected)
            }
            _ => {
                let call = self.claimed_call(worker);
                let outputs: Vec<Entry> = (0..self.rng.u8(..4))
                    .map(|_| self.any_entry(worker))
                    .collect();
                let retained: Vec<Entry> = (0..self.rng.u8(..3))
                    .map(|_| self.any_entry(worker))
                    .collect();
                let expected = self
                    .model
                    .accepts(call, worker, &outputs, &retained, SMALLEST);
                let accepted = self.holds.finished(call, worker, &outputs, &retained);
                (
                    FromWorker::Result {
                        call,
                        outputs,
                        retained,
                    },
                    accepted,
                    expected,
                )
            }
        };
        self.counts.lies += 1;
        if accepted.is_ok() != expected {
            return Err(format!(
                "a lie should be accepted: {expected}; it was: {accepted:?}; {lie:?}"
            ));
        }
        if !expected {
            let same = format!("{before:?}") == format!("{:?}", self.holds);
            return if same {
                self.punish(worker)
            } else {
                Err(format!("a refused lie changed something: {lie:?}"))
            };
        }
        self.counts.believed += 1;
        match lie {
            FromWorker::Released(entry) => {
                self.model.released(worker, entry);
            }
            FromWorker::Result {
                call,
                outputs,
                retained,
            } => {
                self.model.finish(call, worker, &outputs, &retained);
                self.handles.extend(outputs);
            }
        }
        Ok(())
    }

    fn punish(&mut self, worker: Worker) -> Step {
        if self.rng.u8(..8) == 0 {
            self.settle()?;
            self.kill(worker, 0)?;
        }
        Ok(())
    }

    fn claimed_call(&mut self, worker: Worker) -> CallId {
        let own = self
            .model
            .calls
            .iter()
            .find(|(_, call)| call.sent == Some(worker))
            .map(|(&call, _)| call);
        match own {
            Some(call) if self.rng.u8(..4) > 0 => call,
            _ => CallId(self.rng.u64(..=self.calls)),
        }
    }

    /// An entry that may well be wrong: most are close to something that is right.
    fn any_entry(&mut self, worker: Worker) -> Entry {
        let given = self
            .model
            .calls
            .values()
            .find(|call| call.sent == Some(worker))
            .map(|call| call.args.clone());
        if let Some(args) = given.filter(|args| !args.is_empty() && self.rng.bool()) {
            let argument = args[self.rng.usize(..args.len())];
            let range = slice(&mut self.rng, argument.range);
            return Entry {
                range,
                mutable: argument.mutable && self.rng.bool(),
                ..argument
            };
        }
        let own = self.workers[&worker].arena;
        let region = if self.rng.bool() {
            own
        } else {
            RegionId(self.rng.u32(..=self.regions))
        };
        let mutable = self.rng.bool();
        let Some(found) = self.model.regions.get(&region) else {
            return Entry {
                region,
                range: Range::new(0, CELL),
                mutable,
            };
        };
        let (bytes, pieces) = (found.bytes, runs(&found.piece));
        let range = match self.rng.u8(..16) {
            0 => Range::new(self.rng.u64(..bytes / CELL) * CELL, 0),
            1 => Range::new(bytes - CELL, 2 * CELL),
            2 => Range::new(u64::MAX - (CELL - 1), 2 * CELL),
            3 => Range::new(bytes, CELL),
            4 => Range::new(CELL, u64::MAX - (CELL - 1)),
            5..12 if !pieces.is_empty() => {
                let (piece, _) = pieces[self.rng.usize(..pieces.len())];
                let longer = Range::new(piece.offset, piece.len + CELL * self.rng.u64(..3));
                slice(&mut self.rng, longer)
            }
            _ => {
                let offset = self.rng.u64(..bytes / CELL);
                Range::new(
                    offset * CELL,
                    CELL * self.rng.u64(1..=(bytes / CELL - offset).min(16)),
                )
            }
        };
        Entry {
            region,
            range,
            mutable,
        }
    }
}
