//! One random step of the simulated process.

use crate::{CallId, Entry, Placement, Range, UseError};

use super::model::CELL;
use super::worker::slice;
use super::world::{AFTER_NS, ARRAYS, MUTABLES, Step, World, text};

impl World {
    pub(super) fn step(&mut self) -> Step {
        self.now_ns += self.rng.u64(..AFTER_NS / 4);
        self.holds.advance(self.now_ns);
        match self.rng.u8(..100) {
            0..14 => self.allocate()?,
            14..19 => self.split()?,
            19..23 => self.join()?,
            23..28 => self.freeze()?,
            28..32 => self.share()?,
            32..41 => self.drop_handle()?,
            41..53 => self.open()?,
            53..64 => self.send()?,
            64..66 => self.recall()?,
            66..68 => self.cancel()?,
            68..71 => self.add_worker()?,
            71..82 => self.run_worker()?,
            82..92 => self.receive()?,
            92..96 => self.drop_kept()?,
            96 => self.give_back()?,
            97 if self.rng.u8(..3) == 0 => self.turn_rogue(),
            97 => self.add_worker()?,
            98 => self.kill_any()?,
            _ => self.misuse()?,
        }
        self.lie()?;
        self.settle()
    }

    fn allocate(&mut self) -> Step {
        let region = if self.rng.bool() { ARRAYS } else { MUTABLES };
        let bytes = CELL * self.rng.u64(1..24);
        let placement = if self.rng.u8(..4) == 0 {
            Placement::Pages
        } else {
            Placement::Granules
        };
        let used: Vec<bool> = self.model.regions[&region]
            .block
            .iter()
            .map(|&block| block != 0)
            .collect();
        let allocated = match self.holds.allocate(region, bytes, placement) {
            Ok(allocated) => Some(allocated),
            Err(UseError::Full(_)) => None,
            Err(error) => return Err(error.to_string()),
        };
        if let Some(ground) = self.ground.get_mut(&region) {
            ground.check(&used, bytes, placement, allocated)?;
        }
        let Some(allocated) = allocated else {
            return Ok(());
        };
        self.model
            .allocate(region, allocated.block, allocated.range);
        let mut entry = Entry {
            region,
            range: allocated.range,
            mutable: true,
        };
        if region == ARRAYS {
            self.holds.freeze(region, entry.range).map_err(text)?;
            self.model.freeze(region, entry.range);
            entry.mutable = false;
        }
        self.handles.push(entry);
        Ok(())
    }

    pub(super) fn any_handle(&mut self, mutable: bool) -> Option<usize> {
        let found: Vec<usize> = (0..self.handles.len())
            .filter(|&n| self.handles[n].mutable == mutable)
            .collect();
        (!found.is_empty()).then(|| found[self.rng.usize(..found.len())])
    }

    fn split(&mut self) -> Step {
        let Some(index) = self.any_handle(true) else {
            return Ok(());
        };
        let entry = self.handles[index];
        if entry.range.len < 2 * CELL {
            return Ok(());
        }
        let bytes = CELL * self.rng.u64(1..entry.range.len / CELL);
        let (low, high) = self
            .holds
            .split(entry.region, entry.range, bytes)
            .map_err(text)?;
        self.model.repart(entry.region, &[low, high]);
        self.handles[index].range = low;
        self.handles.push(Entry {
            range: high,
            ..entry
        });
        Ok(())
    }

    fn join(&mut self) -> Step {
        let mut mutable: Vec<Entry> = self
            .handles
            .iter()
            .copied()
            .filter(|entry| entry.mutable)
            .collect();
        mutable.sort_unstable();
        let adjacent =
            |a: &Entry, b: &Entry| a.region == b.region && a.range.end() == b.range.offset;
        let Some(pair) = mutable.windows(2).find(|pair| adjacent(&pair[0], &pair[1])) else {
            return Ok(());
        };
        let (low, high) = (pair[0], pair[1]);
        let one_block = self.model.block_of(low.region, low.range.offset)
            == self.model.block_of(low.region, high.range.offset);
        let joined = self.holds.join(low.region, &[low.range, high.range]);
        if joined.is_ok() != one_block {
            return Err(format!("joining {low:?} and {high:?}: {joined:?}"));
        }
        if let Ok(range) = joined {
            self.model.repart(low.region, &[range]);
            self.handles.retain(|entry| *entry != low && *entry != high);
            self.handles.push(Entry { range, ..low });
        }
        Ok(())
    }

    fn freeze(&mut self) -> Step {
        let Some(index) = self.any_handle(true) else {
            return Ok(());
        };
        let entry = self.handles[index];
        self.holds.freeze(entry.region, entry.range).map_err(text)?;
        self.model.freeze(entry.region, entry.range);
        self.handles[index].mutable = false;
        Ok(())
    }

    fn share(&mut self) -> Step {
        let Some(index) = self.any_handle(false) else {
            return Ok(());
        };
        let entry = self.handles[index];
        let range = slice(&mut self.rng, entry.range);
        self.holds.share(entry.region, range).map_err(text)?;
        if let Some((handles, ..)) = self.model.shares(entry.region, range.offset) {
            *handles += 1;
        }
        self.handles.push(Entry { range, ..entry });
        Ok(())
    }

    pub(super) fn drop_handle(&mut self) -> Step {
        if self.handles.is_empty() {
            return Ok(());
        }
        let entry = self
            .handles
            .swap_remove(self.rng.usize(..self.handles.len()));
        self.holds
            .drop_handle(entry.region, entry.range)
            .map_err(text)?;
        self.model.drop_handle(entry);
        Ok(())
    }

    pub(super) fn give_back(&mut self) -> Step {
        self.now_ns += AFTER_NS;
        self.holds.advance(self.now_ns);
        for (region, range) in self.holds.due() {
            self.check_punch(region, range)?;
        }
        Ok(())
    }

    /// Mistakes of the coordinator's own code change nothing.
    fn misuse(&mut self) -> Step {
        if let Some(index) = self.any_handle(true) {
            let Entry { region, range, .. } = self.handles[index];
            let entry = self.handles[index];
            let part = Range::new(range.offset, range.len - CELL);
            let results = [
                self.holds.open(CallId(u64::MAX), &[entry, entry]).is_err(),
                self.holds
                    .open(
                        CallId(u64::MAX),
                        &[Entry {
                            mutable: false,
                            ..entry
                        }],
                    )
                    .is_err(),
                self.holds.drop_handle(region, part).is_err(),
                self.holds.freeze(region, part).is_err(),
                self.holds.share(region, range).is_err(),
                self.holds.split(region, range, range.len).is_err(),
                self.holds.split(region, range, 0).is_err(),
            ];
            if results.contains(&false) {
                return Err(format!("misuse of {entry:?} is not refused: {results:?}"));
            }
        }
        if let Some(call) = self.any_call(true) {
            let worker = self.model.calls[&call].sent.ok_or("sent")?;
            if self.holds.send(call, worker).is_ok() || self.holds.open(call, &[]).is_ok() {
                return Err(format!("{call:?} can be sent or opened twice"));
            }
        }
        Ok(())
    }
}
