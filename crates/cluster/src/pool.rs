//! The pool over all ranks of a job, as programs see it.

use crate::counters::Rank;
use crate::root::Root;
use crate::session::Lease;
use handoff::elsewhere::Elsewhere;
use handoff::{Counters, Error, Shutdown};
use pool::{Batch, CallBlock, Reply};
use std::cell::RefCell;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// A pool over all ranks of an MPI job: each has workers of its own machine. Without a launcher it is a pool of
/// this machine.
///
/// It is a [`handoff::Pool`] (`Deref`), with all of its methods. A program that was started by `mpirun` or `srun` on
/// many machines goes on on rank 0 alone: the other ranks serve when they make their pool, or already in
/// [`init`](crate::init), and never return.
///
/// ```no_run
/// use handoff::task;
/// use handoff_cluster::Pool;
///
/// #[task]
/// fn square(n: u64) -> u64 {
///     n * n
/// }
///
/// fn main() -> Result<(), handoff::Error> {
///     handoff_cluster::init();
///     let mut pool = Pool::new()?;
///     let squares = pool.map((0..100).map(square)).collect::<Result<Vec<_>, _>>()?;
///     assert_eq!(squares[9], 81);
///     Ok(())
/// }
/// ```
pub struct Pool {
    pool: Option<handoff::Pool>,
    /// None where it is a pool of this machine.
    root: Option<Shared>,
    _lease: Option<Lease>,
}

impl Pool {
    /// Over the pools of all ranks, or of this machine alone.
    pub(crate) fn over(pool: handoff::Pool, ranks: Option<(Shared, Lease)>) -> Pool {
        let (root, lease) = ranks.unzip();
        Pool {
            pool: Some(pool),
            root,
            _lease: lease,
        }
    }

    /// What each rank has and has done; nothing for a pool of this machine.
    pub fn ranks(&self) -> Vec<Rank> {
        let root = self.root.as_ref();
        root.map_or_else(Vec::new, |root| root.with(|root| root.rank_counters()))
    }

    pub(crate) fn root(&self) -> Option<Shared> {
        self.root.clone()
    }

    /// Ends the pools of all ranks, and waits until their workers are gone.
    ///
    /// # Errors
    /// Why the pool could not finish its tasks.
    pub fn shutdown(mut self, how: Shutdown) -> Result<(), Error> {
        match self.pool.take() {
            Some(pool) => pool.shutdown(how),
            None => Ok(()),
        }
    }
}

impl Deref for Pool {
    type Target = handoff::Pool;

    fn deref(&self) -> &handoff::Pool {
        self.pool
            .as_ref()
            .expect("there is one until it is shut down")
    }
}

impl DerefMut for Pool {
    fn deref_mut(&mut self) -> &mut handoff::Pool {
        self.pool
            .as_mut()
            .expect("there is one until it is shut down")
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if let (Some(root), true) = (&self.root, self.pool.is_some())
            && let Some(mut root) = root.root.borrow_mut().take()
        {
            root.stop_others(false);
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = formatter.debug_struct("Pool");
        text.field("ranks", &self.ranks().len())
            .finish_non_exhaustive()
    }
}

/// Rank 0, for the pool and for what it can do beyond others.
#[derive(Clone)]
pub(crate) struct Shared {
    root: Rc<RefCell<Option<Root>>>,
    descriptor: Rc<OwnedFd>,
}

impl Shared {
    pub(crate) fn new(root: Root, descriptor: OwnedFd) -> Shared {
        Shared {
            root: Rc::new(RefCell::new(Some(root))),
            descriptor: Rc::new(descriptor),
        }
    }

    /// # Panics
    /// Where a reply calls the pool, or after its end.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut Root) -> R) -> R {
        let mut root = self.root.borrow_mut();
        f(root.as_mut().expect("the pool has not ended"))
    }
}

impl Elsewhere for Shared {
    fn submit(&mut self, call: CallBlock, reply: Arc<dyn Reply>) -> Result<u64, Error> {
        self.with(|root| root.submit(call, reply))
    }

    fn batch_size(&mut self, task: &'static str) -> usize {
        self.with(|root| root.batch_size(task))
    }

    fn submit_batch(&mut self, batch: Batch, reply: Arc<dyn Reply>) -> Option<u64> {
        self.with(|root| root.submit_batch(batch, reply))
    }

    fn start(&mut self) {
        self.with(Root::start);
    }

    fn drive(&mut self, timeout: Option<Duration>) -> Result<(), Error> {
        self.with(|root| root.drive(timeout))
    }

    fn cancel(&mut self, id: u64) -> bool {
        self.with(|root| root.cancel(id))
    }

    fn withdraw(&mut self, ids: &mut dyn Iterator<Item = u64>) {
        self.with(|root| root.withdraw(ids));
    }

    fn counters(&self) -> Counters {
        self.with(|root| root.counters())
    }

    fn shutdown(self: Box<Self>, how: Shutdown) -> Result<(), Error> {
        let root = self.root.borrow_mut().take();
        root.map_or(Ok(()), |root| root.stop(how))
    }

    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}
