//! `inherit`: the coordinator has the dataset in its own memory when it forks its workers.

use crate::exit::Failure;
use crate::sum::source::Source;
use crate::sum::step::Progress;
use pool::{Region, SharedBytes};
use shmem::PrivateMemory;
use std::sync::Arc;

/// The dataset's records in memory.
pub(super) struct Loaded(SharedBytes);

impl Loaded {
    pub(super) fn region(&self) -> Region {
        Region::Inherited(Arc::clone(&self.0))
    }
}

/// Reads the dataset's records.
pub(super) fn load(source: &Source, progress: &mut Progress<'_>) -> Result<Loaded, Failure> {
    let (file, offset) = (source.dataset.file(), source.offset());
    let len = source.len();
    let memory = PrivateMemory::read_file(file, offset, len, source.threads, progress)?;
    Ok(Loaded(Arc::new(Whole(memory))))
}

struct Whole(PrivateMemory);

impl AsRef<[u8]> for Whole {
    fn as_ref(&self) -> &[u8] {
        self.0
            .slice(0, self.0.len())
            .expect("memory reaches its own length")
    }
}
