//! What the events of a run say of its time: the coordinator's phases, and what a worker was busy with.

use crate::process::What;
use crate::seconds::Seconds;
use crate::sum::Worker;

/// A phase of the coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Opening or reading the dataset.
    Load,
    /// Starting workers.
    Start,
    /// Filling a segment.
    Share,
    /// Dispatching batches and collecting results.
    Run,
}

/// Something that a worker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// From its first instruction to the end of the handshake.
    Start,
    /// Computing a batch.
    Compute,
    /// Sending a result.
    Answer,
}

/// When something was done, in seconds since the coordinator started.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span<T> {
    /// What.
    pub what: T,
    /// From when.
    pub from: f64,
    /// Until when.
    pub to: f64,
    /// For which batch, where it is about one.
    pub batch: Option<u64>,
}

/// The coordinator's phases. Only their lengths are measured; their places are those of the workers'
/// events: `start` ends with the last handshake of the `started` first workers, `run` with the last
/// result, and `load` and `share` come right before what they are for.
pub fn phases(seconds: &Seconds, workers: &[&Worker], started: u32) -> Vec<Span<Phase>> {
    let times = |what: What| -> Vec<f64> {
        let events = workers.iter().flat_map(|worker| &worker.events);
        let of_it = events.filter(|event| event.what == what);
        let mut times: Vec<f64> = of_it.map(|event| event.t).collect();
        times.sort_by(f64::total_cmp);
        times
    };
    let before = |what, to: f64, length: f64| Span {
        what,
        from: (to - length).max(0.0),
        to,
        batch: None,
    };
    let run = match seconds.repeats.as_slice() {
        [] => seconds.run,
        repeats => repeats.iter().sum(),
    };
    // A worker in place of one that died gets ready during the run.
    let handshakes = times(What::Ready);
    let mut first = handshakes.iter().take(started as usize);
    let ready = first.next_back().copied().unwrap_or(seconds.start);
    let done = times(What::Sent).last().copied().unwrap_or(ready + run);
    let start = before(Phase::Start, ready, seconds.start);
    let run = before(Phase::Run, done, run);
    let share = before(Phase::Share, run.from, seconds.share);
    // `inherit` reads the dataset before its workers start, the others open it after.
    let loaded = if share.from - seconds.load >= start.to {
        share.from
    } else {
        start.from
    };
    let load = before(Phase::Load, loaded, seconds.load);
    [load, start, share, run]
        .into_iter()
        .filter(|span| span.to > span.from)
        .collect()
}

/// What a worker was busy with. A result may still be on its way while the next batch is computed.
pub fn activities(worker: &Worker) -> Vec<Span<Activity>> {
    let mut spans = Vec::new();
    for (index, event) in worker.events.iter().enumerate() {
        let (what, ends_with) = match event.what {
            What::Started => (Activity::Start, What::Ready),
            What::Received => (Activity::Compute, What::Computed),
            What::Computed => (Activity::Answer, What::Sent),
            What::Ready | What::Sent | What::Ended => continue,
        };
        let mut later = worker.events[index..].iter();
        if let Some(end) = later.find(|later| later.what == ends_with && later.batch == event.batch)
        {
            spans.push(Span {
                what,
                from: event.t,
                to: end.t,
                batch: event.batch,
            });
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Event;

    fn worker(events: &[(f64, What, Option<u64>)]) -> Worker {
        let event = |&(t, what, batch): &(f64, What, Option<u64>)| Event { t, what, batch };
        Worker {
            name: "ForkProcess-1".to_owned(),
            pid: 2,
            rank: None,
            batches: 2,
            ended: None,
            events: events.iter().map(event).collect(),
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
            (7.0, What::Received, Some(2)),
        ]);
        let spans: Vec<_> = activities(&worker)
            .into_iter()
            .map(|span| (span.what, span.from, span.to, span.batch))
            .collect();
        assert_eq!(
            spans,
            [
                (Activity::Start, 1.0, 2.0, None),
                (Activity::Compute, 3.0, 4.0, Some(0)),
                (Activity::Answer, 4.0, 6.0, Some(0)),
                (Activity::Compute, 4.5, 5.0, Some(1)),
                (Activity::Answer, 5.0, 6.5, Some(1)),
            ]
        );
    }

    #[test]
    fn phases_are_where_the_events_are() {
        let worker = worker(&[
            (1.0, What::Started, None),
            (2.0, What::Ready, None),
            (6.0, What::Received, Some(0)),
            (8.0, What::Sent, Some(0)),
        ]);
        let seconds = Seconds {
            load: 0.5,
            share: 2.0,
            start: 1.0,
            run: 3.0,
            total: 4.0,
            end_to_end: 9.0,
            ..Seconds::default()
        };
        let places = |seconds: &Seconds| -> Vec<(Phase, f64, f64)> {
            let phases = phases(seconds, &[&worker], 1).into_iter();
            phases.map(|span| (span.what, span.from, span.to)).collect()
        };
        assert_eq!(
            places(&seconds),
            [
                (Phase::Load, 2.5, 3.0),
                (Phase::Start, 1.0, 2.0),
                (Phase::Share, 3.0, 5.0),
                (Phase::Run, 5.0, 8.0),
            ]
        );
        let repeated = Seconds {
            repeats: vec![1.0, 0.5],
            ..seconds.clone()
        };
        assert_eq!(places(&repeated).last(), Some(&(Phase::Run, 6.5, 8.0)));
        // Read before the workers started: it would not fit after them.
        let inherit = Seconds {
            load: 0.75,
            share: 0.0,
            run: 5.75,
            ..seconds
        };
        assert_eq!(places(&inherit)[0], (Phase::Load, 0.25, 1.0));
    }
}
