//! Arrays of calls and results on a rank that serves: memory that was sent here, memory that is sent back.

use crate::link::{Link, Message};
use crate::memory::{Memories, pieces};
use crate::protocol::{Back, FilePieces, Given, Piece, Up, head, take};
use std::collections::HashMap;
use std::ops::Range;
use task::arrays::raw::{Memory, Part};

/// Results of fewer bytes travel with their call's output.
const SMALL: usize = task::arrays::SHARED_BYTES;

#[derive(Default)]
pub(crate) struct Arrays {
    here: Memories,
    /// Why memory is not here that should be.
    missing: HashMap<u64, String>,
    /// Where the arguments of open calls lie.
    arguments: HashMap<u64, Vec<(u32, Range<usize>, bool)>>,
    sent: u64,
}

impl Arrays {
    /// A part of some memory has come.
    pub(crate) fn piece(&mut self, piece: &Piece, bytes: &[u8]) {
        if let Err(why) = self.here.write(piece, bytes) {
            self.missing.insert(piece.memory, why);
        }
    }

    /// Parts of a file are to be read.
    pub(crate) fn file(&mut self, pieces: &FilePieces) {
        if let Err(why) = self.here.read(pieces) {
            self.missing.insert(pieces.memory, why);
        }
    }

    pub(crate) fn forget(&mut self, memories: &[u64]) {
        for memory in memories {
            self.here.take(*memory);
            self.missing.remove(memory);
        }
    }

    /// The arrays of a call that has come; the bytes of those that came with it are taken from `body`.
    pub(crate) fn given(
        &mut self,
        id: u64,
        given: &[Given],
        body: &mut &[u8],
    ) -> Result<Vec<Part>, String> {
        let mut parts = Vec::with_capacity(given.len());
        let mut trouble = None;
        for given in given {
            match self.part(given, body) {
                Ok(part) => parts.push(part),
                Err(why) => trouble = trouble.or(Some(why)),
            }
        }
        if let Some(why) = trouble {
            return Err(why);
        }
        let place =
            |(index, part): (usize, &Part)| (index as u32, part.memory.addresses(), part.mutable);
        let large = parts
            .iter()
            .enumerate()
            .filter(|(_, part)| part.len >= SMALL);
        let places: Vec<_> = large.map(place).collect();
        if !places.is_empty() {
            self.arguments.insert(id, places);
        }
        Ok(parts)
    }

    fn part(&mut self, given: &Given, body: &mut &[u8]) -> Result<Part, String> {
        match *given {
            Given::Inline { len, mutable } => {
                let bytes = take(body, len).ok_or("an array is cut off")?;
                self.here.of_bytes(bytes, mutable)
            }
            Given::Slice { memory, start, len } => {
                if let Some(why) = self.missing.get(&memory) {
                    return Err(why.clone());
                }
                let found = self.here.get(memory).ok_or("memory that was not sent")?;
                Ok(Part {
                    memory: found,
                    start: start as usize,
                    len: len as usize,
                    mutable: false,
                })
            }
            Given::Taken { memory } => {
                if let Some(why) = self.missing.remove(&memory) {
                    return Err(why);
                }
                let memory = self.here.take(memory).ok_or("memory that was not sent")?;
                Ok(Part {
                    start: 0,
                    len: memory.bytes().len(),
                    memory,
                    mutable: true,
                })
            }
        }
    }

    /// The call is not here any more.
    pub(crate) fn closed(&mut self, id: u64) {
        self.arguments.remove(&id);
    }

    /// Sends the arrays of a result: small ones behind its output, others as messages before it.
    pub(crate) fn back(
        &mut self,
        id: u64,
        parts: Vec<Part>,
        bytes: &mut Vec<u8>,
        link: &mut Link,
    ) -> Vec<Back> {
        let mut back = Vec::with_capacity(parts.len());
        for part in parts {
            back.push(self.back_one(id, &part, bytes, link));
        }
        back
    }

    fn back_one(&mut self, id: u64, part: &Part, bytes: &mut Vec<u8>, link: &mut Link) -> Back {
        let start = part.memory.addresses().start + part.start;
        let (len, mutable) = (part.len as u64, part.mutable);
        let arguments = self.arguments.get(&id).into_iter().flatten();
        let mut inside = arguments
            .filter(|(_, all, _)| len > 0 && all.start <= start && start + part.len <= all.end);
        if let Some((index, all, written)) = inside.next() {
            let back = Back::Argument {
                index: *index,
                start: (start - all.start) as u64,
                len,
                mutable,
            };
            if *written {
                let into = |offset: usize| Up::Into {
                    call: id,
                    index: *index,
                    offset: (start - all.start + offset) as u64,
                };
                send_pieces(&part.memory, part.start, part.len, link, into);
            }
            return back;
        }
        if part.len < SMALL {
            bytes.extend_from_slice(&part.memory.bytes()[part.start..part.start + part.len]);
            return Back::Inline { len, mutable };
        }
        self.sent += 1;
        let memory = self.sent;
        let piece = |offset: usize| {
            Up::Piece(Piece {
                memory,
                total: len,
                offset: offset as u64,
                mutable,
            })
        };
        send_pieces(&part.memory, part.start, part.len, link, piece);
        Back::Memory { memory }
    }
}

/// Sends a part of some memory, each message of which begins with what `up` gives for its offset.
fn send_pieces(
    memory: &Memory,
    start: usize,
    len: usize,
    link: &mut Link,
    up: impl Fn(usize) -> Up,
) {
    for piece in pieces(len) {
        let message = Message {
            head: head(&up(piece.start)),
            body: Some((memory.clone(), start + piece.start..start + piece.end)),
        };
        link.send(0, message);
    }
}
