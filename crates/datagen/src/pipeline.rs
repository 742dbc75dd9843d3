//! Generates blocks on some threads and writes them on this one, in order and in constant memory.
//!
//! Each generator makes every n-th block and has buffers of its own, which travel to the writer and
//! back. So the writer finds the next block by turns, no lock is shared, and no buffer's memory is
//! touched for the first time twice. One writer is enough: writes to one file take turns in the
//! kernel.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::pieces::{PIECE, Pieces};
use crate::records::{BLOCK_RECORDS, RECORD_LEN, fill_block};

/// Blocks that may be held back until they make a piece, the one that completes it among them.
const HELD: usize = PIECE.div_ceil((BLOCK_RECORDS * RECORD_LEN) as u64) as usize + 1;

/// Why not all blocks were written.
#[derive(Debug)]
pub(crate) enum Halt {
    /// The progress function asked for it.
    Stopped,
    /// A write failed, with `written` bytes of records written before it.
    Failed { written: u64, error: io::Error },
}

/// What is to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    pub(crate) seed: u64,
    pub(crate) records: u64,
    /// Where in the file the first record goes, in bytes.
    pub(crate) offset: u64,
    /// Threads that generate; at least one.
    pub(crate) generators: usize,
}

/// Writes the records of `job` to `file`, and reports to `progress` after every piece how many bytes of
/// them were written.
pub(crate) fn run(
    file: &File,
    job: Job,
    progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<(), Halt> {
    let blocks = job.records.div_ceil(BLOCK_RECORDS as u64);
    let generators = blocks.min(job.generators.max(1) as u64) as usize;
    // Of one generator: those held back, one being filled, one waiting.
    let buffers = HELD.div_ceil(generators.max(1)) + 2;
    thread::scope(|scope| {
        let lanes: Vec<Lane> = (0..generators)
            .map(|first| {
                let (empty, refill) = sync_channel(buffers);
                let (deliver, full) = sync_channel(buffers);
                let numbers = (first as u64..blocks).step_by(generators);
                scope.spawn(move || generate(job, numbers, &refill, &deliver));
                for _ in 0..buffers {
                    // The channel has room for all of them.
                    let _ = empty.send(Vec::new());
                }
                Lane { empty, full }
            })
            .collect();
        write(file, job, blocks, &lanes, progress)
    })
}

/// The writer's ends of one generator's channels.
struct Lane {
    empty: SyncSender<Vec<u8>>,
    full: Receiver<Vec<u8>>,
}

/// Ends early where the writer has hung up.
fn generate(
    job: Job,
    blocks: impl Iterator<Item = u64>,
    refill: &Receiver<Vec<u8>>,
    deliver: &SyncSender<Vec<u8>>,
) {
    for block in blocks {
        let Ok(mut buffer) = refill.recv() else {
            return;
        };
        let start = block * BLOCK_RECORDS as u64;
        let records = (job.records - start).min(BLOCK_RECORDS as u64) as usize;
        buffer.resize(records * RECORD_LEN, 0);
        fill_block(job.seed, block, &mut buffer);
        if deliver.send(buffer).is_err() {
            return;
        }
    }
}

fn write(
    file: &File,
    job: Job,
    blocks: u64,
    lanes: &[Lane],
    progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<(), Halt> {
    let mut pieces = Pieces::new(file, job.offset);
    let mut written = 0;
    for (block, lane) in (1..=blocks).zip(lanes.iter().cycle()) {
        let records = lane
            .full
            .recv()
            .expect("a generator delivers all of its blocks");
        let mut result = pieces.push(records, &lane.empty);
        if block == blocks && result.is_ok() {
            result = pieces.finish();
        }
        let before = std::mem::replace(&mut written, pieces.offset() - job.offset);
        result.map_err(|error| Halt::Failed { written, error })?;
        if written > before && progress(written).is_break() {
            return Err(Halt::Stopped);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;
    use std::io::Read;

    fn job(records: u64, generators: usize) -> Job {
        Job {
            seed: 42,
            records,
            offset: 5,
            generators,
        }
    }

    fn bytes(records: u64, generators: usize) -> Vec<u8> {
        let mut file = tempfile::tempfile().unwrap();
        run(&file, job(records, generators), &mut |_| {
            ControlFlow::Continue(())
        })
        .unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn the_same_bytes_from_any_number_of_threads() {
        let records = 5 * BLOCK_RECORDS as u64 + 7;
        let one = bytes(records, 1);
        assert_eq!(one.len() as u64, 5 + records * RECORD_LEN as u64);
        for generators in [2, 3, 8, 64] {
            assert!(bytes(records, generators) == one, "{generators} generators");
        }
    }

    #[test]
    fn a_shorter_dataset_is_the_start_of_a_longer() {
        let (short, long) = (
            bytes(BLOCK_RECORDS as u64 + 1, 2),
            bytes(3 * BLOCK_RECORDS as u64, 2),
        );
        assert!(long.starts_with(&short));
        assert!(bytes(0, 2).is_empty());
    }

    #[test]
    fn a_full_disk_ends_it() {
        let file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let halt = run(&file, job(1_000_000, 3), &mut |_| ControlFlow::Continue(()));
        let Err(Halt::Failed { written: 0, error }) = halt else {
            panic!("{halt:?}")
        };
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn progress_can_stop_it() {
        let file = tempfile::tempfile().unwrap();
        let mut calls = Vec::new();
        let halt = run(&file, job(1_000_000, 2), &mut |written| {
            calls.push(written);
            if calls.len() == 2 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        assert!(matches!(halt, Err(Halt::Stopped)));
        assert_eq!(calls, [PIECE - 5, 2 * PIECE - 5]);
    }
}
