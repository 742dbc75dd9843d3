//! The lane between a coordinator and one worker: calls, claims, results and the requests to be woken,
//! in a row of 64-bit words that both processes map and nobody else.
//!
//! This module is the protocol. It maps no memory, makes no system call and reads no clock: its user
//! hands it the words ([`AtomicU64`]), blocks, sends wake bytes on the socket and decides what to recall.
//! What does not fit in the lane travels by the socket, with a marker in the lane.
//!
//! # The words
//!
//! Every word is an atomic, and what is read is copied out before it is looked at: a peer that writes
//! at the wrong moment corrupts values and causes no data race. A side never reads back a word that it
//! alone writes. Words of different writers lie on cache lines of their own.
//!
//! | word | writer | ordering | meaning |
//! | --- | --- | --- | --- |
//! | `head` | both | compare-and-swap, AcqRel | calls below are claimed by one side; never goes back |
//! | `tail` | coordinator | store Release, load Acquire | calls below exist |
//! | `began_ns` | worker | store Release, before the claim | when it claimed its call |
//! | `done` | worker | store Release | calls below have returned |
//! | `published` | worker | store Release, load Acquire | records below exist (cursor in words) |
//! | `consumed` | coordinator | store Release, load Acquire | records below may be overwritten |
//! | `sleep_w` | worker sets, coordinator takes | swap, beside a fence | waits for calls (1), or calls and nothing but a wake (3), or for room (2) |
//! | `sleep_c` | coordinator sets, worker takes | swap, beside a fence | wake me at the next result (1), or when you run dry (2) |
//! | call slots | coordinator | Relaxed, under `tail` | two words a call: task, place and size of its bytes |
//! | call bytes | coordinator | Relaxed, under `tail` | a ring of words |
//! | result ring | worker | Relaxed, under `published` | records: two words, then the bytes |
//!
//! Calls have consecutive indices, which are never used again. Call `i` lies in slot `i % slots`. The slot says where the
//! bytes of the call are, so the worker finds a call without reading those that were recalled before
//! it. Positions in both rings of bytes are cursors that only grow; a word's place is its cursor modulo the
//! size of the ring, so nothing is padded where the ring wraps.
//!
//! # A call
//!
//! 1. The coordinator writes slot and bytes ([`CoordinatorLane::push`]), then moves `tail`
//!    ([`publish`](CoordinatorLane::publish)).
//! 2. The worker writes `began_ns`, then moves `head` by one with a compare-and-swap
//!    ([`WorkerLane::claim`]). From here on the call is *begun*. Only now it reads the call.
//! 3. Its function returns: the worker moves `done` ([`returned`](WorkerLane::returned)), sends the body if that does
//!    not fit in the lane, writes the record and moves `published` ([`complete`](WorkerLane::complete)).
//! 4. The coordinator copies the record, checks that it is of the oldest call without a result
//!    ([`next_result`](CoordinatorLane::next_result)), and moves `consumed` ([`release`](CoordinatorLane::release)).
//!
//! Instead of 2, the coordinator may *recall* the oldest calls by moving `head` itself, any number of them with one
//! compare-and-swap. Those calls leave holes in the sequence of results.
//!
//! The space of a call is free when the call was recalled or its result was taken, and that holds for
//! all older calls. Neither a claim nor `done` frees space: the worker may not have read the call.
//!
//! # Sleep
//!
//! Both directions are the same: the sleeper swaps its flag up, passes a fence (SeqCst), looks again, and blocks.
//! The other side moves a cursor, passes a fence, looks at the flag, and takes it by a swap to 0: then it owes one wake
//! byte. Of the two looks at least one sees what the other side wrote. A flag that is taken while its owner is awake
//! costs a superfluous byte, never a lost wake.
//!
//! The coordinator runs, with `socket` in its set of descriptors:
//!
//! ```text
//! loop {
//!     push …; publish; while next_result …; release;
//!     if take_wake  { send a byte }
//!     if arm(…) == Sleep { wait for socket, pidfd, timer }
//!     if disarm { read the byte before arm is called again }
//! }
//! ```
//!
//! and the worker:
//!
//! ```text
//! loop {
//!     match next_call {
//!         a call => { run; returned; complete (NoRoom: rest(Room), and again); if wake { send a byte } }
//!         none   => match rest(Calls or Wake) { Sleep => { if wake { send a byte } block; woken } Ready => {} }
//!     }
//! }
//! ```
//!
//! A worker that waits for room counts as dry.
//!
//! # Example
//!
//! Both sides in one process, without sleep:
//!
//! ```
//! use wire::lane::{AtomicU64, Body, Completion, CoordinatorLane, Layout, Outcome, WorkerLane};
//!
//! let layout = Layout::default();
//! let words: Vec<AtomicU64> = (0..layout.words()).map(|_| AtomicU64::new(0)).collect();
//! let mut coordinator = CoordinatorLane::new(&words[..], layout)?;
//! let mut worker = WorkerLane::new(&words[..], layout)?;
//!
//! let index = coordinator.push(7, Body::Inline { arrays: &[], value: b"21" })?;
//! coordinator.publish();
//!
//! let call = worker.next_call(|| 0)?.expect("a call");
//! assert_eq!((call.index, call.task), (index, 7));
//! worker.returned();
//! let body = Body::Inline { arrays: &[], value: b"42" };
//! let completion = worker.complete(&Outcome { status: 0, ran_ns: 0, body })?;
//! assert_eq!(completion, Completion::Published { wake: false });
//!
//! let record = coordinator.next_result()?.expect("a result");
//! assert_eq!((record.index, record.body), (index, body));
//! coordinator.release();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # After a death
//!
//! The death is confirmed by the pidfd, the socket is read to its end, and all results are taken. Then
//! [`CoordinatorLane::after_death`] says what the worker did with the calls without a result:
//!
//! | state of the call | what is known | what follows |
//! | --- | --- | --- |
//! | published | it returned, and its body (ring or socket) is complete | it is a result |
//! | recalled | the worker never began it | nothing: it left the lane before |
//! | unclaimed | never begun | requeued, not charged, also where it may be begun once only |
//! | claimed, `done` not past it | it was running; at most one call | charged with the death |
//! | claimed, `done` past it | it returned, its result is lost; the same one call | requeued, not charged; `Died` where it may be begun once only |
//! | open after a [`Violation`] | nothing: the worker is killed | each call of [`CoordinatorLane::open`] counts as begun |
//!
//! # How it is checked
//!
//! `cargo loom` runs the models in `tests/models`: every interleaving up to a bound of preemptions, with weak memory,
//! a death at every step, and deliberate defects that the models have to find. loom treats SeqCst accesses as AcqRel
//! and knows the order of read-modify-writes in part, hence fences and swaps. Ordinary tests compare random sequences
//! of operations with a naive model, and give each side a peer that writes anything ([`hostile::run`]).

mod body;
mod coordinator;
mod defect;
#[doc(hidden)]
pub mod hostile;
mod layout;
mod ledger;
mod sleep;
mod sync;
#[cfg(all(test, not(loom)))]
mod tests;
mod violation;
mod words;
mod worker;

pub use body::Body;
pub use coordinator::{
    AfterDeath, Armed, Claimed, CoordinatorLane, PushError, Recalled, Record, Running, WakeAt,
};
#[cfg(feature = "defects")]
pub use defect::Defect;
pub use layout::{Layout, LayoutError};
pub use sync::AtomicU64;
pub use violation::Violation;
pub use worker::{Call, Completion, Outcome, Reason, Rest, WorkerLane};
