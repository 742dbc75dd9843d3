//! The same rules as in `holds`, on arrays of cells and without any index. It is slow, and short enough to be
//! read. Reports of workers are in `model_report.rs`.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Access, CallId, Effect, Entry, Range, RegionId, RegionKind, Start, Worker};

/// The model has one cell for each `CELL` bytes.
pub(super) const CELL: u64 = 32;

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Held {
    Handle,
    Call(CallId),
    Worker(Worker),
    Shared {
        handles: u64,
        calls: u64,
        retained: BTreeMap<Worker, u64>,
    },
}

#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) born: u64,
    pub(super) entries: u64,
    pub(super) shared: bool,
}

/// A region: the number of the block and of the piece that each cell is part of, or 0.
#[derive(Clone, Debug)]
pub(super) struct Cells {
    pub(super) kind: RegionKind,
    pub(super) bytes: u64,
    pub(super) dead: bool,
    pub(super) block: Vec<u32>,
    pub(super) piece: Vec<u32>,
}

#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) args: Vec<Entry>,
    pub(super) sent: Option<Worker>,
    pub(super) cancelled: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Mate {
    pub(super) fork: Option<u64>,
    pub(super) writable: bool,
    pub(super) attached: BTreeMap<RegionId, Access>,
}

#[derive(Clone, Default, Debug)]
pub(super) struct Model {
    pub(super) regions: BTreeMap<RegionId, Cells>,
    pub(super) blocks: BTreeMap<u32, Block>,
    pub(super) pieces: BTreeMap<u32, Held>,
    pub(super) calls: BTreeMap<CallId, Call>,
    pub(super) workers: BTreeMap<Worker, Mate>,
    pub(super) clock: u64,
    numbers: u32,
    /// What has to be reported: blocks that became free, and arenas.
    pub(super) effects: Vec<Effect>,
}

/// The cells of a range.
pub(super) fn cells(range: Range) -> std::ops::Range<usize> {
    (range.offset / CELL) as usize..range.end().div_ceil(CELL) as usize
}

impl Model {
    pub(super) fn number(&mut self) -> u32 {
        self.numbers += 1;
        self.numbers
    }

    pub(super) fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    pub(super) fn add_region(&mut self, region: RegionId, kind: RegionKind, bytes: u64) {
        let empty = vec![0; (bytes / CELL) as usize];
        let cells = Cells {
            kind,
            bytes,
            dead: false,
            block: empty.clone(),
            piece: empty,
        };
        self.regions.insert(region, cells);
        if let RegionKind::Worker(worker) = kind {
            self.attach(worker, region, Access::Write);
        }
    }

    pub(super) fn add_worker(&mut self, worker: Worker, start: Start) {
        let fork = start.forked.then_some(self.tick());
        self.workers.insert(
            worker,
            Mate {
                fork,
                writable: start.writable,
                attached: BTreeMap::new(),
            },
        );
    }

    pub(super) fn attach(&mut self, worker: Worker, region: RegionId, access: Access) {
        if let Some(mate) = self.workers.get_mut(&worker) {
            let has = mate.attached.entry(region).or_insert(access);
            *has = (*has).max(access);
        }
    }

    pub(super) fn piece_of(&self, region: RegionId, offset: u64) -> u32 {
        self.regions
            .get(&region)
            .and_then(|found| found.piece.get((offset / CELL) as usize))
            .map_or(0, |&piece| piece)
    }

    pub(super) fn block_of(&self, region: RegionId, offset: u64) -> u32 {
        self.regions
            .get(&region)
            .and_then(|found| found.block.get((offset / CELL) as usize))
            .map_or(0, |&block| block)
    }

    pub(super) fn new_block(&mut self, region: RegionId, range: Range, shared: bool) -> u32 {
        let (number, born) = (self.number(), self.tick());
        self.blocks.insert(
            number,
            Block {
                born,
                entries: 0,
                shared,
            },
        );
        if let Some(found) = self.regions.get_mut(&region) {
            found.block[cells(range)].fill(number);
        }
        number
    }

    pub(super) fn new_piece(&mut self, region: RegionId, range: Range, held: Held) -> u32 {
        let number = self.number();
        self.pieces.insert(number, held);
        if let Some(found) = self.regions.get_mut(&region) {
            found.piece[cells(range)].fill(number);
        }
        number
    }

    pub(super) fn allocate(&mut self, region: RegionId, block: Range, range: Range) {
        self.new_block(region, block, false);
        self.new_piece(region, range, Held::Handle);
    }

    pub(super) fn freeze(&mut self, region: RegionId, range: Range) {
        let piece = self.piece_of(region, range.offset);
        self.pieces.insert(
            piece,
            Held::Shared {
                handles: 1,
                calls: 0,
                retained: BTreeMap::new(),
            },
        );
    }

    /// Split and join: the ranges become mutable pieces of their own.
    pub(super) fn repart(&mut self, region: RegionId, ranges: &[Range]) {
        for &range in ranges {
            let old = self
                .regions
                .get(&region)
                .map(|found| found.piece[cells(range)].to_vec())
                .unwrap_or_default();
            old.into_iter()
                .filter(|&piece| piece != 0)
                .for_each(|piece| self.erase(piece));
        }
        for &range in ranges {
            self.new_piece(region, range, Held::Handle);
        }
    }

    pub(super) fn shares(
        &mut self,
        region: RegionId,
        offset: u64,
    ) -> Option<(&mut u64, &mut u64, &mut BTreeMap<Worker, u64>)> {
        let piece = self.piece_of(region, offset);
        match self.pieces.get_mut(&piece) {
            Some(Held::Shared {
                handles,
                calls,
                retained,
            }) => Some((handles, calls, retained)),
            _ => None,
        }
    }

    pub(super) fn drop_handle(&mut self, entry: Entry) {
        if let Some((handles, ..)) = self.shares(entry.region, entry.range.offset) {
            *handles -= 1;
        } else {
            self.erase(self.piece_of(entry.region, entry.range.offset));
        }
    }

    pub(super) fn open(&mut self, call: CallId, args: &[Entry]) {
        for entry in args {
            if entry.mutable {
                let piece = self.piece_of(entry.region, entry.range.offset);
                self.pieces.insert(piece, Held::Call(call));
            } else if let Some((_, calls, _)) = self.shares(entry.region, entry.range.offset) {
                *calls += 1;
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
    }

    pub(super) fn close(&mut self, call: CallId) {
        for entry in self
            .calls
            .remove(&call)
            .map(|call| call.args)
            .unwrap_or_default()
        {
            if entry.mutable {
                self.erase(self.piece_of(entry.region, entry.range.offset));
            } else if let Some((_, calls, _)) = self.shares(entry.region, entry.range.offset) {
                *calls -= 1;
            }
        }
    }

    pub(super) fn died(&mut self, worker: Worker) {
        self.workers.remove(&worker);
        let sent: Vec<CallId> = self
            .calls
            .iter()
            .filter(|(_, call)| call.sent == Some(worker))
            .map(|(&call, _)| call)
            .collect();
        for call in sent {
            if self.calls[&call].cancelled {
                self.close(call);
            } else if let Some(call) = self.calls.get_mut(&call) {
                call.sent = None;
            }
        }
        let owned: Vec<u32> = self
            .pieces
            .iter()
            .filter(|(_, held)| **held == Held::Worker(worker))
            .map(|(&piece, _)| piece)
            .collect();
        owned.into_iter().for_each(|piece| self.erase(piece));
        for held in self.pieces.values_mut() {
            if let Held::Shared { retained, .. } = held {
                retained.remove(&worker);
            }
        }
        for region in self
            .regions
            .values_mut()
            .filter(|region| region.kind == RegionKind::Worker(worker))
        {
            region.dead = true;
        }
    }

    /// Removes a piece; its cells stay part of their block.
    pub(super) fn erase(&mut self, piece: u32) {
        if self.pieces.remove(&piece).is_some() {
            for region in self.regions.values_mut() {
                region
                    .piece
                    .iter_mut()
                    .filter(|cell| **cell == piece)
                    .for_each(|cell| *cell = 0);
            }
        }
    }

    /// Removes what nobody holds any more, and notes what has to be reported.
    pub(super) fn sweep(&mut self) {
        let unheld = |held: &Held| matches!(held, Held::Shared { handles: 0, calls: 0, retained } if retained.is_empty());
        let gone: Vec<u32> = self
            .pieces
            .iter()
            .filter(|(_, held)| unheld(held))
            .map(|(&piece, _)| piece)
            .collect();
        gone.into_iter().for_each(|piece| self.erase(piece));

        let newest_fork = self
            .workers
            .values()
            .filter_map(|mate| mate.fork)
            .max()
            .unwrap_or(0);
        let mut done = Vec::new();
        for (&id, region) in &mut self.regions {
            let held: BTreeSet<u32> = region
                .block
                .iter()
                .zip(&region.piece)
                .filter(|&(_, &piece)| piece != 0)
                .map(|(&block, _)| block)
                .collect();
            for (range, number) in runs(&region.block) {
                let block = &self.blocks[&number];
                if !held.contains(&number) && block.born > newest_fork {
                    self.effects.push(Effect::Freed {
                        region: id,
                        range,
                        entries: block.entries,
                    });
                    self.blocks.remove(&number);
                    region.block[cells(range)].fill(0);
                }
            }
            if region.dead && region.block.iter().all(|&block| block == 0) {
                done.push(id);
            }
        }
        for region in done {
            self.regions.remove(&region);
            self.workers.values_mut().for_each(|mate| {
                mate.attached.remove(&region);
            });
            self.effects.push(Effect::ArenaDone { region });
        }
    }
}

/// The runs of equal numbers other than 0.
pub(super) fn runs(numbers: &[u32]) -> Vec<(Range, u32)> {
    let mut runs: Vec<(Range, u32)> = Vec::new();
    for (cell, &number) in numbers
        .iter()
        .enumerate()
        .filter(|&(_, &number)| number != 0)
    {
        let offset = cell as u64 * CELL;
        match runs.last_mut() {
            Some((range, last)) if *last == number && range.end() == offset => range.len += CELL,
            _ => runs.push((Range::new(offset, CELL), number)),
        }
    }
    runs
}
