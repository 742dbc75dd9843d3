//! The life of a pool: started by a thread of its own, which waits to end it.

use crate::results::{Item, PyReply, Results};
use crate::settings::Settings;
use crate::watch::Watch;
use ::pool::{Background, CallBlock, Pool as Workers, Shutdown};
use std::os::fd::OwnedFd;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How far the pool is.
pub(crate) enum Stage {
    /// Its workers are being started; calls wait here.
    Starting(Vec<(CallBlock, Arc<PyReply>)>),
    Running(Background),
    /// Shut down, or failed: what is submitted fails alike.
    Ended(&'static str, String),
}

pub(crate) struct Shared {
    pub(crate) stage: Mutex<Stage>,
    pub(crate) ended: Mutex<bool>,
    pub(crate) end: Condvar,
    pub(crate) results: Arc<Results>,
    pub(crate) watch: Watch,
}

impl Shared {
    pub(crate) fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The life of the thread that starts the pool and ends it.
pub(crate) fn live(
    settings: Settings,
    shared: &Arc<Shared>,
    interrupt: OwnedFd,
    inbox: &Receiver<Shutdown>,
) {
    let (seen, seconds) = (Arc::clone(shared), |s| {
        Duration::try_from_secs_f64(s).unwrap_or(Duration::MAX)
    });
    let mut builder = Workers::builder(settings.method)
        .workers_between(settings.min_workers, settings.workers)
        .spare(settings.spare)
        .retries(settings.retries)
        .start_timeout(seconds(settings.start_timeout))
        .grace(seconds(settings.grace))
        .cancel_grace(seconds(settings.cancel_grace))
        .output_bound(isize::MAX as usize)
        .log_level(5)
        .capture_stdout(settings.capture_stdout)
        .interrupted_by(interrupt)
        .initializer_raw(crate::worker::SETUP, settings.setup)
        .watch(move |event| seen.watch.see(event, &seen.results));
    if let Some(timeout) = settings.timeout {
        builder = builder.task_timeout(seconds(timeout));
    }
    if let Some(timeout) = settings.idle_timeout {
        builder = builder.idle_timeout(seconds(timeout));
    }
    if let Some(tasks) = settings.recycle_after {
        builder = builder.recycle_after(tasks);
    }
    if let Some(bytes) = settings.recycle_above {
        builder = builder.recycle_above(bytes);
    }
    match builder.background() {
        Err(error) => end(shared, "pool", &error.to_string()),
        Ok(pool) => {
            let mut stage = shared.stage();
            if let Stage::Starting(waiting) = &mut *stage {
                for (call, reply) in std::mem::take(waiting) {
                    // One that cannot be sent is resolved by being dropped.
                    let _ = pool.submit_raw(call, reply);
                }
            }
            *stage = Stage::Running(pool);
            drop(stage);
            shared.results.push(Item::State("ready", String::new()));
            let how = inbox.recv().unwrap_or(Shutdown::Now);
            let stage = std::mem::replace(
                &mut *shared.stage(),
                Stage::Ended("shut down", "the pool was shut down".to_owned()),
            );
            let Stage::Running(pool) = stage else { return };
            match pool.shutdown(how) {
                Ok(()) => end(shared, "shut down", "the pool was shut down"),
                Err(error) => end(shared, "pool", &error.to_string()),
            }
        }
    }
}

/// Fails what has not been answered, and says that nothing will come any more.
fn end(shared: &Arc<Shared>, kind: &'static str, why: &str) {
    let ended = Stage::Ended(kind, why.to_owned());
    if let Stage::Starting(waiting) = std::mem::replace(&mut *shared.stage(), ended) {
        for (_, reply) in waiting {
            reply.fail(kind, why.to_owned());
        }
    }
    shared.results.push(Item::State(kind, why.to_owned()));
    shared.results.close();
    *shared.ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
    shared.end.notify_all();
}
