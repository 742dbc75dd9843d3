//! What every process of a run did and when, as saved with the matrix.

use report::{
    Activity, Cell, CellReport, CellRun, Coordinator, Phase, Rank, Seconds, Sum, What, Worker,
};
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
    /// A worker, from the dispatch of a batch to having its data.
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
    /// The coordinator: dispatching batches and collecting results.
    Run,
}

impl Timeline {
    /// What a run's own report says of its processes.
    pub(crate) fn new(cell: Cell, position: u64, sum: &Sum) -> Timeline {
        Timeline {
            cell,
            position,
            coordinator: sum.coordinator.clone(),
            workers: sum.workers.clone(),
        }
    }

    /// What one rank of a run over several machines reports of its processes.
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

    /// The coordinator's phases.
    pub(crate) fn phases(&self, seconds: &Seconds) -> Vec<Span> {
        let workers: Vec<&Worker> = self.workers.iter().collect();
        let phases = report::phases(seconds, &workers, self.cell.workers).into_iter();
        let named = phases.map(|span| Span {
            doing: match span.what {
                Phase::Load => Doing::Load,
                Phase::Start => Doing::Start,
                Phase::Share => Doing::Share,
                Phase::Run => Doing::Run,
            },
            from: span.from,
            to: span.to,
        });
        named.collect()
    }
}

/// What a worker was busy with, by its events and, for what was on its way to it, its coordinator's.
/// Where it is busy with nothing, it waits. A batch may come while another is computed.
pub(crate) fn spans(worker: &Worker, coordinator: &Coordinator) -> Vec<Span> {
    let received = worker.events.iter().filter(|e| e.what == What::Received);
    let mut spans: Vec<Span> = received
        .filter_map(|event| {
            // Dispatched more than once where a worker died: the last time is this one's.
            let dispatched = coordinator.events.iter().rfind(|sent| {
                sent.what == What::Sent && sent.batch == event.batch && sent.t <= event.t
            })?;
            Some(Span {
                doing: Doing::Receiving,
                from: dispatched.t,
                to: event.t,
            })
        })
        .collect();
    let busy = report::activities(worker).into_iter().map(|span| Span {
        doing: match span.what {
            Activity::Start => Doing::Starting,
            Activity::Compute => Doing::Computing,
            Activity::Answer => Doing::Answering,
        },
        from: span.from,
        to: span.to,
    });
    spans.extend(busy);
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
    use report::Event;

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
    fn a_batch_is_on_its_way_from_its_last_dispatch() {
        let worker = worker(&[(3.0, What::Received, Some(4))]);
        let dispatched = coordinator(&[(1.0, 4), (1.5, 3), (2.0, 4), (3.5, 4)]);
        let on_its_way = Span {
            doing: Doing::Receiving,
            from: 2.0,
            to: 3.0,
        };
        assert_eq!(spans(&worker, &dispatched), [on_its_way]);
    }
}
