//! Arrays of calls that go to other ranks, and of results that come from there.

use super::Root;
use crate::link::Message;
use crate::memory::{pieces, write};
use crate::protocol::{Back, Down, FilePieces, FileState, Given, Piece, head, take};
use std::collections::HashMap;
use std::ops::Range;
use task::arrays::raw::{Memory, Part};
use task::arrays::{SHARED_BYTES, Table};

/// Parts of fewer bytes travel with their call.
const SMALL: usize = 4 << 10;
impl Root {
    /// Has the memory sent that a call needs on a rank, and gives which regions it uses there; small arrays go behind
    /// its arguments.
    pub(super) fn give_arrays(
        &mut self,
        rank: usize,
        parts: &[Part],
        body: &mut Vec<u8>,
    ) -> (Vec<Given>, Vec<u64>) {
        let mut given = Vec::with_capacity(parts.len());
        let mut uses = Vec::new();
        for part in parts {
            let Part {
                memory,
                start,
                len,
                mutable,
            } = part;
            let small = match mutable {
                true => *len < SHARED_BYTES,
                false => *len < SMALL || memory.bytes().len() < SHARED_BYTES,
            };
            if small {
                body.extend_from_slice(&memory.bytes()[*start..start + len]);
                given.push(Given::Inline {
                    len: *len as u64,
                    mutable: *mutable,
                });
            } else if *mutable {
                let id = self.shared.new_id();
                let all = pieces(*len).map(|piece| piece.start as u64..piece.end as u64);
                self.send_pieces(rank, id, memory, true, all);
                given.push(Given::Taken { memory: id });
            } else {
                let id = self.shared.id(memory);
                let (start, len) = (*start as u64, *len as u64);
                self.send_region(rank, id, memory, start..start + len);
                uses.push(id);
                given.push(Given::Slice {
                    memory: id,
                    start,
                    len,
                });
            }
        }
        (given, uses)
    }

    /// What of these bytes the rank does not have.
    fn send_region(&mut self, rank: usize, id: u64, memory: &Memory, bytes: Range<u64>) {
        let total = memory.bytes().len() as u64;
        let needed = self.regions.need(rank, id, total, bytes);
        if !needed.forget.is_empty() {
            self.send(rank, &Down::Forget(needed.forget));
        }
        if needed.send.is_empty() {
            return;
        }
        match memory.file() {
            Some(file) => {
                let file = FileState {
                    path: file.path.clone(),
                    size: file.size,
                    mtime_ns: file.mtime_ns,
                    inode: file.inode,
                };
                let ranges = needed.send;
                let memory = id;
                self.send(
                    rank,
                    &Down::File(FilePieces {
                        memory,
                        total,
                        file,
                        ranges,
                    }),
                );
            }
            None => self.send_pieces(rank, id, memory, false, needed.send.into_iter()),
        }
    }

    fn send_pieces(
        &mut self,
        rank: usize,
        id: u64,
        memory: &Memory,
        mutable: bool,
        all: impl Iterator<Item = Range<u64>>,
    ) {
        let total = memory.bytes().len() as u64;
        let mut link = self.link.borrow_mut();
        for piece in all {
            self.shared.add_sent(rank, piece.end - piece.start);
            let down = Down::Piece(Piece {
                memory: id,
                total,
                offset: piece.start,
                mutable,
            });
            let body = (memory.clone(), piece.start as usize..piece.end as usize);
            let message = Message {
                head: head(&down),
                body: Some(body),
            };
            link.send(rank, message);
        }
    }

    /// Has other ranks forget memory that is gone here.
    pub(super) fn forget_gone(&mut self) {
        let regions = &self.regions;
        for id in self.shared.take_gone(|id| regions.is_used(id)) {
            for rank in self.regions.gone(id) {
                if self.ranks[rank].lives {
                    self.send(rank, &Down::Forget(vec![id]));
                }
            }
        }
    }

    /// A part of an argument that was handed over has come back.
    pub(super) fn write_argument(&mut self, id: u64, index: u32, offset: u64, bytes: &[u8]) {
        if let Some(held) = self.held.with(id)
            && let Some(part) = held.parts.get(index as usize)
            && part.mutable
        {
            // A rank that sends what is outside gives a result that is outside as well, which is refused.
            let _ = write(&part.memory, offset, bytes);
        }
    }

    /// The arrays of a result; the bytes of those that came with it are taken from `body`.
    pub(super) fn back(
        &mut self,
        rank: usize,
        back: Vec<Back>,
        parts: Vec<Part>,
        body: &mut &[u8],
    ) -> Result<Table, String> {
        let mut arguments: Vec<Option<Part>> = parts.into_iter().map(Some).collect();
        let mut returned = Returned::of(&back, &mut arguments)?;
        let mut table = Vec::with_capacity(back.len());
        for (n, back) in back.into_iter().enumerate() {
            table.push(match back {
                Back::Inline { len, mutable } => {
                    let bytes = take(body, len).ok_or("an array is cut off")?;
                    self.ranks[rank].memories.of_bytes(bytes, mutable)?
                }
                Back::Memory { memory } => {
                    let memories = &mut self.ranks[rank].memories;
                    let (memory, mutable) = memories.take_made(memory)?;
                    Part {
                        start: 0,
                        len: memory.bytes().len(),
                        memory,
                        mutable,
                    }
                }
                Back::Argument {
                    index,
                    start,
                    len,
                    mutable,
                } => match returned.0.remove(&n) {
                    Some(part) => part,
                    None => {
                        let part = arguments.get(index as usize).and_then(Option::as_ref);
                        let part = part.ok_or("an argument that is not there")?;
                        let memory = part.memory.clone();
                        let inside = start.checked_add(len);
                        if mutable || inside.is_none_or(|end| end > memory.bytes().len() as u64) {
                            return Err("a part of an argument that is not there".to_owned());
                        }
                        Part {
                            memory,
                            start: start as usize,
                            len: len as usize,
                            mutable: false,
                        }
                    }
                },
            });
        }
        Ok(Table::of_parts(table))
    }
}

/// Parts of arguments that were handed over and come back, by their index in the result.
struct Returned(HashMap<usize, Part>);

impl Returned {
    fn of(back: &[Back], arguments: &mut [Option<Part>]) -> Result<Returned, String> {
        let mut returned = HashMap::new();
        for (number, slot) in arguments.iter_mut().enumerate() {
            let Some(argument) = slot.take_if(|part| part.mutable) else {
                continue;
            };
            let mut ranges = Vec::new();
            for (n, back) in back.iter().enumerate() {
                if let Back::Argument {
                    index,
                    start,
                    len,
                    mutable,
                } = *back
                    && index as usize == number
                {
                    ranges.push((start, len, mutable, n));
                }
            }
            if ranges.iter().all(|(_, _, mutable, _)| !mutable) {
                // Frozen as a whole: parts of it may overlap.
                argument.memory.freeze();
                let part = Part {
                    mutable: false,
                    ..argument
                };
                *slot = Some(part);
                continue;
            }
            ranges.sort_unstable();
            cut(argument.memory, &ranges, &mut returned)?;
        }
        Ok(Returned(returned))
    }
}

/// Cuts memory into the parts that come back; what does not is free.
fn cut(
    memory: Memory,
    ranges: &[(u64, u64, bool, usize)],
    returned: &mut HashMap<usize, Part>,
) -> Result<(), String> {
    let outside = || "a part of an argument that is not there".to_owned();
    let mut rest = Some(memory);
    let mut at = 0;
    for &(start, len, mutable, n) in ranges {
        let (skip, len) = (
            start.checked_sub(at).ok_or_else(outside)? as usize,
            len as usize,
        );
        let memory = rest.take().ok_or_else(outside)?;
        if skip + len > memory.bytes().len() {
            return Err(outside());
        }
        let memory = match skip {
            0 => memory,
            skip => memory.split_at(skip).map_err(|_| outside())?.1,
        };
        let part = if len == memory.bytes().len() {
            memory
        } else {
            let (part, after) = memory.split_at(len).map_err(|_| outside())?;
            rest = Some(after);
            part
        };
        at = start + len as u64;
        if !mutable {
            part.freeze();
        }
        let part = Part {
            memory: part,
            start: 0,
            len,
            mutable,
        };
        returned.insert(n, part);
    }
    Ok(())
}
