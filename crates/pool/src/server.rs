//! The thread of a background pool: it takes orders, and drives the pool.

use crate::MAX_WORKERS;
use crate::bell::Bell;
use crate::pool::{Pool, Shutdown};
use crate::seen::Seen;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::sync::{Mutex, PoisonError};
use supervisor::call::Call;
use supervisor::failure::{PoolError, SubmitError, TaskFailure};
use supervisor::ids::TaskId;
use supervisor::region::Region;
use wire::RegionId;

/// Commands taken from the inbox before the pool is driven again, so that many that submit do not
/// keep it from that.
const COMMANDS: usize = 256;

pub(super) enum Order {
    Submit(TaskId, Call),
    Cancel(TaskId),
    Withdraw(TaskId),
    Attach(RegionId, Region),
    Detach(RegionId),
    Resize(usize, usize),
    Broadcast(Broadcast),
    Shutdown(Shutdown),
}

/// One call for each worker.
pub(super) struct Broadcast {
    pub first: TaskId,
    pub make: MakeCall,
    pub answer: Sender<Result<Vec<TaskId>, SubmitError>>,
}

pub(super) type MakeCall = Box<dyn FnMut() -> Result<Call, SubmitError> + Send>;

/// The life of the thread. A function of the caller's that panics does not end it: the panic goes on in
/// the thread that shuts the pool down.
pub(super) fn serve(
    pool: Pool,
    inbox: (&Receiver<Order>, &Bell),
    seen: &Mutex<Seen>,
) -> Result<(), PoolError> {
    let mut server = Server {
        pool,
        taken: 0,
        ended: None,
        panicked: None,
    };
    let how = loop {
        if let Some(how) = server.obey(inbox) {
            break how;
        }
        // Before the wait, which may be long.
        seen.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .look(&mut server.pool, server.taken);
        if server.ended.is_none() {
            server.turn();
        }
    };
    let Server { pool, panicked, .. } = server;
    let ended = catch_unwind(AssertUnwindSafe(|| pool.shutdown(how)));
    match (ended, panicked) {
        (_, Some(panic)) | (Err(panic), None) => resume_unwind(panic),
        (Ok(ended), None) => ended,
    }
}

/// The pool on its thread.
struct Server {
    pool: Pool,
    /// Numbers of tasks whose orders were taken from the inbox.
    taken: u64,
    /// Why the pool does not go on: what it is given fails, until it is dropped.
    ended: Option<PoolError>,
    panicked: Option<Box<dyn Any + Send>>,
}

impl Server {
    /// Executes orders, up to a bound; gives how to end, once that was ordered.
    fn obey(&mut self, (inbox, bell): (&Receiver<Order>, &Bell)) -> Option<Shutdown> {
        let taken = self.taken;
        let how = self.take_orders(inbox, bell);
        if self.taken > taken && self.ended.is_none() {
            self.pool.shell().start_queued_lazily();
        }
        how
    }

    fn take_orders(&mut self, inbox: &Receiver<Order>, bell: &Bell) -> Option<Shutdown> {
        for _ in 0..COMMANDS {
            let order = match inbox.try_recv() {
                Ok(order) => order,
                Err(TryRecvError::Empty) if self.ended.is_none() => return None,
                Err(TryRecvError::Empty) => match inbox.recv() {
                    Ok(order) => order,
                    Err(_) => return Some(Shutdown::Now),
                },
                Err(TryRecvError::Disconnected) => return Some(Shutdown::Now),
            };
            let shell = self.pool.shell();
            match order {
                Order::Submit(id, call) => {
                    self.taken += 1;
                    match &self.ended {
                        Some(error) => call.resolve(Err(TaskFailure::Pool(error.clone()))),
                        // What is wrong with it is the task's own failure.
                        None => drop(shell.take_in(Some(id), call)),
                    }
                }
                Order::Cancel(id) => drop(shell.cancel(id)),
                Order::Withdraw(id) => shell.withdraw([id]),
                Order::Attach(id, region) => shell.attach(id, region),
                Order::Detach(id) => shell.detach(id),
                // Where there is too little for more workers, there are as many as before.
                Order::Resize(min, max) => drop(shell.resize(min, max)),
                Order::Broadcast(broadcast) => {
                    // All numbers that were kept for it.
                    self.taken += MAX_WORKERS as u64;
                    let submitted = shell.broadcast(Some(broadcast.first), broadcast.make);
                    let _ = broadcast.answer.send(submitted);
                }
                Order::Shutdown(how) => return Some(how),
            }
        }
        bell.ring(); // More may be there.
        None
    }

    fn turn(&mut self) {
        let driven = catch_unwind(AssertUnwindSafe(|| self.pool.drive(None)));
        match driven {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                self.pool.shell().fail_all(&error);
                self.ended = Some(error);
            }
            Err(panic) => {
                self.panicked.get_or_insert(panic);
            }
        }
    }
}
