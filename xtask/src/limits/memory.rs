//! Reading and filling memory: private, a mapped file, a segment.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use anyhow::bail;
use memmap2::{Advice, MmapMut};
use report::{Limit, Pages, Width};

use super::crew::{part, size, timed};
use super::probe::{self, FillWay, Order};
use super::raw;

/// Private memory to read: far beyond any cache, and on any machine.
const MEMORY: usize = 512 << 20;
/// A buffer that stays in a core's own cache.
const BUFFER: usize = 256 << 10;

/// Private memory in huge pages, read by threads.
pub(crate) fn memory_read(order: &Order, width: Width) -> anyhow::Result<Vec<Limit>> {
    let memory = raw::filled_memory(MEMORY, true)?;
    let crew = size(width);
    let seconds = samples(order, || {
        let phase = timed(width, 1, |member| {
            let part = &memory[part(MEMORY, crew, member)];
            move || {
                raw::read_lines(part);
            }
        })?;
        Ok(phase[0])
    })?;
    Ok(vec![probe::rate(
        probe::MEMORY_READ,
        width,
        MEMORY,
        &seconds,
    )])
}

/// The dataset, mapped anew for every sample.
pub(crate) fn file_read(order: &Order, width: Width) -> anyhow::Result<Vec<Limit>> {
    let (file, bytes) = raw::open(&order.data)?;
    let bytes = usize::try_from(bytes)?;
    let pairs = samples(order, || read_mapped(&file, bytes, width))?;
    Ok(probe::touches(probe::FILE_READ, width, bytes, &pairs))
}

/// The dataset by calls, each buffer read as it arrives.
pub(crate) fn file_pread(order: &Order, width: Width) -> anyhow::Result<Vec<Limit>> {
    let (file, bytes) = raw::open(&order.data)?;
    let bytes = usize::try_from(bytes)?;
    let crew = size(width);
    let seconds = samples(order, || {
        let phase = timed(width, 1, |member| {
            let (file, part) = (&file, part(bytes, crew, member));
            let mut buffer = vec![0; BUFFER];
            move || {
                for start in part.clone().step_by(BUFFER) {
                    let chunk = &mut buffer[..BUFFER.min(part.end - start)];
                    file.read_exact_at(chunk, start as u64)
                        .expect("the file does not shrink");
                    raw::read_lines(chunk);
                }
            }
        })?;
        Ok(phase[0])
    })?;
    Ok(vec![probe::rate(probe::FILE_PREAD, width, bytes, &seconds)])
}

/// A new segment for every sample, filled with the dataset.
pub(crate) fn segment_fill(
    order: &Order,
    way: FillWay,
    width: Width,
) -> anyhow::Result<Vec<Limit>> {
    let (file, bytes) = raw::open(&order.data)?;
    let bytes = within_memory(bytes)?;
    let seconds = samples(order, || {
        let segment = raw::segment(bytes as u64)?;
        fill(&segment, &file, bytes, way, width)
    })?;
    let name = match way {
        FillWay::Pread => "pread",
        FillWay::Write => "write",
        FillWay::Copy => "copy",
    };
    let name = format!("{}-{name}", probe::SEGMENT_FILL);
    Ok(vec![probe::rate(&name, width, bytes, &seconds)])
}

/// One filled segment, mapped anew for every sample.
pub(crate) fn segment_read(
    order: &Order,
    widths: &[Width],
    pages: Pages,
) -> anyhow::Result<Vec<Limit>> {
    let (file, bytes) = raw::open(&order.data)?;
    let bytes = within_memory(bytes)?;
    let segment = raw::segment(bytes as u64)?;
    if pages == Pages::Huge {
        let memory = raw::map_mut(&segment, bytes)?;
        let _ = memory.advise(Advice::HugePage);
        copy_in(memory, &file, bytes)?;
        if !maps_huge(&segment, bytes)? {
            bail!("huge pages for shared memory are switched off");
        }
    } else {
        fill(&segment, &file, bytes, FillWay::Pread, Width::Threads(1))?;
    }
    let mut limits = Vec::new();
    for &width in widths {
        let pairs = samples(order, || read_mapped(&segment, bytes, width))?;
        limits.extend(
            probe::touches(probe::SEGMENT_READ, width, bytes, &pairs)
                .into_iter()
                .map(|limit| Limit {
                    pages: Some(pages),
                    ..limit
                }),
        );
    }
    Ok(limits)
}

/// Seconds of reading a new mapping for the first time and again. Threads share one mapping;
/// processes map for themselves, as workers do, before the clock runs.
fn read_mapped(
    file: &(impl std::os::fd::AsFd + Sync),
    bytes: usize,
    width: Width,
) -> anyhow::Result<[f64; 2]> {
    let crew = size(width);
    let shared = match width {
        Width::Threads(_) => Some(raw::map(file, bytes)?),
        Width::Processes(_) => None,
    };
    let seconds = timed(width, 2, |member| {
        let own = match &shared {
            Some(_) => None,
            None => Some(raw::map(file, bytes).expect("the parent could map it")),
        };
        let shared = shared.as_ref();
        move || {
            let mapping = own.as_ref().or(shared).expect("one of them is there");
            raw::read_lines(&mapping[part(bytes, crew, member)]);
        }
    })?;
    Ok([seconds[0], seconds[1]])
}

/// Seconds of filling an untouched segment.
fn fill(
    segment: &OwnedFd,
    file: &File,
    bytes: usize,
    way: FillWay,
    width: Width,
) -> anyhow::Result<f64> {
    let crew = size(width);
    let source = raw::map(file, bytes)?;
    let target = File::from(segment.try_clone()?);
    let mut memory = raw::map_mut(segment, bytes)?;
    let share = part(bytes, crew, 0).len().max(1);
    let parts: Vec<std::sync::Mutex<&mut [u8]>> = memory
        .chunks_mut(share)
        .map(std::sync::Mutex::new)
        .collect();
    let phase = timed(width, 1, |member| {
        let part = part(bytes, crew, member);
        let (source, target, slot) = (&source[part.clone()], &target, parts.get(member));
        move || {
            let Some(slot) = slot else { return };
            let mut memory = slot.lock().expect("each part has one member");
            match way {
                FillWay::Pread => {
                    file.read_exact_at(&mut memory, part.start as u64)
                        .expect("room in /dev/shm");
                }
                FillWay::Write => {
                    target
                        .write_all_at(source, part.start as u64)
                        .expect("room in /dev/shm");
                }
                FillWay::Copy => memory.copy_from_slice(source),
            }
        }
    })?;
    Ok(phase[0])
}

fn copy_in(mut memory: MmapMut, file: &File, bytes: usize) -> anyhow::Result<()> {
    file.read_exact_at(&mut memory[..bytes], 0)?;
    Ok(())
}

/// Whether the kernel maps any of a segment in huge pages.
fn maps_huge(segment: &OwnedFd, bytes: usize) -> anyhow::Result<bool> {
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

/// At most a third of what is available: a segment must not push out the dataset, nor any other
/// program.
fn within_memory(bytes: u64) -> anyhow::Result<usize> {
    let available = super::available_bytes()?;
    Ok(usize::try_from(bytes.min(available / 3))?)
}

/// One warm-up, then as many samples as were ordered.
fn samples<T>(
    order: &Order,
    mut measure: impl FnMut() -> anyhow::Result<T>,
) -> anyhow::Result<Vec<T>> {
    measure()?;
    (0..order.samples).map(|_| measure()).collect()
}
