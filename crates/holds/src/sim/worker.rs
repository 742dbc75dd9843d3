//! A simulated worker: what an honest runtime does with arguments, results, kept arrays and its own arena.

use std::collections::VecDeque;

use fastrand::Rng;

use crate::lent::{Lent, LentError};
use crate::{CallId, Entry, Placement, Range, RegionId, Start};

use super::ground::Ground;

/// Messages to a worker, in order.
#[derive(Clone, Debug)]
pub(super) enum ToWorker {
    Call(CallId),
    Freed { range: Range, entries: u64 },
}

/// Messages of a worker, in order.
#[derive(Clone, Debug)]
pub(super) enum FromWorker {
    Result {
        call: CallId,
        outputs: Vec<Entry>,
        retained: Vec<Entry>,
    },
    Released(Entry),
}

/// An array that outlives its call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    pub(super) entry: Entry,
    /// Reported to the coordinator, as its release will be.
    pub(super) reported: bool,
}

#[derive(Debug)]
pub(super) struct SimWorker {
    pub(super) start: Start,
    pub(super) arena: RegionId,
    pub(super) lent: Lent,
    pub(super) ground: Ground,
    pub(super) inbox: VecDeque<ToWorker>,
    pub(super) outbox: VecDeque<FromWorker>,
    pub(super) kept: Vec<Kept>,
    /// Blocks that were alive when it was forked.
    pub(super) inherited: Vec<(RegionId, Range)>,
    /// It has stopped being honest.
    pub(super) rogue: bool,
}

/// What a task does with its arrays.
#[derive(Default)]
struct Done {
    outputs: Vec<Entry>,
    retained: Vec<Entry>,
    /// Ranges of the own arena that no longer have this local holder.
    let_go: Vec<Range>,
}

impl SimWorker {
    /// Handles the next message. `args` finds the arguments of a call, with mutable parts of one block that follow each
    /// other already joined.
    pub(super) fn step(
        &mut self,
        rng: &mut Rng,
        now_ns: u64,
        args: impl Fn(CallId) -> Vec<Entry>,
    ) -> Result<(), String> {
        match self.inbox.pop_front() {
            Some(ToWorker::Call(call)) => self.run(rng, now_ns, call, args(call)),
            Some(ToWorker::Freed { range, entries }) => {
                text(self.lent.freed(range, entries, now_ns))
            }
            None => Ok(()),
        }
    }

    fn run(
        &mut self,
        rng: &mut Rng,
        now_ns: u64,
        call: CallId,
        args: Vec<Entry>,
    ) -> Result<(), String> {
        let mut done = Done::default();
        for &entry in args.iter().filter(|entry| entry.region == self.arena) {
            text(self.lent.hold(entry.range))?;
        }
        for entry in args {
            if entry.mutable {
                self.use_mutable(rng, entry, &mut done, true)?;
            } else {
                self.use_shared(rng, entry, &mut done, true)?;
            }
        }
        if rng.u8(..8) == 0 {
            // The task fails: it returns nothing, and what it would have returned is dropped.
            let lost: Vec<Entry> = done
                .outputs
                .drain(..)
                .filter(|entry| entry.mutable)
                .collect();
            done.let_go.extend(
                lost.iter()
                    .filter(|entry| entry.region == self.arena)
                    .map(|entry| entry.range),
            );
        } else {
            for _ in 0..rng.u8(..3) {
                self.use_kept(rng, &mut done)?;
            }
            for _ in 0..rng.u8(..3) {
                self.make(rng, &mut done)?;
            }
        }
        for entry in done
            .outputs
            .iter()
            .filter(|entry| entry.region == self.arena)
        {
            text(self.lent.lend(entry.range))?;
            if entry.mutable {
                done.let_go.push(entry.range);
            }
        }
        for range in done.let_go {
            text(self.lent.release(range, now_ns))?;
        }
        self.outbox.push_back(FromWorker::Result {
            call,
            outputs: done.outputs,
            retained: done.retained,
        });
        Ok(())
    }

    /// Returns, keeps or drops an immutable array. `report`: it is an argument, whose keeping is reported.
    fn use_shared(
        &mut self,
        rng: &mut Rng,
        entry: Entry,
        done: &mut Done,
        report: bool,
    ) -> Result<(), String> {
        let own = entry.region == self.arena;
        for _ in 0..rng.u8(..3) {
            let range = slice(rng, entry.range);
            if !own || range.len >= super::scale::SMALLEST {
                done.outputs.push(Entry { range, ..entry });
            }
        }
        if rng.u8(..3) == 0 {
            self.kept.push(Kept {
                entry,
                reported: report,
            });
            if report {
                done.retained.push(entry);
            }
        } else if own {
            done.let_go.push(entry.range);
        }
        Ok(())
    }

    /// Returns, freezes, splits, keeps or drops mutable memory. `report` as above.
    fn use_mutable(
        &mut self,
        rng: &mut Rng,
        entry: Entry,
        done: &mut Done,
        report: bool,
    ) -> Result<(), String> {
        let own = entry.region == self.arena;
        let part = |range| Entry { range, ..entry };
        let small = own && !report && entry.range.len < super::scale::SMALLEST;
        match rng.u8(..6) {
            0 | 1 if !small => done.outputs.push(entry),
            2 => self.use_shared(
                rng,
                Entry {
                    mutable: false,
                    ..entry
                },
                done,
                report,
            )?,
            3 if entry.range.len > super::model::CELL => {
                let middle = slice(rng, entry.range);
                let parts = [
                    Range::between(entry.range.offset, middle.offset),
                    middle,
                    Range::between(middle.end(), entry.range.end()),
                ];
                for range in parts.into_iter().filter(|range| range.len > 0) {
                    if own {
                        text(self.lent.hold(range))?;
                    }
                    self.use_part(rng, part(range), done, report);
                }
                done.let_go.extend(own.then_some(entry.range));
            }
            4 => {
                self.kept.push(Kept {
                    entry,
                    reported: report,
                });
                done.retained.extend(report.then_some(entry));
            }
            _ => done.let_go.extend(own.then_some(entry.range)),
        }
        Ok(())
    }

    fn use_part(&mut self, rng: &mut Rng, entry: Entry, done: &mut Done, report: bool) {
        let own = entry.region == self.arena;
        let frozen = Entry {
            mutable: false,
            ..entry
        };
        let small = own && !report && entry.range.len < super::scale::SMALLEST;
        match rng.u8(..4) {
            0 if !small => done.outputs.push(entry),
            1 if !small => {
                done.outputs.push(frozen);
                done.let_go.extend(own.then_some(entry.range));
            }
            2 => {
                self.kept.push(Kept {
                    entry,
                    reported: report,
                });
                done.retained.extend(report.then_some(entry));
            }
            _ => done.let_go.extend(own.then_some(entry.range)),
        }
    }

    /// Names kept arrays in a result. What is kept of mutable memory is reported again.
    fn use_kept(&mut self, rng: &mut Rng, done: &mut Done) -> Result<(), String> {
        if self.kept.is_empty() {
            return Ok(());
        }
        let index = rng.usize(..self.kept.len());
        let kept = self.kept[index];
        if done.retained.contains(&kept.entry) {
            return Ok(()); // Kept a moment ago, by this call.
        }
        let own = kept.entry.region == self.arena;
        if !kept.entry.mutable {
            for _ in 0..rng.u8(1..3) {
                let range = slice(rng, kept.entry.range);
                if !own || range.len >= super::scale::SMALLEST {
                    done.outputs.push(Entry {
                        range,
                        ..kept.entry
                    });
                }
            }
            return Ok(());
        }
        let outputs = done.outputs.len();
        let retained = done.retained.len();
        self.kept.remove(index);
        self.use_mutable(rng, kept.entry, done, kept.reported)?;
        // If no part of it is named after all, its release has to be reported.
        if kept.reported && done.outputs.len() == outputs && done.retained.len() == retained {
            self.outbox.push_back(FromWorker::Released(kept.entry));
        }
        Ok(())
    }

    /// Allocates in the own arena.
    fn make(&mut self, rng: &mut Rng, done: &mut Done) -> Result<(), String> {
        let bytes = super::model::CELL * rng.u64(4..24);
        let placement = if rng.u8(..4) == 0 {
            Placement::Pages
        } else {
            Placement::Granules
        };
        let used = Ground::used(self.lent.alloc());
        let made = self.lent.allocate(bytes, placement);
        let allocated = made.as_ref().ok().copied();
        self.ground.check(&used, bytes, placement, allocated)?;
        match made {
            Ok(allocated) if rng.u8(..4) == 0 => {
                // A cache: results will be slices of it.
                let entry = Entry {
                    region: self.arena,
                    range: allocated.range,
                    mutable: false,
                };
                self.kept.push(Kept {
                    entry,
                    reported: false,
                });
                Ok(())
            }
            Ok(allocated) => {
                let entry = Entry {
                    region: self.arena,
                    range: allocated.range,
                    mutable: true,
                };
                self.use_mutable(rng, entry, done, false)
            }
            Err(LentError::Full {
                lent, local, size, ..
            }) if lent + local <= size => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Drops a kept array, or a part of one.
    pub(super) fn drop_kept(
        &mut self,
        rng: &mut Rng,
        now_ns: u64,
        index: usize,
        in_part: bool,
    ) -> Result<(), String> {
        let kept = self.kept.swap_remove(index);
        let own = kept.entry.region == self.arena;
        let mut dropped = kept.entry;
        if in_part && kept.entry.mutable && kept.reported {
            dropped.range = slice(rng, kept.entry.range);
            let rest = [
                Range::between(kept.entry.range.offset, dropped.range.offset),
                Range::between(dropped.range.end(), kept.entry.range.end()),
            ];
            for range in rest.into_iter().filter(|range| range.len > 0) {
                if own {
                    text(self.lent.hold(range))?;
                }
                self.kept.push(Kept {
                    entry: Entry {
                        range,
                        ..kept.entry
                    },
                    ..kept
                });
            }
        }
        if kept.reported {
            self.outbox.push_back(FromWorker::Released(dropped));
        }
        if own {
            text(self.lent.release(kept.entry.range, now_ns))?;
        }
        Ok(())
    }
}

/// A part of a range, often all of it.
pub(super) fn slice(rng: &mut Rng, range: Range) -> Range {
    use super::model::CELL;
    let count = range.len / CELL;
    if count < 2 || rng.u8(..3) == 0 {
        return range;
    }
    let first = rng.u64(..count);
    let len = rng.u64(1..=count - first);
    Range::new(range.offset + first * CELL, len * CELL)
}

fn text(result: Result<(), LentError>) -> Result<(), String> {
    result.map_err(|error| format!("a worker's arena: {error}"))
}
