//! `mmap`: workers map the dataset's file; the page cache is the shared memory.

use crate::exit::Failure;
use crate::sum::plan::Plan;
use pool::{Pool, Region, RegionId};
use std::sync::Arc;

/// Attaches the file; gives the region and the bytes in it before the first record.
pub(super) fn attach(plan: &Plan, pool: &mut Pool) -> Result<(RegionId, u64), Failure> {
    let before = plan.dataset.data_offset();
    let file = Arc::new(plan.dataset.file().try_clone()?);
    let region = pool.attach(Region::File {
        file,
        len: before + plan.dataset.data_len(),
    });
    Ok((region, before))
}
