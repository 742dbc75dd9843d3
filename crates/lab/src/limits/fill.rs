//! Filling a new segment with the dataset, by every way there is: the fastest is the limit.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::sync::Mutex;

use anyhow::bail;
use memmap2::Advice;
use report::{Limit, Width};

use super::crew::{part, size, timed};
use super::probe::{self, FillWay, Order};
use super::raw;
use super::sampling::{samples, within_memory};
use super::userfault::Fill;

/// More would take longer and say the same: new pages cost the same each.
const MOST: usize = 1 << 30;
const NO_ROOM: &str = "room in /dev/shm, of which a third of the memory was to be had";

/// A new segment for every sample, filled with the dataset.
pub(crate) fn segment_fill(
    order: &Order,
    way: FillWay,
    width: Width,
) -> anyhow::Result<Vec<Limit>> {
    let (file, bytes) = raw::open(&order.data)?;
    let bytes = within_memory(bytes)?.min(MOST);
    let seconds = samples(order, || {
        let segment = raw::segment(bytes as u64)?;
        seconds(&segment, &file, bytes, way, width)
    })?;
    Ok(vec![probe::rate(
        &order.probe.name(),
        width,
        bytes,
        &seconds,
    )])
}

/// Seconds of filling a segment that nobody has touched.
///
/// # Errors
///
/// What the machine refuses, huge pages among it.
pub(crate) fn seconds(
    segment: &OwnedFd,
    file: &File,
    bytes: usize,
    way: FillWay,
    width: Width,
) -> anyhow::Result<f64> {
    let crew = size(width);
    let source = raw::map(file, bytes)?;
    let phases = match way {
        FillWay::Write => {
            let target = File::from(segment.try_clone()?);
            timed(width, 1, |member| {
                let (source, target, part) = (&source, &target, part(bytes, crew, member));
                move || {
                    target
                        .write_all_at(&source[part.clone()], part.start as u64)
                        .expect(NO_ROOM)
                }
            })
        }
        FillWay::Userfault => {
            let memory = raw::map_mut(segment, bytes)?;
            let fill = Fill::register(&memory)?;
            timed(width, 1, |member| {
                let (source, fill, part) = (&source, &fill, part(bytes, crew, member));
                move || fill.copy(source, part.clone()).expect(NO_ROOM)
            })
        }
        FillWay::Pread | FillWay::PreadHuge | FillWay::Copy => {
            let mut memory = raw::map_mut(segment, bytes)?;
            if way == FillWay::PreadHuge {
                // A kernel that knows no such advice has no huge pages either, which shows below.
                let _ = memory.advise(Advice::HugePage);
            }
            let share = part(bytes, crew, 0).len().max(1);
            let parts: Vec<_> = memory.chunks_mut(share).map(Mutex::new).collect();
            timed(width, 1, |member| {
                let (source, slot, part) = (&source, parts.get(member), part(bytes, crew, member));
                move || {
                    let Some(slot) = slot else { return };
                    let mut memory = slot.lock().expect("each part has one member");
                    if way == FillWay::Copy {
                        memory.copy_from_slice(&source[part.clone()]);
                    } else {
                        file.read_exact_at(&mut memory, part.start as u64)
                            .expect(NO_ROOM);
                    }
                }
            })
        }
    };
    let seconds = phases?[0];
    if way == FillWay::PreadHuge && !is_huge(segment, bytes)? {
        bail!("huge pages for shared memory are switched off");
    }
    Ok(seconds)
}

/// Whether the kernel maps any of a segment in huge pages.
fn is_huge(segment: &OwnedFd, bytes: usize) -> anyhow::Result<bool> {
    let mapping = raw::map(segment, bytes)?;
    raw::read_lines(&mapping);
    let start = format!("{:x}-", mapping.as_ptr() as usize);
    let smaps = std::fs::read_to_string("/proc/self/smaps")?;
    let of_mapping = smaps.lines().skip_while(|line| !line.starts_with(&start));
    let huge = of_mapping
        .skip(1)
        .find_map(|line| line.strip_prefix("ShmemPmdMapped:"));
    Ok(huge.is_some_and(|huge| huge.trim() != "0 kB"))
}
