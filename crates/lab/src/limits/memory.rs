//! Reading memory: private, a mapped file, a segment.

use std::os::unix::fs::FileExt;

use report::{Limit, Pages, Width};

use super::crew::{part, size, timed};
use super::probe::{self, FillWay, Order};
use super::reading::Reading;
use super::sampling::{samples, within_memory};
use super::{fill, raw};

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
    let reading = Reading::of(&order.data);
    let pairs = samples(order, || read_mapped(&file, &reading, bytes, width))?;
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

/// One filled segment, mapped anew for every sample.
pub(crate) fn segment_read(
    order: &Order,
    widths: &[Width],
    pages: Pages,
) -> anyhow::Result<Vec<Limit>> {
    let (file, bytes) = raw::open(&order.data)?;
    let bytes = within_memory(bytes)?;
    let segment = raw::segment(bytes as u64)?;
    let way = match pages {
        Pages::Base => FillWay::Write,
        Pages::Huge => FillWay::PreadHuge,
    };
    fill::seconds(&segment, &file, bytes, way, Width::Threads(1))?;
    let reading = Reading::of(&order.data);
    let mut limits = Vec::new();
    for &width in widths {
        let pairs = samples(order, || read_mapped(&segment, &reading, bytes, width))?;
        limits.extend(in_pages(
            pages,
            probe::touches(probe::SEGMENT_READ, width, bytes, &pairs),
        ));
    }
    Ok(limits)
}

/// A new segment, filled with the dataset and read: both as a run of `shm` finds the machine, so that
/// they can be compared with one.
pub(crate) fn segment_fill_read(
    order: &Order,
    way: FillWay,
    fillers: Width,
    readers: Width,
) -> anyhow::Result<Vec<Limit>> {
    let (file, bytes) = raw::open(&order.data)?;
    let bytes = within_memory(bytes)?;
    let segment = raw::segment(bytes as u64)?;
    let filled = fill::seconds(&segment, &file, bytes, way, fillers)?;
    let reading = Reading::of(&order.data);
    let read = read_mapped(&segment, &reading, bytes, readers)?;
    let mut limits = vec![probe::rate(&order.probe.name(), fillers, bytes, &[filled])];
    limits.extend(in_pages(
        way.pages(),
        probe::touches(probe::SEGMENT_READ, readers, bytes, &[read]),
    ));
    Ok(limits)
}

fn in_pages(pages: Pages, limits: Vec<Limit>) -> impl Iterator<Item = Limit> {
    limits.into_iter().map(move |limit| Limit {
        pages: Some(pages),
        ..limit
    })
}

/// Seconds of reading a new mapping for the first time and again. Threads share one mapping;
/// processes map for themselves, as workers do, before the clock runs.
fn read_mapped(
    file: &(impl std::os::fd::AsFd + Sync),
    reading: &Reading,
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
            reading.read(mapping, part(bytes, crew, member));
        }
    })?;
    Ok([seconds[0], seconds[1]])
}
