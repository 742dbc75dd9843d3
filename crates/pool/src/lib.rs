//! Worker processes for any program: started by fork, spawn or forkserver, fed, supervised.
//!
//! A [`Task`](task::Task) is a named computation with typed arguments and a typed output. A
//! [`Pool`] starts workers, hands them tasks with their inputs, and answers every one of them,
//! whatever happens to the workers. Isolation is the point: a task may leak, hang, crash or be
//! killed by the kernel, and the program that asked for it learns of it as an error value.
//!
//! ```no_run
//! use pool::{Pool, Program, Shutdown, StartMethod};
//! use std::process::ExitCode;
//! use task::{Input, Registry, Task, TaskError};
//!
//! struct Length;
//!
//! impl Task for Length {
//!     const NAME: &'static str = "length";
//!     type Args = ();
//!     type Output = u64;
//!     fn run((): (), input: Input<'_>) -> Result<u64, TaskError> {
//!         Ok(input.bytes()?.len() as u64)
//!     }
//! }
//!
//! fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
//!     let registry = Registry::new().with::<Length>();
//!     // This program is its own worker program.
//!     if let Some(code) = runtime::run_if_worker(&registry) {
//!         return Ok(code);
//!     }
//!     let method = StartMethod::Spawn(Program::current()?);
//!     let mut pool = Pool::builder(method).workers(4).start()?;
//!     let handle = pool.submit::<Length>(&(), vec![1, 2, 3])?;
//!     assert_eq!(pool.wait(handle)?, 3);
//!     pool.shutdown(Shutdown::Drain)?;
//!     Ok(ExitCode::SUCCESS)
//! }
//! ```
//!
//! The examples are programs to start from: `typed_task`, `own_worker` (a worker program of one's
//! own), `crash_and_recovery`, `shared_array`, `tiny_tasks` (what a task costs).
//!
//! # Start methods
//!
//! | [`StartMethod`] | the worker is | its tasks are | inherits memory | from a program with threads |
//! | --- | --- | --- | --- | --- |
//! | `Fork` | this process again, copy-on-write | [`Builder::tasks`] | yes ([`Builder::inherit`]) | refused ([`Builder::allow_threads`]) |
//! | `Spawn(program)` | `program`, started by exec | the program's own | no | yes |
//! | `ForkServer(program)` | forked by one process of `program` | the program's own | no | yes |
//! | `Listen(path)` | any process of this user's, or root's, that connects | the program's own | no | yes |
//!
//! `Fork` starts fastest where the coordinator is small, and is the only one whose workers find
//! data that the coordinator has loaded. `Spawn` costs the same whatever the coordinator holds.
//! `ForkServer` pays for the program's start once, which matters where that is slow or where
//! workers are replaced often. A worker program's `main` is [`runtime::run`]; a program that serves
//! itself calls [`runtime::run_if_worker`] first.
//!
//! Whatever started them, workers have default signal dispositions, /dev/null for stdin, a pipe to
//! the coordinator for stderr, a process group of their own and no other descriptor of the
//! coordinator's but stdout. They die with it, and the OOM killer takes them first.
//!
//! Workers that come to `Listen` are not children: they keep their own stdin, stderr and process
//! group, are disconnected where others are killed, and none is started in place of one that left.
//! The pool starts once [`Builder::workers`] of them are ready, goes on with those that are left or
//! come later, and gives up where none is there for the [`Builder::start_timeout`].
//!
//! # Inputs
//!
//! | [`Input`] | what crosses the socket | made by |
//! | --- | --- | --- |
//! | none, or inline | the bytes, with the call | `()`, `Vec<u8>`, `&[u8]`, [`Input::of_elements`] |
//! | a slice of a [`Region`] | region, offset, length | [`Pool::share`], [`Pool::share_file`], [`Builder::inherit`], then [`Shared::input`]; or [`Pool::attach`] |
//! | a [`Stream`] | the bytes, in chunks, while the task already runs | a file, memory, or a function that makes them |
//!
//! # Guarantees
//!
//! - **Exactly one result for every handle**, within a deadline once the pool is shut down or
//!   dropped: an output, or a [`TaskFailure`] that says why there is none.
//! - **A task runs at least once** if it has an output; twice or more where its worker died
//!   meanwhile. What must not run twice is submitted with [`retries(0)`](Submission::retries).
//! - **A death touches its own task.** The task that was running is retried, then given up with a
//!   [`Certificate`]. Whether it had begun is known from shared memory, not guessed.
//! - **At most [`queue_bound`](Builder::queue_bound) tasks are open**, and descriptors and threads
//!   do not grow with their number.
//! - **Nothing is left behind**: no process, no segment, no descriptor, also where the coordinator
//!   is killed.
//!
//! | what happens | its task | its worker | the others |
//! | --- | --- | --- | --- |
//! | it returns an error or panics | [`TaskFailure::Failed`], a panic with place and backtrace | lives on | nothing |
//! | its worker dies | retried, then [`TaskFailure::Died`] | replaced | nothing |
//! | SIGBUS: its mapped file was truncated | [`TaskFailure::InputChanged`], not retried | replaced | nothing |
//! | it takes longer than its limit | [`TaskFailure::TimedOut`] | SIGTERM, grace, SIGKILL; replaced | nothing |
//! | it is cancelled while queued | [`TaskFailure::Cancelled`], never run | nothing | nothing |
//! | it is cancelled while it runs | [`TaskFailure::Cancelled`] | ended as above, replaced | as above |
//! | its output is over [`output_bound`](Builder::output_bound) | [`TaskFailure::OutputTooLong`], not run again | ended, replaced | nothing |
//! | its worker breaks the protocol | as if the worker died | killed, replaced | nothing |
//! | [`Shutdown::Drain`] | answered | asked to go; by force after the grace | answered |
//! | [`Shutdown::Now`] | [`TaskFailure::ShutDown`] | SIGTERM, grace, SIGKILL | the same |
//! | the pool is dropped | [`TaskFailure::ShutDown`] | SIGKILL | the same |
//! | the initializer fails, or no worker gets ready | [`TaskFailure::Pool`] with the cause | killed | the same, once: no storm of restarts |
//! | a worker cannot be replaced | waits for another worker | started again, with pauses of up to a second | nothing; the pool fails where none is left for [`start_timeout`](Builder::start_timeout) |
//!
//! # Who drives it
//!
//! A [`Pool`] advances inside its own calls and belongs to the thread that made it: `submit` sends a task
//! to an idle worker at once. A program with an event loop watches its descriptor and calls
//! [`Pool::drive`]; the descriptor becomes readable for deadlines as well. A [`Background`] pool has a
//! thread of its own, can be shared by many, and its handles are futures of no particular runtime.
//!
//! # What workers may do
//!
//! They hold their socket, stdout (the coordinator's, or a pipe) and a pipe for stderr, and never gain privileges.
//! [`Builder::sandbox`] takes the rest: paths, sockets, processes and signals of others; an initializer
//! may open what tasks need before. The descriptors and processes that the workers need are compared
//! with the limits before the first is started ([`Builder::check`], [`PoolError::Short`]).
//!
//! # What can be seen
//!
//! [`Builder::watch`] receives every start, answer, retry and end, of every line on the workers'
//! stderr, and with [`Builder::log_level`] of their `log` and `tracing` records, with worker and
//! task. `tracing` needs nothing more; a `log` logger of one's own is wrapped in [`Forwarding`]
//! where workers are forked. [`Pool::counters`] can be read at any time.
//!
//! The pool knows bytes and tasks; it knows nothing of records or of files' formats.

mod background;
mod bell;
mod builder;
mod elastic;
mod handle;
mod machine;
mod map;
mod pool;
mod raw;
mod reduce;
mod seen;
mod server;
mod shared;
mod submit;

pub use background::{Background, Broadcasting, Pending};
pub use builder::Builder;
pub use bytemuck::Pod;
pub use engine::Priority;
pub use handle::Handle;
pub use pool::{Pool, Shutdown};
pub use reduce::ReduceError;
pub use runtime::{Forwarding, PROTOCOL, VERSION};
pub use shared::Shared;
pub use submit::Submission;
pub use supervisor::args::Args;
pub use supervisor::batch::{Batch, MAX_BATCH, MAX_BATCH_ARGS};
pub use supervisor::block::{CallBlock, RawCall};
pub use supervisor::counters::Counters;
pub use supervisor::event::{Event, What};
pub use supervisor::extras::{Again, Extras};
pub use supervisor::failure::{Certificate, Failed, PoolError, SubmitError, TaskFailure};
pub use supervisor::ids::{TaskId, WorkerId};
pub use supervisor::input::{Input, Make, Maker, SharedBytes, Stream};
pub use supervisor::region::{Access, Region, RegionError};
pub use supervisor::reply::Reply;
pub use supervisor::settings::{Carrier, MAX_WORKERS, Watcher};
pub use supervisor::start::{FIRST_INHERITED, ListenError, Program, StartError, StartMethod};
pub use supervisor::{Ending, ShortError};
pub use wire::{Bounds, FailureKind, LogRecord, Memory, RegionId};
