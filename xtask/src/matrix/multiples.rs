//! Each cell beside the least time that the machine itself needs for the same bytes.
//!
//! | transport | the cell's time | the limit |
//! | --- | --- | --- |
//! | `mmap` | exec to exit | reading the mapped file, first touch, as many threads as the cell can use |
//! | `inherit` | `total` | reading private memory, as many threads as the cell can use |
//! | `shm` | `run` | reading a filled segment, first touch, as many processes |
//! | `bytes`, `serde` | `run` | the fastest stream of the file through one socketpair |
//!
//! With several workers `bytes` can be below 1: its sender never waits for one reader to wake.
//!
//! Besides, `share` of `shm` is set beside the fastest way to fill a segment.

use report::{Cell, CellSummary, Limit, Limits, Touch, Transport, Unit, Width};

use crate::limits::{FILE_READ, MEMORY_READ, SEGMENT_FILL, SEGMENT_READ, SOCKET_STREAM};

/// Fills in the multiples of the limits that were measured.
pub(crate) fn fill_in(cell: Cell, summary: &mut CellSummary, bytes: u64, limits: &Limits) {
    let threads = Width::Threads(cell.workers.min(limits.machine.cores));
    let (what, time, limit) = match cell.transport {
        Transport::Mmap => (
            "wall",
            summary.wall.median,
            fastest(limits, FILE_READ, touched_by(threads)),
        ),
        Transport::Inherit => {
            let by_threads = |limit: &Limit| limit.width == threads;
            (
                "total",
                summary.total.median,
                fastest(limits, MEMORY_READ, by_threads),
            )
        }
        Transport::Shm => {
            let processes = Width::Processes(cell.workers);
            (
                "run",
                summary.run.median,
                fastest(limits, SEGMENT_READ, touched_by(processes)),
            )
        }
        Transport::Bytes | Transport::Serde => (
            "run",
            summary.run.median,
            fastest(limits, SOCKET_STREAM, |_| true),
        ),
    };
    if let Some((limit, rate)) = limit {
        summary.limit_multiple = Some(time / at_rate(bytes, rate));
        summary.limit = Some(format!("{what} / {}", name(limit)));
    }
    if cell.transport == Transport::Shm
        && let Some((_, rate)) = fastest(limits, SEGMENT_FILL, |_| true)
    {
        summary.share_multiple = Some(summary.share.median / at_rate(bytes, rate));
    }
}

/// A limit as words: `segment-read, 8 processes`.
pub(crate) fn name(limit: &Limit) -> String {
    match limit.width {
        Width::Threads(1) => format!("{}, 1 thread", limit.probe),
        Width::Threads(n) => format!("{}, {n} threads", limit.probe),
        Width::Processes(1) => format!("{}, 1 process", limit.probe),
        Width::Processes(n) => format!("{}, {n} processes", limit.probe),
    }
}

fn touched_by(width: Width) -> impl Fn(&Limit) -> bool {
    move |limit| limit.width == width && limit.touch == Some(Touch::First)
}

/// The fastest of a family of probes: those of this name, alone or with a way behind it
/// (`segment-fill-pread`).
fn fastest<'a>(
    limits: &'a Limits,
    family: &str,
    fits: impl Fn(&Limit) -> bool,
) -> Option<(&'a Limit, f64)> {
    limits
        .limits
        .iter()
        .filter(|limit| {
            limit
                .probe
                .strip_prefix(family)
                .is_some_and(|way| way.is_empty() || way.starts_with('-'))
        })
        .filter(|limit| limit.unit == Unit::GigabytesPerSecond && fits(limit))
        .filter_map(|limit| Some((limit, limit.value?.median)))
        .max_by(|(_, one), (_, other)| one.total_cmp(other))
}

#[expect(clippy::cast_precision_loss, reason = "no dataset has 2^53 bytes")]
fn at_rate(bytes: u64, gigabytes_per_second: f64) -> f64 {
    bytes as f64 / (gigabytes_per_second * 1e9)
}

#[cfg(test)]
mod tests {
    use report::{LimitData, Spread};

    use super::super::{sample, summary};
    use super::*;

    fn limit(probe: &str, width: Width, touch: Option<Touch>, rate: f64) -> Limit {
        Limit {
            probe: probe.to_owned(),
            width,
            pages: None,
            touch,
            unit: Unit::GigabytesPerSecond,
            value: Some(Spread {
                median: rate,
                min: rate,
                max: rate,
            }),
            samples: vec![rate],
            note: None,
        }
    }

    #[test]
    fn shm_is_compared_with_as_many_processes_and_the_fastest_fill() {
        let limits = Limits {
            schema: report::SCHEMA,
            date: String::new(),
            machine: sample::machine(),
            data: LimitData {
                path: String::new(),
                bytes: 0,
            },
            limits: vec![
                limit(SEGMENT_READ, Width::Processes(1), Some(Touch::First), 24.0),
                limit(SEGMENT_READ, Width::Processes(4), Some(Touch::First), 4.8),
                limit(SEGMENT_READ, Width::Processes(4), Some(Touch::Again), 24.0),
                limit("segment-fill-write", Width::Threads(1), None, 1.2),
                limit("segment-fill-pread", Width::Threads(2), None, 9.6),
                limit("segment-filler", Width::Threads(2), None, 99.0),
            ],
        };
        let mut matrix = sample::matrix(&[4]);
        sample::add_runs(&mut matrix.cells[0], &[2.0]);
        summary::summarise(&mut matrix, Some(&limits));
        let summary = matrix.cells[0].summary.as_ref().unwrap();
        // 2.4 GB: run 1 s where 4.8 GB/s need 0.5 s; share 0.5 s where 9.6 GB/s need 0.25 s.
        assert_eq!(summary.limit_multiple, Some(2.0));
        assert_eq!(
            summary.limit.as_deref(),
            Some("run / segment-read, 4 processes")
        );
        assert_eq!(summary.share_multiple, Some(2.0));
    }

    #[test]
    fn a_limit_that_was_not_measured_leaves_no_multiple() {
        let limits = Limits {
            schema: report::SCHEMA,
            date: String::new(),
            machine: sample::machine(),
            data: LimitData {
                path: String::new(),
                bytes: 0,
            },
            limits: vec![limit(
                SEGMENT_READ,
                Width::Processes(1),
                Some(Touch::First),
                24.0,
            )],
        };
        let mut matrix = sample::matrix(&[4]);
        sample::add_runs(&mut matrix.cells[0], &[2.0]);
        summary::summarise(&mut matrix, Some(&limits));
        let summary = matrix.cells[0].summary.as_ref().unwrap();
        assert_eq!(
            (summary.limit_multiple, summary.share_multiple),
            (None, None)
        );
    }
}
