//! Each run of a cell beside the least time that the machine itself needs for the same bytes, measured
//! next to it: a machine that other programs use, or whose memory comes from elsewhere, is a different
//! one a minute later.
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
//! Besides, `share` of `shm` is set beside the fastest way to fill a segment. Which way and which stream
//! are the fastest is what the limits tell that were measured before all runs.

use report::{
    Beside, Cell, CellRun, CellSummary, CellTime, Limit, Limits, Touch, Transport, Unit, Width,
};

use crate::limits::{Probe, SEGMENT_FILL, fills, streams};
use crate::stats::spread;

/// What to measure next to the runs of a cell; nothing where no such probe could run before.
pub(crate) fn probe(cell: Cell, limits: &Limits) -> Option<Probe> {
    let cores = limits.machine.cores;
    let threads = Width::Threads(cell.workers.min(cores));
    match cell.transport {
        Transport::Mmap => Some(Probe::FileRead(threads)),
        Transport::Inherit => Some(Probe::MemoryRead(threads)),
        Transport::Shm => match fastest(fills(cores), limits)? {
            Probe::SegmentFill(way, fillers) => Some(Probe::SegmentFillRead {
                way,
                fillers,
                readers: Width::Processes(cell.workers),
            }),
            _ => None,
        },
        Transport::Bytes | Transport::Serde => {
            let of_dataset = streams().into_iter().filter(Probe::sends_the_dataset);
            fastest(of_dataset, limits)
        }
    }
}

/// What a probe found, for a run of `transport` that moved so many bytes.
pub(crate) fn told(transport: Transport, bytes: u64, limits: &[Limit]) -> Vec<Beside> {
    limits
        .iter()
        .filter(|limit| limit.unit == Unit::GigabytesPerSecond && limit.touch != Some(Touch::Again))
        .filter_map(|limit| {
            let time = match transport {
                Transport::Shm if limit.probe.starts_with(SEGMENT_FILL) => CellTime::Share,
                Transport::Mmap => CellTime::Wall,
                Transport::Inherit => CellTime::Total,
                Transport::Bytes | Transport::Serde | Transport::Shm => CellTime::Run,
            };
            Some(Beside {
                time,
                limit: name(limit),
                seconds: at_rate(bytes, limit.value?.median),
            })
        })
        .collect()
}

/// Fills in the multiples that the cell's runs come to.
pub(crate) fn fill_in(summary: &mut CellSummary, runs: &[&CellRun]) {
    for time in [CellTime::Wall, CellTime::Total, CellTime::Run] {
        if let Some((multiple, limit)) = multiple(runs, time) {
            summary.limit_multiple = Some(multiple);
            summary.limit = Some(format!("{} / {limit}", word(time)));
        }
    }
    summary.share_multiple = multiple(runs, CellTime::Share).map(|(multiple, _)| multiple);
}

/// The median over runs, and the limit's name.
fn multiple<'a>(runs: &[&'a CellRun], time: CellTime) -> Option<(f64, &'a str)> {
    let pairs: Vec<(f64, &Beside)> = runs
        .iter()
        .flat_map(|run| run.beside.iter().map(|beside| (*run, beside)))
        .filter(|(_, beside)| beside.time == time)
        .map(|(run, beside)| (seconds(run, time) / beside.seconds, beside))
        .collect();
    let multiples = spread(pairs.iter().map(|(multiple, _)| *multiple))?;
    Some((multiples.median, &pairs.first()?.1.limit))
}

fn seconds(run: &CellRun, time: CellTime) -> f64 {
    match time {
        CellTime::Wall => run.wall_seconds,
        CellTime::Total => run.seconds.total,
        CellTime::Run => run.seconds.run,
        CellTime::Share => run.seconds.share,
    }
}

fn word(time: CellTime) -> &'static str {
    match time {
        CellTime::Wall => "wall",
        CellTime::Total => "total",
        CellTime::Run => "run",
        CellTime::Share => "share",
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

/// Which of these probes was the fastest.
fn fastest(probes: impl IntoIterator<Item = Probe>, limits: &Limits) -> Option<Probe> {
    let rate = |probe: &Probe| {
        let (name, width) = (probe.name(), probe.width());
        let is_it = |limit: &&Limit| limit.probe == name && limit.width == width;
        Some(limits.limits.iter().find(is_it)?.value?.median)
    };
    probes
        .into_iter()
        .filter_map(|probe| Some((rate(&probe)?, probe)))
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, probe)| probe)
}

#[expect(clippy::cast_precision_loss, reason = "no dataset has 2^53 bytes")]
fn at_rate(bytes: u64, gigabytes_per_second: f64) -> f64 {
    bytes as f64 / (gigabytes_per_second * 1e9)
}

#[cfg(test)]
mod tests {
    use report::{LimitData, Spread, StartMethod};

    use super::super::{sample, summary};
    use super::*;
    use crate::limits::FillWay;

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

    fn limits(limits: Vec<Limit>) -> Limits {
        Limits {
            schema: report::SCHEMA,
            date: String::new(),
            machine: sample::machine(),
            data: LimitData {
                path: String::new(),
                bytes: 0,
            },
            limits,
        }
    }

    fn cell(transport: Transport) -> Cell {
        Cell {
            transport,
            workers: 4,
            start_method: StartMethod::Spawn,
        }
    }

    #[test]
    fn a_run_is_set_beside_the_fastest_way_that_was_found() {
        let found = limits(vec![
            limit("segment-fill-write", Width::Threads(1), None, 1.2),
            limit("segment-fill-pread", Width::Threads(2), None, 9.6),
            limit("segment-filler", Width::Threads(2), None, 99.0),
            limit("socket-raw-deep", Width::Processes(2), None, 12.0),
            limit("socket-stream-write", Width::Processes(2), None, 4.0),
            limit("socket-stream-sendfile", Width::Processes(2), None, 5.0),
        ]);
        assert_eq!(
            probe(cell(Transport::Shm), &found),
            Some(Probe::SegmentFillRead {
                way: FillWay::Pread,
                fillers: Width::Threads(2),
                readers: Width::Processes(4),
            })
        );
        let stream = probe(cell(Transport::Bytes), &found).unwrap();
        assert_eq!(stream.name(), "socket-stream-sendfile");
        assert_eq!(
            probe(cell(Transport::Mmap), &found),
            Some(Probe::FileRead(Width::Threads(2)))
        );
        let nothing = limits(Vec::new());
        assert_eq!(probe(cell(Transport::Shm), &nothing), None);
        assert_eq!(probe(cell(Transport::Serde), &nothing), None);
    }

    #[test]
    fn multiples_are_medians_of_what_was_measured_next_to_each_run() {
        let mut matrix = sample::matrix(&[4]);
        // Runs of 1, 2 and 3 s; share takes 0.5 s of each.
        sample::add_runs(&mut matrix.cells[0], &[2.0, 4.0, 6.0]);
        for (run, (fill, read)) in
            matrix.cells[0]
                .runs
                .iter_mut()
                .zip([(9.6, 4.8), (4.8, 2.4), (2.4, 2.4)])
        {
            let limits = [
                limit("segment-fill-pread", Width::Threads(2), None, fill),
                limit(
                    "segment-read",
                    Width::Processes(4),
                    Some(Touch::First),
                    read,
                ),
                limit(
                    "segment-read",
                    Width::Processes(4),
                    Some(Touch::Again),
                    99.0,
                ),
            ];
            run.beside = told(Transport::Shm, 2_400_000_000, &limits);
        }
        summary::summarise(&mut matrix);
        let summary = matrix.cells[0].summary.as_ref().unwrap();
        // 1 s beside 0.5, 2 s beside 1, 3 s beside 1; 0.5 s beside 0.25, 0.5 and 1.
        assert_eq!(summary.limit_multiple, Some(2.0));
        assert_eq!(
            summary.limit.as_deref(),
            Some("run / segment-read, 4 processes")
        );
        assert_eq!(summary.share_multiple, Some(1.0));
    }

    #[test]
    fn where_nothing_was_measured_there_is_no_multiple() {
        let mut matrix = sample::matrix(&[4]);
        sample::add_runs(&mut matrix.cells[0], &[2.0]);
        summary::summarise(&mut matrix);
        let summary = matrix.cells[0].summary.as_ref().unwrap();
        assert_eq!(
            (summary.limit_multiple, summary.share_multiple),
            (None, None)
        );
    }
}
