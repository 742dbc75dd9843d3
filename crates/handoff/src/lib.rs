//! A supervised process pool: functions become tasks that worker processes run.
//!
//! ```no_run
//! use handoff::{Pool, task};
//!
//! #[task]
//! fn word_count(text: String) -> usize {
//!     text.split_whitespace().count()
//! }
//!
//! fn main() -> Result<(), handoff::Error> {
//!     handoff::init(); // A worker process serves here and never returns.
//!     let mut pool = Pool::new()?; // One worker for each processor.
//!     assert_eq!(pool.run(word_count("to be or not to be".into()))?, 6);
//!     Ok(())
//! }
//! ```
//!
//! A task may leak, hang, crash or be killed by the kernel: the program that asked for it gets an
//! error value, the worker is replaced, and the other tasks go on.
//!
//! # Getting it
//!
//! The crate is not on the public index, **where this name belongs to somebody else's crate**: name
//! where it comes from. One of
//!
//! ```toml
//! [dependencies]
//! handoff = { path = "../handoff/crates/handoff" }
//! handoff = { git = "URL of the repository" }
//! serde = { version = "1", features = ["derive"] } # for types of one's own
//! ```
//!
//! It needs Linux on a 64-bit processor and Rust 1.88 or later. The feature `sandbox` adds [`Builder::sandbox`], and `tracing`
//! forwards records of `tracing` beside those of `log`. With `ndarray`, arrays have views of that crate
//! (`array.ndarray((rows, columns))`). With `stream`, results of [`Background::map`] are a `Stream` of the crate
//! `futures-core`.
//!
//! # Tasks
//!
//! [`#[task]`](macro@task) goes on a plain function whose arguments and result serde can carry. The
//! function then returns a [`Call`]: a description of the call, which [`Pool::run`],
//! [`submit`](Pool::submit) or [`map`](Pool::map) takes. A `Result` is a task's failure or success:
//!
//! ```
//! use handoff::{Pool, StartMethod, task};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Debug, PartialEq, Serialize, Deserialize)]
//! struct Span {
//!     least: f64,
//!     most: f64,
//! }
//!
//! #[task]
//! fn span(label: String, values: Vec<f64>) -> Result<Span, String> {
//!     let least = values.iter().copied().reduce(f64::min);
//!     let most = values.iter().copied().reduce(f64::max);
//!     let (least, most) = least.zip(most).ok_or(format!("{label} is empty"))?;
//!     Ok(Span { least, most })
//! }
//!
//! # let mut pool = Pool::builder().start_method(StartMethod::InProcess).start()?;
//! let handle = pool.submit(span("first".into(), vec![2.0, 1.0, 3.0]))?;
//! let error = pool.run(span("second".into(), vec![])).unwrap_err();
//! assert_eq!(error.to_string(), "second is empty");
//! assert_eq!(pool.wait(handle)?, Span { least: 1.0, most: 3.0 });
//! # Ok::<(), handoff::Error>(())
//! ```
//!
//! A task has a name, its module's path and its function's, and workers find it by that. It is
//! registered by being linked, so there is no list to keep. Two things follow:
//!
//! - The tasks of a dependency that nothing else names are not linked: write `use that_crate as _;`.
//! - In a task's own body its name means the plain function, so recursion is a plain call; other
//!   functions use [`Call::run_here`] to run it without a pool.
//!
//! # Which types can travel
//!
//! What implements `Serialize` and `Deserialize`, with one restriction: the encoding is compact and does
//! not describe itself. So **these cannot travel**: `serde_json::Value`, and types with serde's
//! attributes `tag`, `untagged`, `flatten` or `skip_serializing_if`. They fail with
//! [`ErrorKind::Arguments`] or [`ErrorKind::Output`], and the text says so. Send them as text, for
//! example JSON in a `String`. Large `Vec<u8>` are faster with `#[serde(with = "serde_bytes")]`.
//!
//! # Arrays
//!
//! [`Array`] and [`ArrayMut`] lie in memory that processes share. They may stand anywhere in arguments and
//! results, and go there and back without being copied, however large they are:
//!
//! ```
//! use handoff::{Array, ArrayMut, Pool, StartMethod, task};
//!
//! /// Takes the memory over, fills it, and hands it back.
//! #[task]
//! fn ramp(mut part: ArrayMut<f64>, first: f64) -> ArrayMut<f64> {
//!     for (n, value) in part.iter_mut().enumerate() {
//!         *value = first + n as f64;
//!     }
//!     part
//! }
//!
//! #[task]
//! fn total(part: Array<f64>) -> f64 {
//!     part.iter().sum()
//! }
//!
//! # let mut pool = Pool::builder().start_method(StartMethod::InProcess).start()?;
//! let parts = ArrayMut::zeroed(1000)?.split(250);
//! let parts = pool.map(parts.into_iter().enumerate().map(|(n, part)| ramp(part, 250.0 * n as f64)));
//! let all = ArrayMut::join(parts.collect::<Result<Vec<_>, _>>()?)?.freeze();
//! let sum = pool.map(all.chunks(250).map(total)).sum::<Result<f64, _>>()?;
//! assert_eq!(sum, all.iter().sum());
//! # Ok::<(), handoff::Error>(())
//! ```
//!
//! - An [`Array`] is immutable, cheap to clone and to [slice](Array::slice). An [`ArrayMut`] is unique: passing it
//!   hands the memory over, and a call fails where somebody holds it still. The memory is lost with a
//!   worker that dies, so such a call is run again only with [`Call::retries`].
//! - A task may keep an array, in a `static` say. Its memory is not used again before it is dropped there.
//! - Elements are plain values (`Pod`): numbers, and structs of them that derive `bytemuck::Pod`, with
//!   `Serialize` and `Deserialize`.
//! - Results are held by a worker's arena ([`Builder::arena_bytes`]). One that has no room is an error in
//!   the task; [`Counters::arrays`] shows what is held.
//! - Arrays below 32 KiB are copied, and so are those of confined workers ([`Builder::sandbox`]), of external ones
//!   ([`StartMethod::Listen`]), and of a program without [`init`] or a pool.
//! - Workers that are not confined are trusted as threads are: safe code cannot write what it has given away.
//!
//! # Many calls
//!
//! | | gives | order |
//! | --- | --- | --- |
//! | [`Pool::map`] | every result | of the calls |
//! | [`Pool::map_unordered`] | every result with the index of its call | as they come |
//! | [`Pool::reduce`] | one merged result, or the first failure | any |
//! | [`Pool::submit`], [`Pool::wait`] | one result for each handle | as asked for |
//!
//! `map` takes an iterator, endless ones too: only some calls are ahead of the results that were taken.
//!
//! ```
//! # use handoff::{Pool, StartMethod, task};
//! #[task]
//! fn square(n: u64) -> u64 {
//!     n * n
//! }
//!
//! # let mut pool = Pool::builder().start_method(StartMethod::InProcess).start()?;
//! let total = pool.map((0..1000).map(square)).sum::<Result<u64, _>>()?;
//! assert_eq!(total, 332_833_500);
//! # Ok::<(), handoff::Error>(())
//! ```
//!
//! # Start methods
//!
//! [`Builder::start_method`] says how workers are started.
//!
//! | [`StartMethod`] | the worker is | choose it |
//! | --- | --- | --- |
//! | `Spawn` (default) | this program, started anew | unless there is a reason for another |
//! | `ForkServer` | forked by one process of this program that was started anew | where the program starts slowly, or workers are replaced often |
//! | `Fork` | a fork of this process, with its memory | to inherit what is loaded; refused beside other threads |
//! | `InProcess` | a thread | in tests, debuggers, sanitizers; as a baseline |
//! | `Listen(path)` | an external process that connects ([`serve_at`]) | to start workers oneself: other control groups, debuggers |
//!
//! `Spawn` and `ForkServer` start the image that runs now, also where its file was rebuilt or removed
//! since. Such a program calls [`init`] first in `main`: with an async runtime, outside of it (a plain
//! `main` that calls `init` and then builds the runtime). Starting workers without it is an error.
//!
//! A **worker program of one's own** links the crate that has the tasks, and its `main` is `init`:
//!
//! ```no_run
//! // The program my-worker.
//! fn main() -> Result<(), &'static str> {
//!     handoff::init();
//!     Err("my-worker is started by a pool")
//! }
//! ```
//! ```no_run
//! # fn main() -> Result<(), handoff::Error> {
//! let pool = handoff::Pool::builder().program("target/release/my-worker").start()?;
//! # Ok(())
//! # }
//! ```
//!
//! Tasks that implement [`Task`] rather than being made by the macro are added with [`init_with`], and
//! called with [`call()`].
//!
//! # Closures: `fork_map`
//!
//! [`fork_map`] needs no task and no pool. It runs a closure on the items of a slice in forked copies of
//! this process, which inherit everything that the closure refers to; only results are encoded. What it refers
//! to forks cheaply in huge pages, which [`vec_in_huge_pages`] asks for.
//!
//! # What may go wrong
//!
//! One [`Error`], classified by its [`kind`](Error::kind):
//!
//! | what happens | [`ErrorKind`] | its worker |
//! | --- | --- | --- |
//! | the task returns an error | `Failed` | lives on |
//! | it panics | `Panicked`, with [place](Error::location) | lives on |
//! | its worker dies | `Died`, with [exit code or signal, and the last lines of stderr](Error::death), after [`Builder::retries`] | replaced |
//! | it takes longer than its limit | `TimedOut` | ended, replaced |
//! | it is cancelled | `Cancelled` | ended and replaced if it ran |
//! | the pool is shut down or dropped | `ShutDown` | ended |
//!
//! ```
//! # use handoff::{ErrorKind, Pool, StartMethod, task};
//! #[task]
//! fn parse(text: String) -> Result<u32, std::num::ParseIntError> {
//!     text.parse()
//! }
//!
//! # let mut pool = Pool::builder().start_method(StartMethod::InProcess).start()?;
//! match pool.run(parse("seven".into())) {
//!     Ok(number) => println!("{number}"),
//!     Err(error) if error.kind() == ErrorKind::Failed => println!("not a number: {error}"),
//!     Err(error) => return Err(error),
//! }
//! # Ok::<(), handoff::Error>(())
//! ```
//!
//! What a task prints on stderr goes to this program's, after the worker's name ([`Builder::stderr`]);
//! its log records come with [`Builder::log_level`]; [`Builder::watch`] sees everything.
//!
//! # Time limits and retries
//!
//! [`Builder::timeout`] and [`Builder::retries`] hold for all tasks, [`Call::timeout`] and
//! [`Call::retries`] for one. A limit counts the task's own time, not the queue. A worker's death is
//! retried twice by default, so a task may be begun more than once; with `retries(0)` it is begun at
//! most once.
//!
//! ```no_run
//! # use handoff::{Pool, task};
//! # use std::time::Duration;
//! # #[task]
//! # fn charge(account: u64) -> bool { account > 0 }
//! # fn main() -> Result<(), handoff::Error> {
//! # let mut pool = Pool::new()?;
//! let charged = pool.run(charge(7).timeout(Duration::from_secs(5)).retries(0))?;
//! # Ok(())
//! # }
//! ```
//!
//! # Async programs
//!
//! A [`Pool`] advances inside its own calls. A [`Background`] pool advances by itself, can be cloned and
//! shared, and its handles are futures of no particular runtime:
//!
//! ```no_run
//! # use handoff::{Background, task};
//! # #[task]
//! # fn render(page: u32) -> String { page.to_string() }
//! async fn serve(pool: &Background) -> Result<String, handoff::Error> {
//!     // Waits for room and for the result; dropped (by a timeout, say) it cancels the task.
//!     pool.run(render(7)).await
//! }
//! ```
//!
//! [`Background::submit_async`] waits for room alone, [`Pending::cancel_on_drop`] is the option by itself.
//! `examples/service.rs` is a tokio program.
//!
//! # Tests
//!
//! [`StartMethod::InProcess`] needs nothing. For real workers, [`test_support!`] stands at the top of
//! the test program. [`testing`] has tasks that crash, hang or answer late.
//!
//! # Guarantees
//!
//! - **Exactly one result for every handle**: a value, or an error that says why there is none.
//! - **A failing task fails alone.** Tasks that were sent ahead to a dead worker go to another, without
//!   being charged.
//! - **`retries(0)` is at most once**, whatever else happens.
//! - **Nothing is left behind**: no process and no descriptor, also where this program is killed.
//! - **Nothing is changed on the system**, and workers gain no privileges.
// So that the code that `#[task]` emits means the same thing in this crate.
extern crate self as handoff;

#[doc(hidden)]
pub mod __private;
mod background;
mod builder;
mod call;
mod counters;
mod distant;
#[doc(hidden)]
pub mod elsewhere;
mod encoding;
mod engine;
mod error;
mod event;
mod fork_map;
mod gate;
mod huge_pages;
mod linked;
mod map;
mod notes;
mod pending;
mod pool;
mod priority;
mod program;
mod shared;
mod shutdown;
mod slot;
mod stream;
pub mod testing;
mod threads;
mod worker;
mod workers;

pub use self::pool::{Handle, Pool};
pub use background::{Background, Submit};
pub use builder::{Builder, StartMethod};
pub use call::{Call, call};
pub use counters::Counters;
pub use error::{Death, Error, ErrorKind};
pub use event::{Event, What};
pub use fork_map::fork_map;
pub use huge_pages::vec_in_huge_pages;
pub use macros::task;
pub use map::{Map, MapUnordered};
pub use pending::Pending;
pub use priority::Priority;
pub use program::{init, init_with, serve_at};
pub use runtime::Forwarding;
pub use shutdown::Shutdown;
pub use stream::{MapStream, MapUnorderedStream};
pub use task::{
    Array, ArrayError, ArrayMut, Input, JoinError, Pod, Reduce, Registry, Task, TaskError,
};
pub use worker::{Worker, cancelled, note, progress, worker};
pub use workers::{MAX_WORKERS, Workers};

/// The README's examples are compiled with these.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
