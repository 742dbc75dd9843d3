//! The pool as Python has it. Nothing here waits while it holds the interpreter.

use crate::blocks::Lease;
use crate::frame::{self, Outside};
use crate::life::{Shared, Stage, live};
use crate::memory::{HEADER, Place};
use crate::results::PyReply;
use crate::settings::Settings;
use crate::watch::{Traced, Watch};
use crate::worker::TASK;
use ::pool::{CallBlock, Extras, Input, Shutdown, Stream};
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use std::io::{PipeWriter, Write};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Frames up to this length go with the call; longer ones are streamed.
const WITH_CALL: usize = 256 * 1024;
/// Buffers from this length on travel in shared memory.
const SHARED: usize = 1 << 20;

/// The pool.
#[pyclass(frozen, module = "handoff_pool._native")]
pub(crate) struct Pool {
    shared: Arc<Shared>,
    orders: Sender<Shutdown>,
    /// Written to where the workers are not to be waited for.
    enough: Mutex<PipeWriter>,
    workers: u64,
    pid: u32,
}

#[pymethods]
impl Pool {
    /// Starts the workers, without waiting for them.
    #[new]
    fn new(settings: &Bound<'_, PyDict>) -> PyResult<Pool> {
        let settings = Settings::of(settings)?;
        let shared = Arc::new(Shared {
            stage: Mutex::new(Stage::Starting(Vec::new())),
            ended: Mutex::new(false),
            end: Condvar::new(),
            results: Arc::default(),
            watch: Watch::new(settings.traces),
        });
        let workers = settings.workers as u64;
        let (orders, inbox) = mpsc::channel();
        let (interrupt, enough) = std::io::pipe()?;
        let (of_thread, name) = (Arc::clone(&shared), "handoff".to_owned());
        std::thread::Builder::new().name(name).spawn(move || {
            crate::signals::block();
            live(settings, &of_thread, interrupt.into(), &inbox);
        })?;
        Ok(Pool {
            shared,
            orders,
            enough: Mutex::new(enough),
            workers,
            pid: std::process::id(),
        })
    }

    /// Takes a pickled call. `buffers` are what it has outside its pickle.
    #[pyo3(signature = (pickle, buffers, future, timeout=None, retries=None))]
    fn submit(
        &self,
        py: Python<'_>,
        pickle: &Bound<'_, PyBytes>,
        buffers: Option<Vec<PyBuffer<u8>>>,
        future: Py<PyAny>,
        timeout: Option<f64>,
        retries: Option<u32>,
    ) -> PyResult<u64> {
        let mut held = Vec::new();
        let bytes = match &buffers {
            None => [&[frame::PLAIN], pickle.as_bytes()].concat(),
            Some(buffers) => framed(py, pickle.as_bytes(), buffers, &mut held)?,
        };
        let (args, input) = if bytes.len() <= WITH_CALL {
            (bytes, Input::None)
        } else {
            let length = (bytes.len() as u64).to_le_bytes().to_vec();
            (length, Input::Stream(Stream::Memory(Arc::new(bytes))))
        };
        let timeout = timeout.map(Duration::try_from_secs_f64).transpose();
        let timeout = timeout.map_err(|error| PyValueError::new_err(error.to_string()))?;
        let long = !matches!(input, Input::None);
        let mut call = CallBlock::new(if long { crate::worker::LONG } else { TASK });
        call.args = args.into();
        let mut extras = Extras::default();
        (extras.input, extras.timeout, extras.retries) = (input, timeout, retries);
        call.set_extras(extras);
        let reply = Arc::new(PyReply {
            future: Mutex::new(Some(future)),
            held: Mutex::new(held),
            results: Arc::clone(&self.shared.results),
        });
        match &mut *self.shared.stage() {
            Stage::Starting(waiting) => {
                waiting.push((call, reply));
                Ok(waiting.len() as u64 - 1)
            }
            Stage::Running(pool) => pool
                .submit_raw(call, reply)
                .map_err(|error| PyRuntimeError::new_err(error.to_string())),
            Stage::Ended(kind, why) => {
                reply.fail(kind, why.clone());
                Ok(u64::MAX)
            }
        }
    }

    /// Gives a call up, also where it runs; with `queued` only where it does not. Its future gets the outcome.
    #[pyo3(signature = (call, queued=false))]
    fn cancel(&self, call: u64, queued: bool) {
        match &mut *self.shared.stage() {
            // The first are as good as sent.
            Stage::Starting(_) if queued && call < self.workers => {}
            Stage::Starting(waiting) => {
                // Its number stays taken.
                if let Some((_, reply)) = waiting.get(call as usize) {
                    reply.fail("cancelled", String::new());
                }
            }
            // What is known to run goes on, and before a worker is ready, the first.
            Stage::Running(_) if queued && self.goes_on(call) => {}
            Stage::Running(pool) if queued => pool.withdraw_raw(call),
            Stage::Running(pool) => pool.cancel_raw(call),
            Stage::Ended(..) => {}
        }
    }

    /// Whether a worker has the call.
    fn is_running(&self, call: u64) -> bool {
        self.shared.watch.is_running(call)
    }

    /// Waits for results and news, no longer than `timeout` seconds: a list of tuples, or None once nothing
    /// will come any more.
    fn take<'py>(&self, py: Python<'py>, timeout: f64) -> PyResult<Option<Bound<'py, PyList>>> {
        let timeout = Duration::try_from_secs_f64(timeout).unwrap_or(Duration::MAX);
        self.shared.results.take(py, timeout)
    }

    /// Processes of the workers.
    fn pids(&self) -> Vec<u32> {
        self.shared.watch.pids()
    }

    /// What the pool has done.
    fn counters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        let Stage::Running(pool) = &*self.shared.stage() else {
            return Ok(dict);
        };
        let counters = pool.counters();
        for (name, value) in [
            ("queued", counters.queued),
            ("running", counters.running),
            ("workers", counters.workers),
            ("done", counters.done),
            ("failed", counters.failed),
            ("retried", counters.retried),
            ("started", counters.started),
            ("respawned", counters.respawned),
            ("died", counters.died),
            ("rss", counters.rss),
        ] {
            dict.set_item(name, value)?;
        }
        Ok(dict)
    }

    /// What was traced, and how many of the oldest events are missing.
    fn traced(&self) -> (Vec<Traced>, u64) {
        self.shared.watch.traced()
    }

    /// Begins to shut the pool down: what was submitted is done before, or given up.
    fn begin_shutdown(&self, drain: bool) {
        let how = if drain {
            Shutdown::Drain
        } else {
            Shutdown::Now
        };
        if !drain && matches!(*self.shared.stage(), Stage::Starting(_)) {
            let mut enough = self.enough.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = enough.write_all(&[0]);
        }
        let _ = self.orders.send(how);
    }

    /// Waits for the end of the pool, no longer than `timeout` seconds.
    fn wait_ended(&self, py: Python<'_>, timeout: f64) -> bool {
        let timeout = Duration::try_from_secs_f64(timeout).unwrap_or(Duration::MAX);
        py.detach(|| {
            let ended = self
                .shared
                .ended
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let waited = self
                .shared
                .end
                .wait_timeout_while(ended, timeout, |ended| !*ended);
            *waited.unwrap_or_else(PoisonError::into_inner).0
        })
    }
}

impl Pool {
    /// Whether a call counts as begun.
    fn goes_on(&self, call: u64) -> bool {
        let watch = &self.shared.watch;
        watch.is_running(call) || (call < self.workers && !watch.has_seen_workers())
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if self.pid == std::process::id() {
            let _ = self.orders.send(Shutdown::Now);
        } else {
            // A forked child has no thread of ours, and nobody to wait for.
            std::mem::forget(Arc::clone(&self.shared));
        }
    }
}

/// A frame of a pickle with buffers, the long ones of which go into a block.
fn framed(
    py: Python<'_>,
    pickle: &[u8],
    buffers: &[PyBuffer<u8>],
    held: &mut Vec<Lease>,
) -> PyResult<Vec<u8>> {
    // SAFETY: each buffer is held by the caller, contiguous, and of this length.
    let bytes_of = |buffer: &PyBuffer<u8>| unsafe {
        std::slice::from_raw_parts(buffer.buf_ptr().cast::<u8>(), buffer.len_bytes())
    };
    let all: Vec<&[u8]> = buffers.iter().map(bytes_of).collect();
    let long = all.iter().filter(|bytes| bytes.len() >= SHARED);
    let total = long
        .map(|bytes| bytes.len().next_multiple_of(HEADER))
        .sum::<usize>();
    // Without a block its buffers travel inline.
    let lease = (total > 0)
        .then(|| py.detach(|| Lease::patient(HEADER + total)).ok())
        .flatten();
    let mut outside = Vec::with_capacity(all.len());
    let mut offset = HEADER;
    let mut fill = Vec::new();
    for bytes in all {
        match &lease {
            Some(lease) if bytes.len() >= SHARED => {
                fill.push((offset, bytes));
                let block = lease.block();
                outside.push(Outside::Placed(Place {
                    pid: std::process::id(),
                    fd: block.fd() as u32,
                    inode: block.inode(),
                    offset: offset as u64,
                    len: bytes.len() as u64,
                }));
                offset += bytes.len().next_multiple_of(HEADER);
            }
            _ => outside.push(Outside::Inline(bytes)),
        }
    }
    if let Some(lease) = lease {
        py.detach(|| {
            fill.iter()
                .for_each(|(offset, bytes)| lease.block().fill(*offset, bytes))
        });
        held.push(lease);
    }
    let mut out = Vec::new();
    frame::write(&mut out, pickle, &outside);
    Ok(out)
}
