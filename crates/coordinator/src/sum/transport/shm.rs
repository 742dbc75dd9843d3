//! `shm`: the dataset is copied once into a named segment that all workers attach.

use crate::exit::Failure;
use crate::sum::source::Source;
use crate::sum::step::Progress;
use pool::{Pool, Region, RegionId};
use shmem::{CreateError, Mapping, Segment};
use std::sync::Arc;

/// Checks that there is room for the segment, and for workers to map it.
pub(super) fn reserve(len: u64) -> anyhow::Result<()> {
    // Segments that an earlier power loss or crash left only take room. Where it
    // cannot be removed, the segment says so if there is no room.
    let _ = shmem::remove_leftovers();
    Segment::check_room(len).map_err(explain)?;
    Ok(Mapping::check_room(len)?)
}

/// With another transport, where no segment of any size can be made here.
fn explain(error: CreateError) -> anyhow::Error {
    match error {
        CreateError::System { .. } | CreateError::Room { .. } => {
            anyhow::anyhow!("{error}; use --transport mmap, which needs no segment")
        }
        _ => error.into(),
    }
}

/// Makes and fills the segment; says how.
pub(super) fn share(
    source: &Source,
    pool: &mut Pool,
    progress: &mut Progress<'_>,
) -> Result<(RegionId, String), Failure> {
    let _ = shmem::remove_leftovers();
    let mut segment = Segment::create(source.len()).map_err(explain)?;
    let (file, offset) = (source.dataset.file(), source.offset());
    let filled = segment.fill_from_file(file, offset, source.threads, &mut |bytes| {
        pool.pause_if_asked();
        progress(bytes)
    })?;
    let mb = |bytes: u64| bytes / (1024 * 1024);
    let pages = match filled.huge_bytes {
        0 => "in small pages".to_owned(),
        huge => format!("{} MB of it in huge pages", mb(huge)),
    };
    let said = format!(
        "Shared {} MB as {}, {pages}.",
        mb(segment.len()),
        segment.name()
    );
    Ok((pool.attach(Region::Segment(Arc::new(segment))), said))
}
