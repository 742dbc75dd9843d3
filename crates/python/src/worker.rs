//! The worker's side: runs calls in the interpreter of this process.

use crate::blocks::{self, Lease};
use crate::buffer::{Buffer, Owner};
use crate::forks;
use crate::frame::{self, Outside};
use crate::memory::{HEADER, Map, Place};
use pool::FailureKind;
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};
use runtime::{Endpoint, run_at};
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use task::{Failure, Input, Registry};

/// The task of calls whose frame is in their arguments.
pub(crate) const TASK: &str = "py";
/// The task of calls whose frame is streamed; their arguments are its length.
pub(crate) const LONG: &str = "py long";
/// The task that every worker runs once.
pub(crate) const SETUP: &str = "py setup";
/// What begins the target of log records that are notes of ours.
pub(crate) const NOTE: &str = "handoff_pool.";

/// Buffers of results from this length on travel in shared memory.
const SHARED: usize = 1 << 20;

/// Python's functions: one that runs a call, one that sets the worker up.
static FUNCTIONS: OnceLock<(Py<PyAny>, Py<PyAny>)> = OnceLock::new();
static NAME: Mutex<String> = Mutex::new(String::new());
/// Blocks that a task makes results in.
static LEASES: Mutex<Vec<Weak<Lease>>> = Mutex::new(Vec::new());

/// Serves calls until the coordinator is done. As a forkserver, forks workers that do.
#[pyfunction]
#[pyo3(signature = (fd, parent, run, set_up, forkserver))]
pub(crate) fn serve(
    py: Python<'_>,
    fd: i32,
    parent: Option<u32>,
    run: Py<PyAny>,
    set_up: Py<PyAny>,
    forkserver: bool,
) -> PyResult<()> {
    let _ = FUNCTIONS.set((run, set_up));
    let registry = Registry::new()
        .with_runner(TASK, run_short, 0)
        .with_runner(LONG, run_long, 0)
        .with_runner(SETUP, run_setup, 0)
        .on_named(|name| name.clone_into(&mut NAME.lock().unwrap_or_else(PoisonError::into_inner)));
    let endpoint = if forkserver {
        forks::set_hooks();
        Endpoint::ForkServer(fd)
    } else {
        Endpoint::Fd(fd)
    };
    py.detach(|| run_at(&endpoint, parent, &registry))
        .map_err(|error| PyRuntimeError::new_err(error.to_string()))
}

/// Sends a note to the coordinator, in a worker; does nothing elsewhere.
#[pyfunction]
pub(crate) fn note(py: Python<'_>, kind: &str, text: &str) {
    let target = format!("{NOTE}{kind}");
    py.detach(|| log::error!(target: &target, "{text}"));
}

/// Whether the task that runs was asked to end.
#[pyfunction]
pub(crate) fn cancelled() -> bool {
    runtime::cancelled()
}

/// Memory for a result that a task makes in place.
#[pyfunction]
pub(crate) fn lease(len: usize) -> PyResult<Buffer> {
    let lease = Arc::new(Lease::new(blocks::with_header(len))?);
    let mut leases = LEASES.lock().unwrap_or_else(PoisonError::into_inner);
    leases.retain(|lease| lease.strong_count() > 0);
    leases.push(Arc::downgrade(&lease));
    Ok(Buffer::new(Owner::Lease(lease), HEADER, len))
}

fn run_setup(args: &[u8], _: Input<'_>, output: Vec<u8>) -> Result<Vec<u8>, Failure> {
    let name = NAME.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Python::attach(|py| {
        let (_, set_up) = functions();
        let ran = set_up.call1(py, (PyBytes::new(py, args), name));
        ran.map_err(|error| failure(py, &error))
    })?;
    Ok(output)
}

fn run_short(args: &[u8], _: Input<'_>, output: Vec<u8>) -> Result<Vec<u8>, Failure> {
    run(args, output)
}

fn run_long(args: &[u8], input: Input<'_>, output: Vec<u8>) -> Result<Vec<u8>, Failure> {
    let bad = |why: String| Failure::new(FailureKind::BadInput, why);
    let length = args.try_into().map_err(|_| bad("no length".to_owned()))?;
    let length = usize::try_from(u64::from_le_bytes(length)).unwrap_or(0);
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(length)
        .map_err(|error| bad(error.to_string()))?;
    input
        .for_each_block(1, |block| bytes.extend_from_slice(block))
        .map_err(|error| bad(error.to_string()))?;
    run(&bytes, output)
}

fn run(bytes: &[u8], mut output: Vec<u8>) -> Result<Vec<u8>, Failure> {
    let no_frame = || Failure::new(FailureKind::BadArgs, "a call is no frame");
    let (kind, bytes) = bytes.split_first().ok_or_else(no_frame)?;
    if runtime::cancelled() {
        // The signal has come before the task, where nobody looked.
        return Err(Failure::new(FailureKind::Error, "cancelled as it began"));
    }
    let (run, _) = functions();
    let mut views = Vec::new();
    Python::attach(|py| {
        let answer = if *kind == frame::BUFFERS {
            let (pickle, buffers) = frame::read(bytes).ok_or_else(no_frame)?;
            let buffers = reach(py, buffers, &mut views).map_err(|error| failure(py, &error))?;
            run.call1(py, (PyBytes::new(py, pickle), buffers))
        } else {
            run.call1(py, (PyBytes::new(py, bytes), py.None()))
        };
        answer
            .and_then(|answer| give(py, answer.into_bound(py), &mut output))
            .map_err(|error| failure(py, &error))
    })?;
    for view in views {
        // What the task has kept must not depend on memory that the coordinator uses again.
        if Arc::strong_count(&view) > 1
            && let Err(error) = view.detach()
        {
            let why = format!("an array that was kept cannot be copied: {error}");
            return Err(Failure::new(FailureKind::Error, why));
        }
    }
    Ok(output)
}

fn functions() -> &'static (Py<PyAny>, Py<PyAny>) {
    FUNCTIONS.get().expect("set before anything is served")
}

fn failure(py: Python<'_>, error: &PyErr) -> Failure {
    let trace = error.traceback(py).and_then(|trace| trace.format().ok());
    let text = trace.map_or_else(|| error.to_string(), |trace| format!("{error}\n{trace}"));
    Failure::new(FailureKind::Error, text)
}

/// The buffers of a call as Python takes them.
fn reach<'py>(
    py: Python<'py>,
    buffers: Vec<Outside<'_>>,
    views: &mut Vec<Arc<Map>>,
) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for buffer in buffers {
        list.append(match buffer {
            Outside::Inline(bytes) => Buffer::of_bytes(bytes),
            Outside::Placed(place) => {
                let view = Arc::new(place.view()?);
                views.push(Arc::clone(&view));
                let len = view.len();
                Buffer::new(Owner::View(view), 0, len)
            }
        })?;
    }
    Ok(list)
}

/// A buffer of a result on its way.
enum Leaving {
    Inline(Box<[u8]>),
    /// In the block that is made for the call, at this offset.
    Copied(usize, usize),
    /// In a block that the task made it in.
    Made(Arc<Lease>, usize, usize),
}

/// Appends a result: `(kind, pickle)` or `(kind, pickle, buffers)`.
fn give(py: Python<'_>, answer: Bound<'_, PyAny>, output: &mut Vec<u8>) -> PyResult<()> {
    let answer = answer.cast_into::<PyTuple>().map_err(PyErr::from)?;
    let kind: u8 = answer.get_borrowed_item(0)?.extract()?;
    let pickle = answer
        .get_item(1)?
        .cast_into::<PyBytes>()
        .map_err(PyErr::from)?;
    if answer.len() == 2 {
        output.push(kind);
        output.extend_from_slice(pickle.as_bytes());
        return Ok(());
    }
    let buffers: Vec<PyBuffer<u8>> = answer.get_item(2)?.extract()?;
    drop(answer);
    let (leaving, block) = copy_out(py, &buffers)?;
    // From here on, whatever refers to a made result has been kept by the task.
    drop(buffers);
    write(py, output, pickle.as_bytes(), leaving, block)
}

/// Copies what was not made in place.
fn copy_out(py: Python<'_>, buffers: &[PyBuffer<u8>]) -> PyResult<(Vec<Leaving>, Option<Lease>)> {
    let mut leaving = Vec::new();
    let mut fill = Vec::new();
    let mut end = HEADER;
    for buffer in buffers {
        let len = buffer.len_bytes();
        // SAFETY: held by the caller, contiguous, and of this length.
        let bytes = unsafe { std::slice::from_raw_parts(buffer.buf_ptr().cast::<u8>(), len) };
        if let Some((lease, offset)) = made_in(bytes) {
            leaving.push(Leaving::Made(lease, offset, len));
        } else if len >= SHARED {
            leaving.push(Leaving::Copied(end, len));
            fill.push((end, bytes));
            end += len.next_multiple_of(HEADER);
        } else {
            leaving.push(Leaving::Inline(bytes.into()));
        }
    }
    if fill.is_empty() {
        return Ok((leaving, None));
    }
    let lease = py.detach(|| {
        let lease = Lease::new(end).ok()?;
        for (offset, bytes) in &fill {
            lease.block().fill(*offset, bytes);
        }
        Some(lease)
    });
    if lease.is_none() {
        // The coordinator keeps results in all blocks: these go as bytes.
        let mut fill = fill.into_iter();
        for part in &mut leaving {
            if let Leaving::Copied(..) = part
                && let Some((_, bytes)) = fill.next()
            {
                *part = Leaving::Inline(bytes.into());
            }
        }
    }
    Ok((leaving, lease))
}

/// The block that these bytes were made in, and where in it.
fn made_in(bytes: &[u8]) -> Option<(Arc<Lease>, usize)> {
    let leases = LEASES.lock().unwrap_or_else(PoisonError::into_inner);
    leases.iter().find_map(|lease| {
        let lease = lease.upgrade()?;
        let map = lease.block().map();
        let offset = bytes.as_ptr().addr().checked_sub(map.base().addr())?;
        (offset + bytes.len() <= map.len()).then_some((lease, offset))
    })
}

fn write(
    py: Python<'_>,
    output: &mut Vec<u8>,
    pickle: &[u8],
    leaving: Vec<Leaving>,
    block: Option<Lease>,
) -> PyResult<()> {
    let place = |lease: &Lease, offset: usize, len: usize| {
        let block = lease.block();
        Outside::Placed(Place {
            pid: std::process::id(),
            fd: block.fd() as u32,
            inode: block.inode(),
            offset: offset as u64,
            len: len as u64,
        })
    };
    let mut made: Vec<Arc<Lease>> = Vec::new();
    let mut outside = Vec::new();
    let mut copies = Vec::new();
    for part in &leaving {
        outside.push(match part {
            Leaving::Inline(bytes) => Outside::Inline(bytes),
            Leaving::Copied(offset, len) => {
                let block = block.as_ref().expect("made for what is copied");
                place(block, *offset, *len)
            }
            Leaving::Made(lease, offset, len) => {
                let references = leaving.iter().filter(
                    |other| matches!(other, Leaving::Made(it, ..) if Arc::ptr_eq(it, lease)),
                );
                if Arc::strong_count(lease) - references.count()
                    > usize::from(made.iter().any(|it| Arc::ptr_eq(it, lease)))
                {
                    // The task has kept it: the coordinator gets a copy.
                    match py.detach(|| copied(lease, *offset, *len)) {
                        Ok(copy) => {
                            let entry = place(&copy, HEADER, *len);
                            copies.push(copy);
                            entry
                        }
                        Err(_) => Outside::Inline(bytes_of(lease, *offset, *len)),
                    }
                } else {
                    if !made.iter().any(|it| Arc::ptr_eq(it, lease)) {
                        made.push(Arc::clone(lease));
                    }
                    place(lease, *offset, *len)
                }
            }
        });
    }
    frame::write(output, pickle, &outside);
    drop(outside);
    drop(leaving);
    for lease in made {
        if let Some(lease) = Arc::into_inner(lease) {
            lease.send();
        }
    }
    block.into_iter().chain(copies).for_each(Lease::send);
    Ok(())
}

/// What lies in a block that a task made its result in.
fn bytes_of(lease: &Lease, offset: usize, len: usize) -> &[u8] {
    let map = lease.block().map();
    // SAFETY: within the mapping: checked where the offset was found.
    unsafe { std::slice::from_raw_parts(map.base().add(offset), len) }
}

fn copied(lease: &Lease, offset: usize, len: usize) -> io::Result<Lease> {
    let copy = Lease::new(blocks::with_header(len))?;
    copy.block().fill(HEADER, bytes_of(lease, offset, len));
    Ok(copy)
}
