//! What every process of a run did and when, as it is kept beside the matrix.

use report::{Cell, CellReport, CellRun, Coordinator, Event, Rank, Seconds, Sum, What, Worker};
use serde::{Deserialize, Serialize};

/// The processes of one measured run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Timeline {
    /// Which cell was run.
    pub(crate) cell: Cell,
    /// The run's place in the order of all runs, as in the matrix.
    pub(crate) position: u64,
    /// The coordinator's events.
    pub(crate) coordinator: Coordinator,
    /// The workers' events.
    pub(crate) workers: Vec<Worker>,
}

/// Something that a process was busy with, in seconds since its coordinator started.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Span {
    /// With what.
    pub(crate) doing: Doing,
    /// From when.
    pub(crate) from: f64,
    /// Until when.
    pub(crate) to: f64,
}

/// What a process can be busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    /// A worker, from its start to its handshake.
    Starting,
    /// A worker, from the handing out of a batch to having its data.
    Receiving,
    /// A worker, from having a batch's data to having its result.
    Computing,
    /// A worker's result on its way to the coordinator.
    Answering,
    /// The coordinator: opening or reading the dataset.
    Load,
    /// The coordinator: filling a segment.
    Share,
    /// The coordinator: starting workers.
    Start,
    /// The coordinator: handing out batches and collecting results.
    Run,
}

impl Timeline {
    /// What a run's own report tells of its processes.
    pub(crate) fn new(cell: Cell, position: u64, sum: &Sum) -> Timeline {
        Timeline {
            cell,
            position,
            coordinator: sum.coordinator.clone(),
            workers: sum.workers.clone(),
        }
    }

    /// What one rank of a run over several machines tells of its processes.
    pub(crate) fn of_rank(sum: &Sum, rank: &Rank) -> Timeline {
        let workers = sum.workers.iter();
        let workers = workers.filter(|worker| worker.rank == Some(rank.rank));
        Timeline {
            cell: Cell {
                transport: sum.plan.transport,
                workers: rank.workers,
                // A rank starts its workers itself; the default stands for what does not say how.
                start_method: sum.plan.start_method.unwrap_or(report::StartMethod::Fork),
            },
            position: 0,
            coordinator: rank.coordinator.clone(),
            workers: workers.cloned().collect(),
        }
    }

    /// When the last process of it did its last thing.
    pub(crate) fn end(&self) -> f64 {
        let events = self.workers.iter().flat_map(|worker| &worker.events);
        events
            .chain(&self.coordinator.events)
            .map(|event| event.t)
            .fold(0.0, f64::max)
    }

    /// The coordinator's phases. Only their lengths are measured; their places are those of the
    /// workers' events: `start` ends with the last handshake, `run` with the last result, and
    /// `load` and `share` come right before what they are for.
    pub(crate) fn phases(&self, seconds: &Seconds) -> Vec<Span> {
        // A worker in place of one that died gets ready during the run.
        let handshakes = self.times(What::Ready);
        let mut first = handshakes.iter().take(self.cell.workers as usize);
        let ready = first.next_back().copied().unwrap_or(seconds.start);
        let results = self.times(What::Sent);
        let done = results.last().copied().unwrap_or(ready + seconds.run);
        let start = before(Doing::Start, ready, seconds.start);
        let run = before(Doing::Run, done, seconds.run);
        let share = before(Doing::Share, run.from, seconds.share);
        // `inherit` reads the dataset before its workers start, the others open it after.
        let loaded = if share.from - seconds.load >= start.to {
            share.from
        } else {
            start.from
        };
        let load = before(Doing::Load, loaded, seconds.load);
        [load, start, share, run]
            .into_iter()
            .filter(|span| span.to > span.from)
            .collect()
    }

    fn times(&self, what: What) -> Vec<f64> {
        let events = self.workers.iter().flat_map(|worker| &worker.events);
        let of_it = events.filter(|event| event.what == what);
        let mut times: Vec<f64> = of_it.map(|event| event.t).collect();
        times.sort_by(f64::total_cmp);
        times
    }
}

fn before(doing: Doing, to: f64, length: f64) -> Span {
    Span {
        doing,
        from: (to - length).max(0.0),
        to,
    }
}

/// What a worker was busy with, by its events and, for what was on its way to it, its coordinator's.
/// Where it is busy with nothing, it waits. A batch may come while another is computed.
pub(crate) fn spans(worker: &Worker, coordinator: &Coordinator) -> Vec<Span> {
    let received = worker.events.iter().filter(|e| e.what == What::Received);
    let mut spans: Vec<Span> = received
        .filter_map(|event| {
            // Handed out more than once where a worker died: the last time is this one's.
            let handed_out = coordinator.events.iter().rfind(|sent| {
                sent.what == What::Sent && sent.batch == event.batch && sent.t <= event.t
            })?;
            Some(Span {
                doing: Doing::Receiving,
                from: handed_out.t,
                to: event.t,
            })
        })
        .collect();
    for (index, event) in worker.events.iter().enumerate() {
        let (doing, ends_with) = match event.what {
            What::Started => (Doing::Starting, What::Ready),
            What::Received => (Doing::Computing, What::Computed),
            What::Computed => (Doing::Answering, What::Sent),
            What::Ready | What::Sent | What::Ended => continue,
        };
        let ends = |later: &&Event| later.what == ends_with && later.batch == event.batch;
        if let Some(end) = worker.events[index..].iter().find(ends) {
            spans.push(Span {
                doing,
                from: event.t,
                to: end.t,
            });
        }
    }
    spans
}

/// The run whose total is nearest to its cell's median, and its timeline.
pub(crate) fn typical<'a>(
    cell: &'a CellReport,
    timelines: &'a [Timeline],
) -> Option<(&'a CellRun, &'a Timeline)> {
    let median = cell.summary.as_ref()?.total.median;
    let away = |run: &CellRun| (run.seconds.total - median).abs();
    cell.runs
        .iter()
        .filter(|run| !run.seconds.void)
        .filter_map(|run| {
            let of_run = |line: &&Timeline| line.cell == cell.cell && line.position == run.position;
            Some((run, timelines.iter().find(of_run)?))
        })
        .min_by(|(one, _), (other, _)| away(one).total_cmp(&away(other)))
}

/// One run a line, so that two files can be compared by eye.
pub(crate) fn as_json(timelines: &[Timeline]) -> serde_json::Result<String> {
    let lines: Vec<String> = timelines
        .iter()
        .map(serde_json::to_string)
        .collect::<Result<_, _>>()?;
    Ok(format!("[\n{}\n]\n", lines.join(",\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker(events: &[(f64, What, Option<u64>)]) -> Worker {
        Worker {
            name: "ForkProcess-1".to_owned(),
            pid: 2,
            rank: None,
            batches: 2,
            ended: None,
            events: events
                .iter()
                .map(|&(t, what, batch)| Event { t, what, batch })
                .collect(),
            events_dropped: 0,
        }
    }

    fn coordinator(sent: &[(f64, u64)]) -> Coordinator {
        let event = |&(t, batch): &(f64, u64)| Event {
            t,
            what: What::Sent,
            batch: Some(batch),
        };
        Coordinator {
            pid: 1,
            events: sent.iter().map(event).collect(),
            events_dropped: 0,
        }
    }

    #[test]
    fn an_answer_may_overlap_the_next_batch() {
        let worker = worker(&[
            (1.0, What::Started, None),
            (2.0, What::Ready, None),
            (3.0, What::Received, Some(0)),
            (4.0, What::Computed, Some(0)),
            (4.5, What::Received, Some(1)),
            (5.0, What::Computed, Some(1)),
            (6.0, What::Sent, Some(0)),
            (6.5, What::Sent, Some(1)),
        ]);
        let spans: Vec<(Doing, f64, f64)> = spans(&worker, &coordinator(&[]))
            .into_iter()
            .map(|span| (span.doing, span.from, span.to))
            .collect();
        assert_eq!(
            spans,
            [
                (Doing::Starting, 1.0, 2.0),
                (Doing::Computing, 3.0, 4.0),
                (Doing::Answering, 4.0, 6.0),
                (Doing::Computing, 4.5, 5.0),
                (Doing::Answering, 5.0, 6.5),
            ]
        );
    }

    #[test]
    fn a_batch_that_was_never_finished_is_no_span() {
        let worker = worker(&[(1.0, What::Received, Some(0)), (2.0, What::Ended, None)]);
        assert_eq!(spans(&worker, &coordinator(&[])), []);
    }

    #[test]
    fn a_batch_is_on_its_way_from_its_last_handing_out() {
        let worker = worker(&[(3.0, What::Received, Some(4))]);
        let handed_out = coordinator(&[(1.0, 4), (1.5, 3), (2.0, 4), (3.5, 4)]);
        let on_its_way = Span {
            doing: Doing::Receiving,
            from: 2.0,
            to: 3.0,
        };
        assert_eq!(spans(&worker, &handed_out), [on_its_way]);
    }

    #[test]
    fn phases_stand_where_the_events_are() {
        let timeline = Timeline {
            cell: Cell {
                transport: report::Transport::Shm,
                workers: 1,
                start_method: report::StartMethod::Fork,
            },
            position: 0,
            coordinator: coordinator(&[]),
            workers: vec![worker(&[
                (1.0, What::Started, None),
                (2.0, What::Ready, None),
                (6.0, What::Received, Some(0)),
                (8.0, What::Sent, Some(0)),
            ])],
        };
        let seconds = Seconds {
            load: 0.5,
            share: 2.0,
            start: 1.0,
            run: 3.0,
            total: 4.0,
            end_to_end: 9.0,
            ..Seconds::default()
        };
        let places = |seconds: &Seconds| -> Vec<(Doing, f64, f64)> {
            let phases = timeline.phases(seconds);
            phases.iter().map(|p| (p.doing, p.from, p.to)).collect()
        };
        assert_eq!(
            places(&seconds),
            [
                (Doing::Load, 2.5, 3.0),
                (Doing::Start, 1.0, 2.0),
                (Doing::Share, 3.0, 5.0),
                (Doing::Run, 5.0, 8.0),
            ]
        );
        // Read before the workers started: it would not fit after them.
        let inherit = Seconds {
            load: 0.75,
            share: 0.0,
            run: 5.75,
            ..seconds
        };
        assert_eq!(places(&inherit)[0], (Doing::Load, 0.25, 1.0));
    }
}
