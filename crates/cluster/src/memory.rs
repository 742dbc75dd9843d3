//! Memory that other ranks have sent, by their numbers for it; the one place that writes into arrays.

use crate::protocol::{FilePieces, Piece};
use crate::regions::PIECE;
use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use task::arrays::raw::{Memory, Part};

/// Memory by number.
#[derive(Default)]
pub(crate) struct Memories {
    /// With whether it is an `ArrayMut`'s.
    all: HashMap<u64, (Memory, bool)>,
}

impl Memories {
    pub(crate) fn get(&self, id: u64) -> Option<Memory> {
        Some(self.all.get(&id)?.0.clone())
    }

    pub(crate) fn take(&mut self, id: u64) -> Option<Memory> {
        Some(self.all.remove(&id)?.0)
    }

    /// Memory of a result, and whether it is mutable.
    pub(crate) fn take_made(&mut self, id: u64) -> Result<(Memory, bool), String> {
        let made = self.all.remove(&id);
        made.ok_or_else(|| "memory that was not sent".to_owned())
    }

    /// Writes a part that has come.
    pub(crate) fn write(&mut self, piece: &Piece, bytes: &[u8]) -> Result<(), String> {
        let memory = self.of(piece.memory, piece.total, piece.mutable)?;
        write(&memory, piece.offset, bytes)
    }

    /// Reads parts of a file that has to be the one that was meant.
    pub(crate) fn read(&mut self, pieces: &FilePieces) -> Result<(), String> {
        let FilePieces { file: state, .. } = pieces;
        let failed = |why: std::io::Error| format!("cannot read {}: {why}", state.path.display());
        let file = File::open(&state.path).map_err(failed)?;
        let found = file.metadata().map_err(failed)?;
        let mtime_ns = found.mtime().saturating_mul(1_000_000_000) + found.mtime_nsec();
        if (found.size(), found.ino(), mtime_ns) != (state.size, state.inode, state.mtime_ns) {
            return Err(format!(
                "{} is another file here than on rank 0, or was changed: keep it on a file system that all \
                 machines share, or use Array::read_file",
                state.path.display()
            ));
        }
        let memory = self.of(pieces.memory, pieces.total, false)?;
        let mut buffer = Vec::new();
        for range in &pieces.ranges {
            buffer.resize((range.end - range.start) as usize, 0);
            file.read_exact_at(&mut buffer, range.start)
                .map_err(failed)?;
            write(&memory, range.start, &buffer)?;
        }
        Ok(())
    }

    /// New memory with these bytes, as one array.
    pub(crate) fn of_bytes(&self, bytes: &[u8], mutable: bool) -> Result<Part, String> {
        let memory = Memory::new(bytes.len(), mutable).map_err(|error| error.to_string())?;
        write(&memory, 0, bytes)?;
        Ok(Part {
            memory,
            start: 0,
            len: bytes.len(),
            mutable,
        })
    }

    fn of(&mut self, id: u64, total: u64, mutable: bool) -> Result<Memory, String> {
        if let Some((memory, _)) = self.all.get(&id) {
            return Ok(memory.clone());
        }
        let memory = Memory::new(total as usize, mutable).map_err(|error| error.to_string())?;
        self.all.insert(id, (memory.clone(), mutable));
        Ok(memory)
    }
}

/// Writes bytes that have come for this part.
pub(crate) fn write(memory: &Memory, offset: u64, bytes: &[u8]) -> Result<(), String> {
    let end = offset.checked_add(bytes.len() as u64);
    if end.is_none_or(|end| end > memory.bytes().len() as u64) {
        return Err("a part of an array that lies outside of it".to_owned());
    }
    // SAFETY: the memory was made for what is sent, or is that of an argument that was handed over with its
    // call. Each part is sent once, and before any call or result that refers to it: nobody else reads or
    // writes it meanwhile.
    unsafe { memory.write(offset as usize, bytes) };
    Ok(())
}

/// The pieces of `len` bytes in which they are sent.
pub(crate) fn pieces(len: usize) -> impl Iterator<Item = Range<usize>> {
    let piece = PIECE as usize;
    (0..len.div_ceil(piece)).map(move |n| n * piece..len.min((n + 1) * piece))
}
