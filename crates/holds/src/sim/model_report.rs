//! The model's judgement of a worker's report, entry by entry and cell by cell.

use crate::{CallId, Entry, RegionId, RegionKind, Worker};

use super::model::{CELL, Held, Model, cells};

/// Which rule an entry satisfies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Held,
    Owned,
    Lent,
}

impl Model {
    /// Whether the report of a result is one that an honest worker could have sent.
    pub(super) fn accepts(
        &self,
        call: CallId,
        worker: Worker,
        outputs: &[Entry],
        retained: &[Entry],
        smallest: u64,
    ) -> bool {
        if self
            .calls
            .get(&call)
            .is_none_or(|call| call.sent != Some(worker))
        {
            return false;
        }
        let entries: Vec<Entry> = outputs.iter().chain(retained).copied().collect();
        if !entries.iter().all(|entry| self.knows(worker, entry)) {
            return false;
        }
        let overlap = |a: &Entry, b: &Entry| a.region == b.region && a.range.overlaps(b.range);
        for (n, a) in entries.iter().enumerate() {
            if entries[n + 1..]
                .iter()
                .any(|b| overlap(a, b) && (a.mutable || b.mutable))
            {
                return false;
            }
        }
        let kinds: Vec<Option<Kind>> = entries
            .iter()
            .map(|entry| self.kind(call, worker, entry))
            .collect();
        for (n, kind) in kinds.iter().enumerate() {
            match kind {
                None => return false,
                Some(Kind::Lent) => {
                    // Of what overlaps this entry, directly or not, something has to be a result.
                    let mut group = vec![n];
                    let mut seen = 0;
                    while seen < group.len() {
                        let at = group[seen];
                        let more: Vec<usize> = (0..entries.len())
                            .filter(|other| {
                                !group.contains(other) && overlap(&entries[at], &entries[*other])
                            })
                            .collect();
                        group.extend(more);
                        seen += 1;
                    }
                    if entries[n].range.len < smallest
                        || group.iter().all(|&entry| entry >= outputs.len())
                    {
                        return false;
                    }
                }
                Some(_) => {}
            }
        }
        true
    }

    /// The model's state after a report that it accepts.
    pub(super) fn finish(
        &mut self,
        call: CallId,
        worker: Worker,
        outputs: &[Entry],
        retained: &[Entry],
    ) {
        let entries: Vec<(Entry, bool)> = outputs
            .iter()
            .map(|&entry| (entry, true))
            .chain(retained.iter().map(|&entry| (entry, false)))
            .collect();
        let kinds: Vec<Option<Kind>> = entries
            .iter()
            .map(|(entry, _)| self.kind(call, worker, entry))
            .collect();
        for &(entry, _) in &entries {
            for cell in cells(entry.range) {
                let piece = self.regions[&entry.region].piece[cell];
                if self.pieces.get(&piece) == Some(&Held::Worker(worker)) {
                    self.erase(piece);
                }
            }
        }
        let owned: Vec<u32> = self
            .pieces
            .iter()
            .filter(|(_, held)| **held == Held::Call(call))
            .map(|(&piece, _)| piece)
            .collect();
        owned.into_iter().for_each(|piece| self.erase(piece));
        for (&(entry, output), kind) in entries.iter().zip(kinds) {
            match kind {
                Some(Kind::Held) => self.add_share(worker, entry, output),
                Some(Kind::Lent) if !entry.mutable => {
                    self.unite(entry, true);
                    self.add_share(worker, entry, output);
                }
                Some(Kind::Owned) if !entry.mutable => {
                    self.unite(entry, false);
                    self.add_share(worker, entry, output);
                }
                other => {
                    if other == Some(Kind::Lent) {
                        self.new_block(entry.region, entry.range, false);
                    }
                    let held = if output {
                        Held::Handle
                    } else {
                        Held::Worker(worker)
                    };
                    self.new_piece(entry.region, entry.range, held);
                }
            }
            let block = self.block_of(entry.region, entry.range.offset);
            if output && self.regions[&entry.region].kind == RegionKind::Worker(worker) {
                self.blocks
                    .entry(block)
                    .and_modify(|block| block.entries += 1);
            }
        }
        if let Some(call) = self.calls.get_mut(&call) {
            call.args.retain(|entry| !entry.mutable);
        }
        self.close(call);
    }

    /// Whether the worker may report this range as released; if so, it is.
    pub(super) fn released(&mut self, worker: Worker, entry: Entry) -> bool {
        if !self.knows(worker, &entry) {
            return false;
        }
        let (region, range) = (entry.region, entry.range);
        let pieces: Vec<u32> = self.regions[&region].piece[cells(range)].to_vec();
        let one = pieces.iter().all(|&piece| piece == pieces[0]);
        if let Some((_, _, retained)) = self.shares(region, range.offset)
            && one
        {
            let Some(count) = retained.get_mut(&worker) else {
                return false;
            };
            *count -= 1;
            retained.retain(|_, count| *count > 0);
            return true;
        }
        let owned = |piece: &u32| self.pieces.get(piece) == Some(&Held::Worker(worker));
        let block = self.block_of(region, range.offset);
        let one_block = self.regions[&region].block[cells(range)]
            .iter()
            .all(|&other| other == block);
        if !pieces.iter().all(owned) || !one_block {
            return false;
        }
        // What remains of a piece after the range is a piece of its own.
        let last = pieces[pieces.len() - 1];
        let after: Vec<usize> = (cells(range).end..self.regions[&region].piece.len())
            .take_while(|&cell| self.regions[&region].piece[cell] == last)
            .collect();
        let number = self.number();
        if let Some(found) = self.regions.get_mut(&region) {
            found.piece[cells(range)].fill(0);
            after.iter().for_each(|&cell| found.piece[cell] = number);
        }
        if !after.is_empty() {
            self.pieces.insert(number, Held::Worker(worker));
        }
        let used: Vec<u32> = self
            .regions
            .values()
            .flat_map(|region| region.piece.clone())
            .collect();
        self.pieces.retain(|piece, _| used.contains(piece));
        true
    }

    fn knows(&self, worker: Worker, entry: &Entry) -> bool {
        let attached = self
            .workers
            .get(&worker)
            .is_some_and(|mate| mate.attached.contains_key(&entry.region));
        let inside = self.regions.get(&entry.region).is_some_and(|region| {
            entry
                .range
                .checked_end()
                .is_some_and(|end| end <= region.bytes)
        });
        attached && inside && entry.range.len > 0
    }

    fn kind(&self, call: CallId, worker: Worker, entry: &Entry) -> Option<Kind> {
        let region = &self.regions[&entry.region];
        let own = region.kind == RegionKind::Worker(worker);
        let cells = cells(entry.range);
        let first = cells.start;
        let held = |cell: usize| self.pieces.get(&region.piece[cell]);
        if let (false, Some(Held::Shared { retained, .. })) = (entry.mutable, held(first))
            && cells
                .clone()
                .all(|cell| region.piece[cell] == region.piece[first])
        {
            let given = self.calls[&call].args.iter().any(|argument| {
                argument.region == entry.region
                    && region.piece[(argument.range.offset / CELL) as usize] == region.piece[first]
            });
            return (own || given || retained.contains_key(&worker)).then_some(Kind::Held);
        }
        let owns = |cell: usize| match held(cell) {
            Some(Held::Call(owner)) => *owner == call,
            Some(Held::Worker(owner)) => *owner == worker,
            _ => false,
        };
        if owns(first) {
            let all = cells
                .clone()
                .all(|cell| owns(cell) && region.block[cell] == region.block[first]);
            return all.then_some(Kind::Owned);
        }
        let lendable = |cell: usize| match region.block[cell] {
            0 => true,
            block => !entry.mutable && self.blocks[&block].shared,
        };
        (own && cells.clone().all(lendable)).then_some(Kind::Lent)
    }

    fn add_share(&mut self, worker: Worker, entry: Entry, output: bool) {
        if let Some((handles, _, retained)) = self.shares(entry.region, entry.range.offset) {
            if output {
                *handles += 1;
            } else {
                *retained.entry(worker).or_default() += 1;
            }
        }
    }

    /// Makes one frozen piece of a range and of the frozen pieces that it overlaps. With `lent`, the blocks that it
    /// overlaps become one block, all of which is that piece.
    fn unite(&mut self, entry: Entry, lent: bool) {
        let (id, region) = (entry.region, &self.regions[&entry.region]);
        let range = cells(entry.range);
        let old_blocks: Vec<u32> = region.block[range.clone()]
            .iter()
            .copied()
            .filter(|&block| block != 0)
            .collect();
        let part = |cell: usize| {
            range.contains(&cell)
                || (lent && old_blocks.contains(&region.block[cell]))
                || (region.piece[cell] != 0
                    && region.piece[range.clone()].contains(&region.piece[cell]))
        };
        let all: Vec<usize> = (0..region.piece.len()).filter(|&cell| part(cell)).collect();
        let mut old_pieces: Vec<u32> = all
            .iter()
            .map(|&cell| region.piece[cell])
            .filter(|&piece| piece != 0)
            .collect();
        old_pieces.dedup();
        let mut sum = (0, 0, std::collections::BTreeMap::new());
        for piece in old_pieces {
            if let Some(Held::Shared {
                handles,
                calls,
                retained,
            }) = self.pieces.remove(&piece)
            {
                sum.0 += handles;
                sum.1 += calls;
                for (worker, count) in retained {
                    *sum.2.entry(worker).or_default() += count;
                }
            }
        }
        let piece = self.number();
        self.pieces.insert(
            piece,
            Held::Shared {
                handles: sum.0,
                calls: sum.1,
                retained: sum.2,
            },
        );
        self.fill(id, &all, |cells, cell| cells.piece[cell] = piece);
        if lent {
            let block = self.new_block(id, entry.range, true);
            for old in old_blocks {
                if let Some(old) = self.blocks.remove(&old)
                    && let Some(block) = self.blocks.get_mut(&block)
                {
                    block.entries += old.entries;
                    block.born = block.born.min(old.born);
                }
            }
            self.fill(id, &all, |cells, cell| cells.block[cell] = block);
        }
    }

    fn fill(
        &mut self,
        region: RegionId,
        all: &[usize],
        set: impl Fn(&mut super::model::Cells, usize),
    ) {
        if let Some(found) = self.regions.get_mut(&region) {
            all.iter().for_each(|&cell| set(found, cell));
        }
    }
}
