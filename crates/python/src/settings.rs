//! The settings of a pool, from a dictionary.

use ::pool::{Program, StartMethod};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::os::fd::{FromRawFd, OwnedFd};

/// The settings of a pool.
pub(crate) struct Settings {
    pub(crate) method: StartMethod,
    pub(crate) workers: usize,
    pub(crate) min_workers: usize,
    pub(crate) spare: usize,
    pub(crate) idle_timeout: Option<f64>,
    pub(crate) retries: u32,
    pub(crate) timeout: Option<f64>,
    pub(crate) start_timeout: f64,
    pub(crate) grace: f64,
    pub(crate) cancel_grace: f64,
    pub(crate) recycle_after: Option<u64>,
    pub(crate) recycle_above: Option<u64>,
    pub(crate) setup: Vec<u8>,
    pub(crate) traces: bool,
    pub(crate) capture_stdout: bool,
}

impl Settings {
    pub(crate) fn of(dict: &Bound<'_, PyDict>) -> PyResult<Settings> {
        fn item<'py, T: for<'a> FromPyObject<'a, 'py, Error = PyErr>>(
            dict: &Bound<'py, PyDict>,
            name: &str,
        ) -> PyResult<T> {
            let found = dict.get_item(name)?;
            found
                .ok_or_else(|| PyValueError::new_err(format!("no {name}")))?
                .extract()
        }
        let method: String = item(dict, "method")?;
        let (program, args): (String, Vec<String>) = (item(dict, "program")?, item(dict, "args")?);
        let program = args.into_iter().fold(Program::new(program), Program::arg);
        let running: Option<(u32, i32)> = item(dict, "running")?;
        let method = match (&method[..], running) {
            ("spawn", _) => StartMethod::Spawn(program),
            (_, None) => StartMethod::ForkServer(program),
            (_, Some((pid, fd))) => {
                // SAFETY: Python has detached the descriptor from its socket for us.
                let socket = unsafe { OwnedFd::from_raw_fd(fd) };
                StartMethod::ForkServer(Program::running(pid, socket))
            }
        };
        Ok(Settings {
            method,
            workers: item(dict, "workers")?,
            min_workers: item(dict, "min_workers")?,
            spare: item(dict, "spare")?,
            idle_timeout: item(dict, "idle_timeout")?,
            retries: item(dict, "retries")?,
            timeout: item(dict, "timeout")?,
            start_timeout: item(dict, "start_timeout")?,
            grace: item(dict, "grace")?,
            cancel_grace: item(dict, "cancel_grace")?,
            recycle_after: item(dict, "recycle_after")?,
            recycle_above: item(dict, "recycle_above")?,
            setup: item(dict, "setup")?,
            traces: item(dict, "traces")?,
            capture_stdout: item(dict, "capture_stdout")?,
        })
    }
}
