//! Messages between ranks that nobody waits for: sent while the sender does other things, taken when they are
//! there as a whole.
//!
//! Each rank has a queue of messages to every other. A few of a queue are with MPI at a time, so that memory
//! for those behind them is taken when their turn comes.

use crate::comm::{Comm, Tag};
use crate::incoming::{Found, Incoming};
use mpi::ffi;
use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;
use std::os::raw::{c_int, c_void};
use std::rc::Rc;
use task::arrays::raw::Memory;

/// Messages to one rank that are with MPI at a time.
const IN_FLIGHT: usize = 4;

/// Buffers from this size on are used again; how many are kept.
const LARGE: usize = 256 << 10;
const SPARE: usize = 16;
/// What MPI's functions return where nothing went wrong. Errors end the job, unless the library goes on without
/// ranks that are gone.
const SUCCESS: c_int = 0;

/// What is to be sent: a head, and bytes that may lie in an array.
pub(crate) struct Message {
    pub(crate) head: Vec<u8>,
    pub(crate) body: Option<(Memory, Range<usize>)>,
}

/// The queues of this rank.
pub(crate) struct Link {
    comm: Rc<Comm>,
    queues: Vec<VecDeque<Message>>,
    sending: Vec<VecDeque<Sending>>,
    incoming: Incoming,
    /// Messages in queues and with MPI.
    unsent: usize,
    /// Buffers that are used again: memory that a process has just taken costs more than copying into it.
    spare: Vec<Vec<u8>>,
    sent_bytes: Vec<u64>,
    /// Ranks that could not be sent to, and were not heard of yet.
    lost: BTreeSet<usize>,
    /// Ranks that are gone.
    gone: BTreeSet<usize>,
}

/// A message that MPI has, and its bytes.
struct Sending {
    request: ffi::MPI_Request,
    bytes: Vec<u8>,
    failed: bool,
}

impl Link {
    pub(crate) fn new(comm: Rc<Comm>) -> Link {
        let ranks = comm.size() as usize;
        Link {
            comm,
            queues: (0..ranks).map(|_| VecDeque::new()).collect(),
            sending: (0..ranks).map(|_| VecDeque::new()).collect(),
            incoming: Incoming::new(ranks),
            unsent: 0,
            spare: Vec::new(),
            sent_bytes: vec![0; ranks],
            lost: BTreeSet::new(),
            gone: BTreeSet::new(),
        }
    }

    /// Has MPI report errors rather than end the job, where it can go on.
    pub(crate) fn report_errors(&self) {
        // SAFETY: constants of the library.
        unsafe { ffi::MPI_Comm_set_errhandler(ffi::RSMPI_COMM_WORLD, ffi::RSMPI_ERRORS_RETURN) };
    }

    pub(crate) fn comm(&self) -> &Comm {
        &self.comm
    }

    /// Leaves the job, once all that was queued has been sent.
    pub(crate) fn leave(&self) {
        match self.is_whole() {
            true => self.comm.leave(),
            false => self.comm.abandon(),
        }
    }

    /// Bytes that were sent to that rank so far.
    pub(crate) fn sent_bytes(&self, to: usize) -> u64 {
        self.sent_bytes[to]
    }

    /// Queues a message; messages between two ranks keep their order.
    pub(crate) fn send(&mut self, to: usize, message: Message) {
        if !self.is_gone(to) {
            self.queues[to].push_back(message);
            self.unsent += 1;
        }
    }

    /// Hands to MPI what it can take; whether all that was queued has been sent.
    pub(crate) fn pump(&mut self) -> bool {
        if self.unsent == 0 {
            return true;
        }
        for (to, sending) in self.sending.iter_mut().enumerate() {
            while sending.front_mut().is_some_and(Sending::is_done) {
                self.unsent -= 1;
                if let Some(mut sent) = sending.pop_front() {
                    if sent.failed {
                        self.lost.insert(to);
                    }
                    keep(&mut self.spare, std::mem::take(&mut sent.bytes));
                }
            }
            while sending.len() < IN_FLIGHT
                && let Some(message) = self.queues[to].pop_front()
            {
                let bytes = message.into_bytes(&mut self.spare);
                self.sent_bytes[to] += bytes.len() as u64;
                sending.push_back(Sending::post(to, bytes));
            }
        }
        self.unsent == 0
    }

    /// The rank is gone: nothing is sent to it any more, and the job cannot be left in order.
    pub(crate) fn forget(&mut self, rank: usize) {
        self.gone.insert(rank);
        self.unsent -= self.queues[rank].len() + self.sending[rank].len();
        self.queues[rank].clear();
        self.sending[rank].clear();
        self.incoming.forget(rank);
    }

    /// Whether no rank is gone.
    pub(crate) fn is_whole(&self) -> bool {
        self.gone.is_empty()
    }

    /// Whether a rank is gone.
    pub(crate) fn is_gone(&self, rank: usize) -> bool {
        self.gone.contains(&rank)
    }

    /// Ranks that MPI says are gone, where it goes on without them.
    pub(crate) fn take_lost(&mut self) -> BTreeSet<usize> {
        std::mem::take(&mut self.lost)
    }

    /// A message from any rank, if one is there as a whole.
    pub(crate) fn receive(&mut self) -> Option<(usize, Vec<u8>)> {
        let spare = &mut self.spare;
        let mut buffer = |len| match len >= LARGE {
            true => spare.pop().unwrap_or_default(),
            false => Vec::new(),
        };
        loop {
            match self.incoming.next(&mut buffer)? {
                Found::Message(from, bytes) => return Some((from, bytes)),
                Found::Failed(from) => drop(self.lost.insert(from)),
            }
        }
    }

    /// Gives the bytes of a message back that was dealt with.
    pub(crate) fn dealt_with(&mut self, bytes: Vec<u8>) {
        keep(&mut self.spare, bytes);
    }

    /// Sends all that is queued, taking in what comes meanwhile.
    pub(crate) fn flush(&mut self, mut take: impl FnMut(usize, Vec<u8>)) {
        while !self.pump() {
            match self.receive() {
                Some((from, bytes)) => take(from, bytes),
                None => std::thread::yield_now(),
            }
        }
    }
}

/// Keeps a buffer that is worth it.
fn keep(spare: &mut Vec<Vec<u8>>, bytes: Vec<u8>) {
    if bytes.capacity() >= LARGE && spare.len() < SPARE {
        spare.push(bytes);
    }
}

impl Message {
    pub(crate) fn of(head: Vec<u8>) -> Message {
        Message { head, body: None }
    }

    fn into_bytes(self, spare: &mut Vec<Vec<u8>>) -> Vec<u8> {
        let Some((memory, range)) = self.body else {
            return self.head;
        };
        let mut bytes = spare.pop().unwrap_or_default();
        bytes.clear();
        bytes.extend_from_slice(&self.head);
        bytes.extend_from_slice(&memory.bytes()[range]);
        bytes
    }
}

impl Sending {
    fn post(to: usize, bytes: Vec<u8>) -> Sending {
        // SAFETY: a constant of the library.
        let mut request = unsafe { ffi::RSMPI_REQUEST_NULL };
        let len = c_int::try_from(bytes.len()).expect("messages are cut to fewer than 2 GiB");
        // SAFETY: the bytes live, and stay where they are, until MPI has sent them: `is_done` or `drop` see
        // to that.
        let code = unsafe {
            ffi::MPI_Isend(
                bytes.as_ptr().cast::<c_void>(),
                len,
                ffi::RSMPI_UINT8_T,
                to as c_int,
                Tag::Pool as c_int,
                ffi::RSMPI_COMM_WORLD,
                &raw mut request,
            )
        };
        Sending {
            request,
            bytes,
            failed: code != SUCCESS,
        }
    }

    fn is_done(&mut self) -> bool {
        let mut done: c_int = 0;
        // SAFETY: the request is one of MPI's, or null, of which MPI says that it is done.
        let code = unsafe {
            ffi::MPI_Test(
                &raw mut self.request,
                &raw mut done,
                ffi::RSMPI_STATUS_IGNORE,
            )
        };
        self.failed |= code != SUCCESS;
        done != 0 || self.failed
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        // MPI may be reading them still.
        if !self.is_done() {
            std::mem::forget(std::mem::take(&mut self.bytes));
        }
    }
}
