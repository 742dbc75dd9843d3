//! `mmap`: workers map the dataset's file; the page cache is the shared memory.
//!
//! A file that is mostly not in the page cache is read in large pieces instead: page faults ask
//! the disk for far less at once.

use crate::exit::Failure;
use crate::sum::source::Source;
use pool::{Access, Pool, Region, RegionId};
use shmem::Mapping;
use std::fs::File;
use std::sync::Arc;

/// Below this share of the file in the page cache, it is read.
const MAPPED_FROM: f64 = 0.5;

/// Attaches the file; gives the region and the bytes in it before the first record.
pub(super) fn attach(source: &Source, pool: &mut Pool) -> Result<(RegionId, u64), Failure> {
    let before = source.offset();
    let file = source.dataset.file().try_clone()?;
    let access = match cached_share(&file, before, source.len()) {
        // A worker that may not have so much address space reads too.
        cached if cached >= MAPPED_FROM && Mapping::check_room(before + source.len()).is_ok() => {
            Access::Map
        }
        _ => Access::Read,
    };
    let file = Arc::new(file);
    let region = pool.attach(Region::File {
        file,
        len: before + source.len(),
        access,
    });
    Ok((region, before))
}

/// About how much of the file's records is in the page cache, 0 to 1, from samples spread over
/// them: to ask for all of a large file takes milliseconds.
fn cached_share(file: &File, offset: u64, len: u64) -> f64 {
    const SAMPLES: u64 = 64;
    const SAMPLE: u64 = 64 * 1024;
    let sampled: f64 = (0..SAMPLES)
        .map(|sample| {
            let at = len / SAMPLES * sample;
            shmem::resident(file, offset + at, SAMPLE.min(len - at)).fraction()
        })
        .sum();
    sampled / SAMPLES as f64
}
