//! Messages that come in, none of which is waited for: a rank may be killed while it sends one.

use crate::comm::Tag;
use mpi::ffi;
use std::collections::VecDeque;
use std::mem::MaybeUninit;
use std::os::raw::{c_int, c_void};

/// What MPI's functions return where nothing went wrong.
const SUCCESS: c_int = 0;

/// Messages that have begun to come.
pub(crate) struct Incoming {
    /// By the rank that sends; messages between two ranks keep their order.
    queues: Vec<VecDeque<Receiving>>,
    /// In all queues.
    count: usize,
}

/// A message that MPI is writing.
struct Receiving {
    request: ffi::MPI_Request,
    bytes: Vec<u8>,
    done: bool,
    failed: bool,
}

/// What was found.
pub(crate) enum Found {
    Message(usize, Vec<u8>),
    /// A message from that rank cannot be received.
    Failed(usize),
}

impl Incoming {
    pub(crate) fn new(ranks: usize) -> Incoming {
        Incoming {
            queues: (0..ranks).map(|_| VecDeque::new()).collect(),
            count: 0,
        }
    }

    /// The next message that is there as a whole; `buffer` gives one for a number of bytes.
    pub(crate) fn next(&mut self, mut buffer: impl FnMut(usize) -> Vec<u8>) -> Option<Found> {
        loop {
            if self.count > 0
                && let Some(found) = self.complete()
            {
                return Some(found);
            }
            let (from, message, len) = probe()?;
            let receiving = Receiving::begin(message, buffer(len), len);
            self.queues[from].push_back(receiving);
            self.count += 1;
        }
    }

    /// The first message of a rank that is there as a whole.
    fn complete(&mut self) -> Option<Found> {
        for (from, queue) in self.queues.iter_mut().enumerate() {
            if queue.front_mut().is_some_and(Receiving::is_done)
                && let Some(mut message) = queue.pop_front()
            {
                self.count -= 1;
                return Some(match message.failed {
                    false => Found::Message(from, std::mem::take(&mut message.bytes)),
                    true => Found::Failed(from),
                });
            }
        }
        None
    }

    /// The rank is gone: what has not come from it will not.
    pub(crate) fn forget(&mut self, rank: usize) {
        self.count -= self.queues[rank].len();
        self.queues[rank].clear();
    }
}

/// A message that nobody has taken: from whom, and how long it is.
fn probe() -> Option<(usize, ffi::MPI_Message, usize)> {
    let (mut found, mut len): (c_int, c_int) = (0, 0);
    // SAFETY: a constant of the library.
    let mut message = unsafe { ffi::RSMPI_MESSAGE_NULL };
    let mut status = MaybeUninit::<ffi::MPI_Status>::zeroed();
    // SAFETY: all are places to write to, and constants of the library.
    let code = unsafe {
        ffi::MPI_Improbe(
            ffi::RSMPI_ANY_SOURCE,
            Tag::Pool as c_int,
            ffi::RSMPI_COMM_WORLD,
            &raw mut found,
            &raw mut message,
            status.as_mut_ptr(),
        )
    };
    if code != SUCCESS || found == 0 {
        return None;
    }
    // SAFETY: MPI has written it, since a message was found; before, it was zeros, which are numbers too.
    let status = unsafe { status.assume_init() };
    // SAFETY: the status is that of the message.
    unsafe { ffi::MPI_Get_count(&raw const status, ffi::RSMPI_UINT8_T, &raw mut len) };
    Some((status.MPI_SOURCE as usize, message, len as usize))
}

impl Receiving {
    fn begin(mut message: ffi::MPI_Message, mut bytes: Vec<u8>, len: usize) -> Receiving {
        bytes.resize(len, 0);
        // SAFETY: a constant of the library.
        let mut request = unsafe { ffi::RSMPI_REQUEST_NULL };
        // SAFETY: the bytes live, and stay where they are, until MPI has written them: `is_done` or `drop` see to
        // that. The message is one that was found and not received.
        let code = unsafe {
            ffi::MPI_Imrecv(
                bytes.as_mut_ptr().cast::<c_void>(),
                len as c_int,
                ffi::RSMPI_UINT8_T,
                &raw mut message,
                &raw mut request,
            )
        };
        let failed = code != SUCCESS;
        Receiving {
            request,
            bytes,
            done: failed,
            failed,
        }
    }

    fn is_done(&mut self) -> bool {
        if self.done {
            return true;
        }
        let mut done: c_int = 0;
        // SAFETY: the request is one of MPI's.
        let code = unsafe {
            ffi::MPI_Test(
                &raw mut self.request,
                &raw mut done,
                ffi::RSMPI_STATUS_IGNORE,
            )
        };
        self.failed = code != SUCCESS;
        self.done = done != 0 || self.failed;
        self.done
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        // MPI may be writing them still.
        if !self.is_done() || self.failed {
            std::mem::forget(std::mem::take(&mut self.bytes));
        }
    }
}
