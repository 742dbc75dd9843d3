//! The reference of each run: the time of a plain program for the same bytes, measured next to the run. A
//! machine that other programs use, or whose memory comes from a hypervisor, is another one a minute later.
//!
//! | transport | the cell's time | the reference |
//! | --- | --- | --- |
//! | `mmap` | exec to exit | reading the mapped file, first touch, as many threads as the cell can use |
//! | `inherit` | `total` | reading private memory, as many threads as the cell can use |
//! | `shm` | `run` | reading a filled segment, first touch, as many processes |
//! | `bytes`, `serde` | `run` | the fastest stream of the file through one socketpair |
//!
//! Besides, `share` of `shm` is compared with the fastest way to fill a segment. Which way and which stream
//! are the fastest is known from the reference measurements before all runs. A reference is no bound: see
//! `faster.rs`.

use report::{
    Beside, Cell, CellRun, CellSummary, CellTime, Limit, Limits, Spread, Touch, Transport, Unit,
    Width,
};

use crate::limits::{Probe, SEGMENT_FILL, fills, names, streams};
use crate::stats::{float, spread};

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

/// What a probe found, for a run of `transport` that moved `bytes` bytes.
pub(crate) fn found(transport: Transport, bytes: u64, limits: &[Limit]) -> Vec<Beside> {
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
                limit: names::name(limit),
                seconds: at_rate(bytes, limit.value?.median),
            })
        })
        .collect()
}

/// Fills in a cell's multiples of its references.
pub(crate) fn fill_in(summary: &mut CellSummary, runs: &[&CellRun]) {
    for time in [CellTime::Wall, CellTime::Total, CellTime::Run] {
        if let Some((multiples, limit)) = multiples(runs, time) {
            summary.limit_multiple = Some(multiples.median);
            summary.limit_spread = Some(multiples);
            summary.limit = Some(format!("{} / {limit}", word(time)));
        }
    }
    summary.share_multiple = multiples(runs, CellTime::Share).map(|(share, _)| share.median);
}

/// The multiples of all runs, and the reference's name.
fn multiples<'a>(runs: &[&'a CellRun], time: CellTime) -> Option<(Spread, &'a str)> {
    let pairs: Vec<(f64, &Beside)> = runs
        .iter()
        .flat_map(|run| run.beside.iter().map(|beside| (*run, beside)))
        .filter(|(_, beside)| beside.time == time)
        .map(|(run, beside)| (seconds(run, time) / beside.seconds, beside))
        .collect();
    let multiples = spread(pairs.iter().map(|(multiple, _)| *multiple))?;
    Some((multiples, &pairs.first()?.1.limit))
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

/// Seconds for `bytes` bytes.
pub(crate) fn at_rate(bytes: u64, gigabytes_per_second: f64) -> f64 {
    float(bytes) / (gigabytes_per_second * 1e9)
}

#[cfg(test)]
mod tests {
    use report::{LimitData, StartMethod};

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
            value: Some(Spread::of(rate, rate, rate)),
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
    fn a_run_is_compared_with_the_fastest_probe() {
        let measured = limits(vec![
            limit("segment-fill-write", Width::Threads(1), None, 1.2),
            limit("segment-fill-pread", Width::Threads(2), None, 9.6),
            limit("segment-filler", Width::Threads(2), None, 99.0),
            limit("socket-raw-deep", Width::Processes(2), None, 12.0),
            limit("socket-stream-write", Width::Processes(2), None, 4.0),
            limit("socket-stream-sendfile", Width::Processes(2), None, 5.0),
        ]);
        assert_eq!(
            probe(cell(Transport::Shm), &measured),
            Some(Probe::SegmentFillRead {
                way: FillWay::Pread,
                fillers: Width::Threads(2),
                readers: Width::Processes(4),
            })
        );
        let stream = probe(cell(Transport::Bytes), &measured).unwrap();
        assert_eq!(stream.name(), "socket-stream-sendfile");
        assert_eq!(
            probe(cell(Transport::Mmap), &measured),
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
            run.beside = found(Transport::Shm, 2_400_000_000, &limits);
        }
        summary::summarise(&mut matrix);
        let summary = matrix.cells[0].summary.as_ref().unwrap();
        // 1 s to 0.5, 2 s to 1, 3 s to 1; 0.5 s to 0.25, 0.5 and 1.
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
