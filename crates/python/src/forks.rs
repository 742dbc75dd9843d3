//! Reports the forks of the forkserver to its interpreter.

use pyo3::ffi;
use pyo3::prelude::*;
use runtime::{ForkHooks, set_fork_hooks};
use std::cell::Cell;

unsafe extern "C" {
    fn PyOS_BeforeFork();
    fn PyOS_AfterFork_Parent();
    fn PyOS_AfterFork_Child();
}

thread_local! {
    /// The interpreter's state of this thread, between `before` and what comes after the fork.
    static ATTACHED: Cell<Option<ffi::PyGILState_STATE>> = const { Cell::new(None) };
}

pub(crate) fn set_hooks() {
    set_fork_hooks(ForkHooks {
        before,
        in_parent,
        in_child,
        before_exit,
        keep_descriptors: true,
    });
}

fn before() {
    // SAFETY: on the main thread, which has a state of the interpreter and does not hold it now.
    let state = unsafe {
        let state = ffi::PyGILState_Ensure();
        PyOS_BeforeFork();
        state
    };
    ATTACHED.set(Some(state));
}

fn in_parent() {
    // SAFETY: after `before`, on the same thread.
    after(|| unsafe { PyOS_AfterFork_Parent() });
}

fn in_child() {
    // SAFETY: after `before`, on the same thread.
    after(|| unsafe { PyOS_AfterFork_Child() });
}

fn after(tell: impl FnOnce()) {
    if let Some(state) = ATTACHED.take() {
        tell();
        // SAFETY: taken by `before`, on the same thread.
        unsafe { ffi::PyGILState_Release(state) };
    }
}

/// A forked worker does not end as an interpreter does.
fn before_exit() {
    Python::attach(|py| {
        let ended = py
            .import("handoff_pool._worker")
            .and_then(|module| module.call_method0("before_exit"));
        if let Err(error) = ended {
            error.print(py);
        }
    });
}
