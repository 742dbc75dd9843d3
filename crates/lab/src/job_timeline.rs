//! What the caller and the workers of a job's row did and when: recorded in a run of its own, which no figure
//! counts, since watching costs time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use handoff::{Event, What};
use report::BenchKey;
use serde::{Deserialize, Serialize};

/// Spans that a worker's lane has at most, roughly: more cannot be seen.
const SPANS: usize = 200;

/// One run of a row. All times are seconds since it began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct JobTimeline {
    /// Which row.
    #[serde(flatten)]
    pub(crate) key: BenchKey,
    /// What the caller did, in this order.
    pub(crate) caller: Vec<Phase>,
    /// One for each worker, in the order in which they were started.
    pub(crate) lanes: Vec<Lane>,
}

/// A phase of the caller.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Phase {
    /// Which.
    pub(crate) what: Step,
    /// From when.
    pub(crate) from: f64,
    /// Until when.
    pub(crate) to: f64,
}

/// What a caller does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Step {
    /// It starts workers.
    Start,
    /// It brings the data to where they can use it.
    Fill,
    /// It submits all tasks and takes their results.
    Run,
    /// It ends the workers.
    Stop,
}

/// A worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Lane {
    /// Its name, such as `SpawnProcess-1`.
    pub(crate) name: String,
    /// When it was started; null where nobody said so.
    pub(crate) started: Option<f64>,
    /// When it was ready for tasks.
    pub(crate) ready: Option<f64>,
    /// When it ended.
    pub(crate) ended: Option<f64>,
    /// When it had tasks, from the one that was sent to the one that was answered.
    pub(crate) busy: Vec<Busy>,
}

/// A time during which a worker had tasks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Busy {
    /// From when.
    pub(crate) from: f64,
    /// Until when.
    pub(crate) to: f64,
    /// Tasks that were answered in it.
    pub(crate) tasks: u64,
}

/// Takes times down. Without a recorder of events it does so for the caller alone.
#[derive(Debug)]
pub(crate) struct Clock {
    origin: Instant,
    phases: Vec<Phase>,
    events: Arc<Mutex<Vec<Seen>>>,
}

/// An event of a worker.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    at: f64,
    worker: String,
    what: Happened,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Happened {
    Started,
    Ready,
    Sent(u64),
    Answered(u64),
    Ended,
}

impl Clock {
    /// One that begins now.
    pub(crate) fn new() -> Clock {
        Clock {
            origin: Instant::now(),
            phases: Vec::new(),
            events: Arc::default(),
        }
    }

    /// Does something, and gives the seconds that it took.
    ///
    /// # Errors
    ///
    /// Those of what is done.
    pub(crate) fn timed<T>(
        &mut self,
        what: Step,
        done: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<(f64, T)> {
        let began = Instant::now();
        let done = done()?;
        let took = began.elapsed().as_secs_f64();
        let from = (began - self.origin).as_secs_f64();
        let to = from + took;
        self.phases.push(Phase { what, from, to });
        Ok((took, done))
    }

    /// What to give to [`handoff::Builder::watch`].
    pub(crate) fn watcher(&self) -> impl FnMut(&Event<'_>) + Send + 'static {
        let (origin, events) = (self.origin, Arc::clone(&self.events));
        move |event| {
            let what = match event.what {
                What::Started => Happened::Started,
                What::Ready => Happened::Ready,
                What::Sent { task } => Happened::Sent(task),
                What::Answered { task } => Happened::Answered(task),
                What::Ended { .. } => Happened::Ended,
                _ => return,
            };
            let mut events = events.lock().unwrap_or_else(PoisonError::into_inner);
            events.push(Seen {
                at: origin.elapsed().as_secs_f64(),
                worker: event.worker.to_owned(),
                what,
            });
        }
    }

    /// What was taken down.
    pub(crate) fn timeline(self, key: BenchKey) -> JobTimeline {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let end = self.phases.last().map_or(0.0, |phase| phase.to);
        JobTimeline {
            key,
            lanes: lanes(&events, end),
            caller: self.phases,
        }
    }
}

/// The workers' events as lanes.
fn lanes(events: &[Seen], end: f64) -> Vec<Lane> {
    let mut lanes: Vec<Lane> = Vec::new();
    let mut sent: HashMap<u64, f64> = HashMap::new();
    for event in events {
        let known = lanes.iter().position(|lane| lane.name == event.worker);
        let index = known.unwrap_or_else(|| {
            lanes.push(Lane {
                name: event.worker.clone(),
                started: None,
                ready: None,
                ended: None,
                busy: Vec::new(),
            });
            lanes.len() - 1
        });
        let lane = &mut lanes[index];
        match event.what {
            Happened::Started => lane.started = Some(event.at),
            Happened::Ready => lane.ready = Some(event.at),
            Happened::Ended => lane.ended = Some(event.at),
            Happened::Sent(task) => {
                sent.insert(task, event.at);
            }
            Happened::Answered(task) => {
                // Tasks that wait in front of a worker are sent ahead: it has this one since the last answer.
                let since = lane.busy.last().map_or(0.0, |busy| busy.to);
                let from = sent.remove(&task).unwrap_or(event.at).max(since);
                lane.busy.push(Busy {
                    from,
                    to: event.at,
                    tasks: 1,
                });
            }
        }
    }
    for lane in &mut lanes {
        if lane.busy.len() > SPANS {
            lane.busy = together(&lane.busy, end / 1000.0);
        }
    }
    lanes
}

/// Spans with shorter gaps than this joined.
fn together(spans: &[Busy], gap: f64) -> Vec<Busy> {
    let mut joined: Vec<Busy> = Vec::new();
    for span in spans {
        match joined.last_mut() {
            Some(last) if span.from - last.to < gap => {
                last.to = span.to;
                last.tasks += span.tasks;
            }
            _ => joined.push(*span),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(events: &[(f64, &str, Happened)]) -> Vec<Seen> {
        let seen = |&(at, worker, what): &(f64, &str, Happened)| Seen {
            at,
            worker: worker.to_owned(),
            what,
        };
        events.iter().map(seen).collect()
    }

    #[test]
    fn a_task_that_was_sent_ahead_begins_with_the_answer_before_it() {
        let events = seen(&[
            (0.1, "a", Happened::Started),
            (0.2, "b", Happened::Started),
            (0.3, "a", Happened::Ready),
            (1.0, "a", Happened::Sent(1)),
            (1.1, "a", Happened::Sent(2)),
            (1.2, "b", Happened::Sent(3)),
            (2.0, "a", Happened::Answered(1)),
            (3.0, "a", Happened::Answered(2)),
            (4.0, "a", Happened::Ended),
        ]);
        let lanes = lanes(&events, 5.0);
        assert_eq!(lanes.len(), 2);
        let spans: Vec<(f64, f64)> = lanes[0].busy.iter().map(|it| (it.from, it.to)).collect();
        assert_eq!(spans, [(1.0, 2.0), (2.0, 3.0)]);
        assert_eq!(
            (lanes[0].started, lanes[0].ready, lanes[0].ended),
            (Some(0.1), Some(0.3), Some(4.0))
        );
        // What was never answered is no time that anybody can draw.
        assert_eq!(lanes[1].busy, []);
    }

    #[test]
    fn thousands_of_tasks_are_a_few_spans_that_lose_none() {
        let events: Vec<Seen> = (0..4000_u32)
            .flat_map(|task| {
                let pause = if task >= 2000 { 1.0 } else { 0.0 };
                let at = 1.0 + f64::from(task) / 4000.0 + pause;
                let id = u64::from(task);
                seen(&[
                    (at, "a", Happened::Sent(id)),
                    (at + 0.0001, "a", Happened::Answered(id)),
                ])
            })
            .collect();
        let lanes = lanes(&events, 3.0);
        let busy = &lanes[0].busy;
        assert_eq!(busy.iter().map(|span| span.tasks).sum::<u64>(), 4000);
        assert_eq!(busy.len(), 2, "the pause is seen");
    }
}
