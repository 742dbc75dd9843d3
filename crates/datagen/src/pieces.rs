//! Writes blocks that follow each other in pieces that end where huge pages do.
//!
//! The page cache takes a piece in one folio, which a process that maps the file later can enter
//! into its page table with one fault. Blocks written one by one come in small folios: reading
//! their mapping for the first time takes a third longer.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IoSlice};
use std::sync::mpsc::SyncSender;

use nix::errno::Errno;
use nix::sys::uio::pwritev;

/// Bytes of a piece: a huge page of x86-64, and of aarch64 with small pages of 4 KiB.
pub(crate) const PIECE: u64 = 2 * 1024 * 1024;

/// What waits to be written to a file.
pub(crate) struct Pieces<'a> {
    file: &'a File,
    /// Where the first byte that waits goes.
    offset: u64,
    /// With the way back for each.
    waiting: VecDeque<(Vec<u8>, &'a SyncSender<Vec<u8>>)>,
    /// Bytes of the first block that are written already.
    begun: usize,
    bytes: u64,
}

impl<'a> Pieces<'a> {
    /// Nothing yet; the first block goes to `offset`.
    pub(crate) fn new(file: &'a File, offset: u64) -> Pieces<'a> {
        Pieces {
            file,
            offset,
            waiting: VecDeque::new(),
            begun: 0,
            bytes: 0,
        }
    }

    /// Where the next byte will be written.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Takes a block, which goes `home` once it is written, and writes what makes whole pieces.
    pub(crate) fn push(&mut self, block: Vec<u8>, home: &'a SyncSender<Vec<u8>>) -> io::Result<()> {
        self.bytes += block.len() as u64;
        self.waiting.push_back((block, home));
        let end = (self.offset + self.bytes) / PIECE * PIECE;
        self.write_to(end)
    }

    /// Writes all that waits.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.write_to(self.offset + self.bytes)
    }

    fn write_to(&mut self, end: u64) -> io::Result<()> {
        while self.offset < end {
            let mut room = (end - self.offset) as usize;
            let mut slices = Vec::with_capacity(self.waiting.len());
            let mut begun = self.begun;
            for (block, _) in &self.waiting {
                let count = room.min(block.len() - begun);
                slices.push(IoSlice::new(&block[begun..begun + count]));
                room -= count;
                begun = 0;
            }
            match pwritev(self.file, &slices, self.offset as i64) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => self.advance(written),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn advance(&mut self, written: usize) {
        self.offset += written as u64;
        self.bytes -= written as u64;
        self.begun += written;
        while let Some((block, _)) = self.waiting.front()
            && self.begun >= block.len()
        {
            self.begun -= block.len();
            let (block, home) = self.waiting.pop_front().expect("a first block");
            // A thread that has made its last block has hung up.
            let _ = home.send(block);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::sync::mpsc::sync_channel;

    #[test]
    fn pieces_end_at_their_boundaries_and_every_block_comes_home() {
        let mut file = tempfile::tempfile().unwrap();
        let (home, back) = sync_channel(64);
        let mut pieces = Pieces::new(&file, 5);
        let mut expected = vec![0; 5];
        for number in 0..40u8 {
            let block = vec![number + 1; 300_000 + usize::from(number)];
            expected.extend_from_slice(&block);
            pieces.push(block, &home).unwrap();
            let at = pieces.offset();
            assert!(at == 5 || at.is_multiple_of(PIECE), "{at}");
            assert!(expected.len() as u64 - at < PIECE);
        }
        pieces.finish().unwrap();
        assert_eq!(pieces.offset(), expected.len() as u64);
        assert_eq!(back.try_iter().count(), 40);
        let mut found = Vec::new();
        file.read_to_end(&mut found).unwrap();
        assert!(found == expected);
    }
}
