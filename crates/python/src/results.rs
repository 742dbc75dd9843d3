//! What the pool's thread leaves for Python's: results, lines, notes. That thread never waits for the
//! interpreter, and the interpreter takes what has come in batches.

use crate::buffer::{Buffer, Owner, Received};
use crate::frame::{self, Outside};
use crate::memory::has_ended;
use pool::{Certificate, Ending, Reply, TaskFailure};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Results up to this many bytes lie behind each other in one allocation.
const SMALL: usize = 16 * 1024;

/// Something for Python.
pub(crate) enum Item {
    Result(Py<PyAny>, Outcome),
    /// Worker's name and process, and a line of its stderr.
    Line(String, u32, String),
    /// Worker's name, and a line that it wrote to its descriptor 1.
    Printed(String, String),
    /// Worker's name and process, task, kind, text.
    Note(String, u32, Option<u64>, String, String),
    /// Worker's name and process, and how it ended; nothing where it became ready.
    Worker(String, u32, Option<String>),
    /// The pool is ready, or cannot go on.
    State(&'static str, String),
}

pub(crate) enum Outcome {
    /// Kind of frame, and where in the arena its pickle is.
    Small(u8, usize, usize),
    Large(u8, Box<[u8]>),
    WithBuffers(Box<[u8]>, Vec<Part>),
    Failed(Failed),
}

/// A buffer of a result.
pub(crate) enum Part {
    Inline(Box<[u8]>),
    Received(Arc<Received>, usize, usize),
}

/// Why there is no result.
pub(crate) struct Failed {
    kind: &'static str,
    message: String,
    death: Option<Box<Certificate>>,
}

#[derive(Default)]
struct Waiting {
    arena: Vec<u8>,
    items: Vec<Item>,
    closed: bool,
    asleep: bool,
}

#[derive(Default)]
pub(crate) struct Results {
    waiting: Mutex<Waiting>,
    came: Condvar,
}

impl Results {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, item: Item) {
        let mut waiting = self.lock();
        waiting.items.push(item);
        self.wake(waiting);
    }

    fn wake(&self, mut waiting: MutexGuard<'_, Waiting>) {
        let asleep = std::mem::take(&mut waiting.asleep);
        drop(waiting);
        if asleep {
            self.came.notify_one();
        }
    }

    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.came.notify_all();
    }

    /// Fails a call that never reached the pool.
    pub(crate) fn fail(&self, future: Py<PyAny>, kind: &'static str, message: String) {
        let death = None;
        let failed = Failed {
            kind,
            message,
            death,
        };
        self.push(Item::Result(future, Outcome::Failed(failed)));
    }

    /// Waits for items, no longer than `timeout`. `None` once nothing will come any more.
    fn wait(&self, timeout: Duration) -> Option<(Vec<u8>, Vec<Item>)> {
        let mut waiting = self.lock();
        if waiting.items.is_empty() && !waiting.closed {
            waiting.asleep = true;
            let until = |waiting: &mut Waiting| waiting.items.is_empty() && !waiting.closed;
            let waited = self.came.wait_timeout_while(waiting, timeout, until);
            waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
            waiting.asleep = false;
        }
        if waiting.items.is_empty() && waiting.closed {
            return None;
        }
        let waiting = &mut *waiting;
        Some((
            std::mem::take(&mut waiting.arena),
            std::mem::take(&mut waiting.items),
        ))
    }

    /// Adds what came while the interpreter was waited for, which may have been long.
    fn more(&self, arena: &mut Vec<u8>, items: &mut Vec<Item>) {
        let mut waiting = self.lock();
        let base = arena.len();
        arena.append(&mut waiting.arena);
        items.extend(waiting.items.drain(..).map(|item| match item {
            Item::Result(future, Outcome::Small(kind, start, end)) => {
                Item::Result(future, Outcome::Small(kind, start + base, end + base))
            }
            other => other,
        }));
    }

    /// A list of tuples, empty after `timeout`; `None` once nothing will come any more.
    pub(crate) fn take<'py>(
        &self,
        py: Python<'py>,
        timeout: Duration,
    ) -> PyResult<Option<Bound<'py, PyList>>> {
        let Some((mut arena, mut items)) = py.detach(|| self.wait(timeout)) else {
            return Ok(None);
        };
        self.more(&mut arena, &mut items);
        let list = PyList::empty(py);
        for item in items {
            list.append(item.into_tuple(py, &arena)?)?;
        }
        Ok(Some(list))
    }
}

impl Item {
    fn into_tuple<'py>(self, py: Python<'py>, arena: &[u8]) -> PyResult<Bound<'py, PyTuple>> {
        match self {
            Item::Result(future, outcome) => {
                let (kind, payload, buffers) = outcome.into_python(py, arena)?;
                (future, kind, payload, buffers).into_pyobject(py)
            }
            Item::Line(name, pid, line) => (py.None(), "line", name, (pid, line)).into_pyobject(py),
            Item::Printed(name, line) => (py.None(), "printed", name, line).into_pyobject(py),
            Item::Note(name, pid, call, kind, text) => {
                (py.None(), "note", name, (pid, call, kind, text)).into_pyobject(py)
            }
            Item::Worker(name, pid, ending) => {
                (py.None(), "worker", name, (pid, ending)).into_pyobject(py)
            }
            Item::State(state, why) => (py.None(), "state", state, why).into_pyobject(py),
        }
    }
}

type Payload<'py> = (
    Bound<'py, PyString>,
    Bound<'py, PyAny>,
    Option<Bound<'py, PyList>>,
);

impl Outcome {
    fn into_python<'py>(self, py: Python<'py>, arena: &[u8]) -> PyResult<Payload<'py>> {
        let name = |kind| match kind {
            frame::RAISED => intern!(py, "raised").clone(),
            _ => intern!(py, "value").clone(),
        };
        Ok(match self {
            Outcome::Small(kind, start, end) => {
                let bytes = PyBytes::new(py, &arena[start..end]);
                (name(kind), bytes.into_any(), None)
            }
            Outcome::Large(kind, bytes) => {
                let buffer = Bound::new(py, Buffer::of_bytes(bytes))?;
                (name(kind), buffer.into_any(), None)
            }
            Outcome::WithBuffers(pickle, parts) => {
                let buffers = PyList::empty(py);
                for part in parts {
                    buffers.append(match part {
                        Part::Inline(bytes) => Buffer::of_bytes(bytes),
                        Part::Received(received, offset, len) => {
                            Buffer::new(Owner::Received(received), offset, len)
                        }
                    })?;
                }
                let pickle = Bound::new(py, Buffer::of_bytes(pickle))?;
                (name(frame::PLAIN), pickle.into_any(), Some(buffers))
            }
            Outcome::Failed(failed) => {
                let death = failed
                    .death
                    .map(|death| described(py, &death))
                    .transpose()?;
                let why = (failed.kind, failed.message, death).into_pyobject(py)?;
                (intern!(py, "failed").clone(), why.into_any(), None)
            }
        })
    }

    fn of(kind: u8, bytes: &[u8]) -> Outcome {
        if kind != frame::BUFFERS {
            return Outcome::Large(kind, bytes.into());
        }
        let Some((pickle, buffers)) = frame::read(bytes) else {
            return Outcome::lost("a result is no frame".to_owned());
        };
        let mut parts = Vec::new();
        let mut known: Vec<(u64, Arc<Received>)> = Vec::new();
        for buffer in buffers {
            let place = match buffer {
                Outside::Inline(bytes) => {
                    parts.push(Part::Inline(bytes.into()));
                    continue;
                }
                Outside::Placed(place) => place,
            };
            // One block may have several arrays; it is released after the last.
            let seen = known.iter().find(|(inode, _)| *inode == place.inode);
            let received = match seen {
                Some((_, received)) => Arc::clone(received),
                None => match Received::open(&place) {
                    Ok(received) => Arc::new(received),
                    Err(_) if has_ended(place.pid) => {
                        let message = "the worker died before its result was taken; the task had run to its end";
                        return Outcome::failed("died", message.to_owned());
                    }
                    Err(error) => {
                        return Outcome::lost(format!("a result cannot be reached: {error}"));
                    }
                },
            };
            if !received.has(&place) {
                return Outcome::lost("a result lies outside its memory".to_owned());
            }
            known.push((place.inode, Arc::clone(&received)));
            parts.push(Part::Received(
                received,
                place.offset as usize,
                place.len as usize,
            ));
        }
        Outcome::WithBuffers(pickle.into(), parts)
    }

    fn lost(message: String) -> Outcome {
        Outcome::failed("lost", message)
    }

    fn failed(kind: &'static str, message: String) -> Outcome {
        Outcome::Failed(Failed {
            kind,
            message,
            death: None,
        })
    }
}

/// Takes the result of one call, for the future that waits for it.
pub(crate) struct PyReply {
    pub(crate) future: Mutex<Option<Py<PyAny>>>,
    /// Memory that the call refers to, until it has a result.
    pub(crate) held: Mutex<Vec<crate::blocks::Lease>>,
    pub(crate) results: Arc<Results>,
}

impl PyReply {
    /// Fails the future, unless it has its outcome.
    pub(crate) fn fail(&self, kind: &'static str, why: String) {
        if let Some(future) = self.take() {
            self.results.fail(future, kind, why);
        }
    }

    fn take(&self) -> Option<Py<PyAny>> {
        let mut future = self.future.lock().unwrap_or_else(PoisonError::into_inner);
        future.take()
    }
}

impl Reply for PyReply {
    fn resolve(&self, _: u64, result: Result<&[u8], TaskFailure>) {
        let Some(future) = self.take() else { return };
        self.held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        let outcome = match result {
            Ok([kind, bytes @ ..]) if *kind != frame::BUFFERS && bytes.len() <= SMALL => {
                let mut waiting = self.results.lock();
                let start = waiting.arena.len();
                waiting.arena.extend_from_slice(bytes);
                let end = waiting.arena.len();
                let outcome = Outcome::Small(*kind, start, end);
                waiting.items.push(Item::Result(future, outcome));
                return self.results.wake(waiting);
            }
            Ok([kind, bytes @ ..]) => Outcome::of(*kind, bytes),
            Ok([]) => Outcome::lost("a result is empty".to_owned()),
            Err(failure) => Outcome::Failed(Failed::of(failure)),
        };
        self.results.push(Item::Result(future, outcome));
    }
}

impl Failed {
    fn of(failure: TaskFailure) -> Failed {
        let message = failure.to_string();
        let (kind, death) = match failure {
            TaskFailure::Died(death) => ("died", Some(death)),
            TaskFailure::InputChanged(death) => ("died", Some(death)),
            TaskFailure::TimedOut(_) => ("timed out", None),
            TaskFailure::Cancelled => ("cancelled", None),
            TaskFailure::ShutDown => ("shut down", None),
            TaskFailure::Pool(_) => ("pool", None),
            _ => ("failed", None),
        };
        Failed {
            kind,
            message,
            death,
        }
    }
}

fn described<'py>(py: Python<'py>, death: &Certificate) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("worker", &death.worker)?;
    dict.set_item("pid", death.pid)?;
    let (exit, signal) = match death.ending {
        Ending::Exit(code) => (Some(code), None),
        Ending::Signal(signal) => (None, Some(signal)),
        Ending::Left | Ending::Unknown => (None, None),
    };
    dict.set_item("exit_code", exit)?;
    dict.set_item("signal", signal)?;
    dict.set_item("reason", &death.reason)?;
    dict.set_item("attempts", death.deaths)?;
    dict.set_item("peak_rss", death.rss_peak)?;
    dict.set_item("oom", death.oom)?;
    dict.set_item("stderr", &death.stderr)?;
    Ok(dict)
}
