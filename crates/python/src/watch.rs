//! What happens in the pool: kept here for questions, or left for Python's thread.

use crate::results::{Item, Results};
use crate::worker::NOTE;
use pool::{Event, What, WorkerId};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Events that are kept for a trace.
const KEPT: usize = 200_000;

/// What is known of a worker.
struct Seen {
    id: WorkerId,
    pid: u32,
    /// What it has been given and has not answered, in that order.
    given: VecDeque<u64>,
}

impl Seen {
    /// A task that is taken back from a worker is reported as given to another, so what precedes one that
    /// is answered is not this worker's any more.
    fn told(&mut self, what: &str, task: Option<u64>) {
        let Some(task) = task else { return };
        if what == "sent" {
            self.given.push_back(task);
        } else {
            let at = self.given.iter().position(|given| *given == task);
            self.given.drain(..at.map_or(0, |at| at + 1));
        }
    }
}

/// One line of a trace: worker, process, nanoseconds, what, task.
pub(crate) type Traced = (String, u32, u64, &'static str, Option<u64>);

#[derive(Default)]
struct State {
    workers: Vec<Seen>,
    seen: bool,
    traced: VecDeque<Traced>,
    dropped: u64,
}

#[derive(Default)]
pub(crate) struct Watch {
    state: Mutex<State>,
    traces: bool,
}

impl Watch {
    pub(crate) fn new(traces: bool) -> Watch {
        Watch {
            traces,
            ..Watch::default()
        }
    }

    /// Processes of workers that have started and have not ended.
    pub(crate) fn pids(&self) -> Vec<u32> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.workers.iter().map(|worker| worker.pid).collect()
    }

    /// Whether a worker was ever ready.
    pub(crate) fn has_seen_workers(&self) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.seen
    }

    pub(crate) fn is_running(&self, task: u64) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state
            .workers
            .iter()
            .any(|it| it.given.front() == Some(&task))
    }

    pub(crate) fn traced(&self) -> (Vec<Traced>, u64) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.traced.iter().cloned().collect(), state.dropped)
    }

    /// On the pool's thread.
    pub(crate) fn see(&self, event: &Event<'_>, results: &Arc<Results>) {
        let (what, task) = match &event.what {
            What::HandedOut { task } => ("sent", Some(*task)),
            What::Sent { task } => ("done", Some(*task)),
            What::Retried { task } => ("retried", Some(*task)),
            What::Ready => ("ready", None),
            What::Ended(_) => ("ended", None),
            What::Started => ("started", None),
            What::Stderr(line) => {
                let name = event.name.to_owned();
                return results.push(Item::Line(name, event.pid, (*line).to_owned()));
            }
            What::Stdout(line) => {
                let name = event.name.to_owned();
                return results.push(Item::Printed(name, (*line).to_owned()));
            }
            What::Log(record) => {
                if let Some(kind) = record.target.strip_prefix(NOTE) {
                    let (kind, text) = (kind.to_owned(), record.message.to_owned());
                    let name = event.name.to_owned();
                    results.push(Item::Note(name, event.pid, record.call, kind, text));
                }
                return;
            }
            What::Received { .. }
            | What::Computed { .. }
            | What::Progress { .. }
            | What::Note { .. }
            | What::Memory(_) => return,
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &event.what {
            What::Ready => {
                state.seen = true;
                state.workers.push(Seen {
                    id: event.worker,
                    pid: event.pid,
                    given: VecDeque::new(),
                });
            }
            What::Ended(_) => state.workers.retain(|worker| worker.id != event.worker),
            _ => {
                let mut workers = state.workers.iter_mut();
                if let Some(worker) = workers.find(|it| it.id == event.worker) {
                    worker.told(what, task);
                }
            }
        }
        if self.traces {
            if state.traced.len() == KEPT {
                state.traced.pop_front();
                state.dropped += 1;
            }
            let name = event.name.to_owned();
            let line = (name, event.pid, event.at_ns, what, task);
            state.traced.push_back(line);
        }
        drop(state);
        let ending = match &event.what {
            What::Ready => None,
            What::Ended(ending) => Some(ending.to_string()),
            _ => return,
        };
        results.push(Item::Worker(event.name.to_owned(), event.pid, ending));
    }
}
