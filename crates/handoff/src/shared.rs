//! What the clones of a background pool share, and what its handles need to cancel.

use crate::gate::Gate;
use crate::shutdown::no_limits;
use crate::threads::{Threads, fixed_threads};
use crate::workers::Workers;
use crate::{Error, ErrorKind};
use pool::{CallBlock, Reply};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

/// What the clones share, and what handles need to cancel.
pub(crate) struct Shared {
    pub(crate) gate: Arc<Gate>,
    /// `None` once it has been shut down.
    pub(crate) engine: RwLock<Option<Engine>>,
    /// The most workers that it is to have.
    pub(crate) workers: AtomicUsize,
}

/// What runs the tasks.
pub(crate) enum Engine {
    Processes(pool::Background),
    Threads(Threads),
}

impl Shared {
    pub(crate) fn submit(
        &self,
        call: CallBlock,
        limited: bool,
        reply: Arc<dyn Reply>,
    ) -> Result<u64, Error> {
        match &*read(self) {
            Some(Engine::Processes(pool)) => Ok(pool.submit_raw(call, reply)?),
            Some(Engine::Threads(_)) if limited => Err(no_limits()),
            Some(Engine::Threads(threads)) => Ok(threads.submit(call, reply)),
            None => Err(shut_down()),
        }
    }

    /// Fails on the pool's own thread, where waiting for the pool would never end.
    pub(crate) fn check_may_wait(&self) -> Result<(), Error> {
        match &*read(self) {
            Some(Engine::Processes(pool)) if pool.is_here() => {
                let text =
                    "a watcher or waker runs on the pool's own thread: it cannot wait for the pool";
                Err(Error::new(ErrorKind::Misuse, text))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn resize(&self, workers: Workers) -> Result<(), Error> {
        match &*read(self) {
            Some(Engine::Processes(pool)) => {
                pool.resize(workers.min, workers.max);
                self.workers.store(workers.max, Ordering::Relaxed);
                Ok(())
            }
            Some(Engine::Threads(_)) => Err(fixed_threads()),
            None => Err(shut_down()),
        }
    }

    pub(crate) fn broadcast(
        &self,
        make: impl FnMut() -> (CallBlock, Arc<dyn Reply>) + Send + 'static,
    ) -> Result<Vec<u64>, Error> {
        self.check_may_wait()?;
        let taken = match &*read(self) {
            Some(Engine::Processes(pool)) => pool.broadcast_raw(make),
            Some(Engine::Threads(_)) => return Err(fixed_threads()),
            None => return Err(shut_down()),
        };
        // The pool's thread may want the engine before it takes them, so it is not held here.
        Ok(taken.wait()?)
    }

    /// Gives up a task whose result nobody wants: where it has begun it runs to its end.
    pub(crate) fn withdraw(&self, id: u64) {
        self.give_up(id, pool::Background::withdraw_raw);
    }

    pub(crate) fn cancel(&self, id: u64) {
        self.give_up(id, pool::Background::cancel_raw);
    }

    fn give_up(&self, id: u64, order: impl FnOnce(&pool::Background, u64)) {
        let threads = match &*read(self) {
            Some(Engine::Processes(pool)) => return order(pool, id),
            Some(Engine::Threads(threads)) => threads.shared(),
            None => return,
        };
        // It calls who waits for the task, who may want the engine, so that is not held here.
        threads.withdraw(id);
    }
}

fn shut_down() -> Error {
    Error::new(ErrorKind::ShutDown, "the pool was shut down")
}

/// What runs the tasks, unless the pool was shut down.
pub(crate) fn read(shared: &Shared) -> RwLockReadGuard<'_, Option<Engine>> {
    shared.engine.read().unwrap_or_else(PoisonError::into_inner)
}
