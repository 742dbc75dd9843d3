//! A call of a task: which, with what arguments, on what terms.

use crate::__private::{Failure, Input, TaskDef};
use crate::{Error, ErrorKind, Priority, encoding};
use pool::{Again, CallBlock, Extras};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;
use task::Task;
use task::arrays::{self, Table};

/// Arguments above this travel as input, in parts, since one frame holds 1 MiB.
const MAX_INLINE_ARGS: usize = 256 << 10;

/// A call of a task that gives an `R`: what a `#[task]` function returns.
///
/// It does nothing until a pool runs it:
///
/// ```
/// use handoff::{Pool, StartMethod, task};
/// use std::time::Duration;
///
/// #[task]
/// fn add(a: u32, b: u32) -> u32 {
///     a + b
/// }
///
/// let mut pool = Pool::builder().start_method(StartMethod::InProcess).start()?;
/// assert_eq!(pool.run(add(1, 2))?, 3);
/// // Terms of its own: never run twice.
/// assert_eq!(pool.run(add(3, 4).retries(0))?, 7);
/// // Without any pool, in this process.
/// assert_eq!(add(5, 6).run_here()?, 11);
/// # Ok::<(), handoff::Error>(())
/// ```
#[must_use = "a call does nothing until a pool runs it"]
pub struct Call<R> {
    task: &'static TaskDef,
    raw: CallBlock,
    /// Why the arguments cannot be sent.
    failed: Option<Error>,
    output: PhantomData<fn() -> R>,
}

impl<R> Call<R> {
    #[doc(hidden)]
    #[inline]
    pub fn __new<A: Serialize>(task: &'static TaskDef, args: A) -> Call<R> {
        let mut raw = CallBlock::new(task.name);
        let (encoded, arrays) = arrays::encode(|| encoding::encode_args(&args, &mut raw.args));
        // What is handed over must have no holder but the table.
        drop(args);
        let mut call = Call {
            task,
            raw,
            failed: None,
            output: PhantomData,
        };
        match encoded {
            Err(why) => call.failed = Some(not_encoded(task, &why)),
            Ok(()) if arrays.is_empty() => {}
            Ok(()) => call.take_arrays(arrays),
        }
        call
    }

    fn take_arrays(&mut self, arrays: Table) {
        match arrays.check_handed_over() {
            Ok(()) => self.more().arrays = arrays,
            Err(held) => self.failed = Some(not_encoded(self.task, &held.to_string())),
        }
    }

    /// What few calls have.
    fn more(&mut self) -> &mut Extras {
        self.raw.more.get_or_insert_default()
    }

    /// How often the task is run again after a worker died running it, in place of
    /// [`Builder::retries`](crate::Builder::retries). With 0, it is begun at most once.
    pub fn retries(mut self, retries: u32) -> Call<R> {
        self.more().retries = Some(retries);
        self
    }

    /// How long the task may run, in place of [`Builder::timeout`](crate::Builder::timeout);
    /// `Duration::MAX` for no limit. The time in the queue does not count.
    pub fn timeout(mut self, timeout: Duration) -> Call<R> {
        self.more().timeout = Some(timeout);
        self
    }

    /// Which of the waiting tasks are taken first. Ignored with
    /// [`StartMethod::InProcess`](crate::StartMethod::InProcess).
    pub fn priority(mut self, priority: Priority) -> Call<R> {
        self.more().priority = priority.into();
        self
    }

    /// By when, from when it is submitted on, the task has to have its result: the time in the queue
    /// counts. It fails with [`ErrorKind::TimedOut`] then, and what runs is ended as by
    /// [`timeout`](Self::timeout).
    pub fn deadline(mut self, deadline: Duration) -> Call<R> {
        self.more().deadline = Some(deadline);
        self
    }

    /// Runs the task again, up to `times`, after a failure for which `retry` holds: an error of its own, a
    /// panic, or a [`timeout`](Self::timeout). Before that it waits for `pause`, which doubles each time; its
    /// worker runs other tasks meanwhile. A [`deadline`](Self::deadline) goes on. Whether `retry` holds for a
    /// time-out is asked once, when the task is submitted.
    /// (What follows the death of a worker is [`retries`](Self::retries).)
    ///
    /// ```
    /// use handoff::{ErrorKind, Pool, StartMethod, task};
    /// use std::time::Duration;
    ///
    /// #[task]
    /// fn fetch(path: String) -> std::io::Result<String> {
    ///     std::fs::read_to_string(path)
    /// }
    ///
    /// let mut pool = Pool::builder().start_method(StartMethod::InProcess).start()?;
    /// let call = fetch("/no/such/file".to_owned());
    /// let call = call.retry_if(2, Duration::from_millis(1), |error| {
    ///     error.kind() == ErrorKind::Failed
    /// });
    /// assert!(pool.run(call).is_err()); // After three runs.
    /// # Ok::<(), handoff::Error>(())
    /// ```
    pub fn retry_if(
        mut self,
        times: u32,
        pause: Duration,
        retry: impl Fn(&Error) -> bool + Send + Sync + 'static,
    ) -> Call<R> {
        self.more().again = Some(Again {
            times,
            pause,
            after: Arc::new(move |failure| retry(&failure.clone().into())),
        });
        self
    }

    /// The task's name: its module's path and its function's name.
    pub fn task(&self) -> &'static str {
        self.task.name
    }

    /// Whether the task has a time limit or a deadline of its own.
    pub(crate) fn has_timeout(&self) -> bool {
        let limited = |more: &Extras| {
            let timeout = more.timeout.is_some_and(|timeout| timeout < Duration::MAX);
            timeout || more.deadline.is_some()
        };
        self.raw.more.as_deref().is_some_and(limited)
    }

    /// For several workers, each of which runs it once.
    pub(crate) fn into_copies(self) -> Result<Copies, Error> {
        if self.has_arrays() {
            let text = "a broadcast takes no arrays: their bytes can travel in a Vec";
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        self.failed.map_or(Ok(Copies(self.raw)), Err)
    }

    /// Gives what it refers to, piece by piece.
    pub(crate) fn read(&self, each: &mut dyn FnMut(&[u8])) {
        each(self.task.name.as_bytes());
        each(&self.raw.args);
        if let Some(more) = &self.raw.more {
            more.arrays.read(each);
        }
    }

    /// Whether arrays are among the arguments.
    pub(crate) fn has_arrays(&self) -> bool {
        let more = self.raw.more.as_ref();
        more.is_some_and(|more| !more.arrays.is_empty())
    }

    #[inline]
    pub(crate) fn into_raw(mut self) -> Result<CallBlock, Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if self.raw.args.len() > MAX_INLINE_ARGS {
            part(&mut self.raw);
        }
        Ok(self.raw)
    }
}

/// What calls for several workers are made of.
pub(crate) struct Copies(CallBlock);

impl Copies {
    pub(crate) fn one(&self) -> CallBlock {
        let mut more = Box::<Extras>::default();
        if let Some(given) = &self.0.more {
            more.timeout = given.timeout;
            more.deadline = given.deadline;
            more.again.clone_from(&given.again);
        }
        more.retries = Some(0);
        let mut one = CallBlock::new(self.0.task);
        one.args = self.0.args.clone();
        one.more = Some(more);
        if one.args.len() > MAX_INLINE_ARGS {
            part(&mut one);
        }
        one
    }
}

/// Long arguments travel as input.
fn part(call: &mut CallBlock) {
    let args = std::mem::take(&mut call.args).into_vec();
    call.more.get_or_insert_default().input = args.into();
}

/// The error where arguments cannot be sent.
#[cold]
fn not_encoded(task: &TaskDef, why: &str) -> Error {
    Error::new(
        ErrorKind::Arguments,
        format!("arguments of {} cannot be encoded: {why}", task.name),
    )
}

impl<R: DeserializeOwned> Call<R> {
    /// Runs the task in this process, now, as a function: no worker, no limits; a panic is the
    /// caller's. For tasks that call tasks, and for debugging.
    ///
    /// # Errors
    /// [`ErrorKind::Failed`] where the task returns an error, or what cannot be encoded.
    pub fn run_here(self) -> Result<R, Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let mut raw = self.raw;
        let more = raw.more.take();
        let table = more.map(|more| more.arrays).unwrap_or_default();
        let run = || (self.task.run)(&raw.args, Input::none(), Vec::new());
        let (ran, table) = crate::threads::handing_over(table, run);
        let output = ran.map_err(|failure| crate::threads::failed_in("", failure))?;
        let decoded = || arrays::decode(&output, encoding::decode);
        let (decoded, _) = arrays::with_incoming(table, decoded);
        decoded.map_err(|why| undecodable(self.task.name, &why))
    }
}

/// The error where a result is not what the caller expects.
pub(crate) fn undecodable(task: &str, why: &str) -> Error {
    Error::new(
        ErrorKind::Output,
        format!("the result of {task} cannot be decoded: {why}"),
    )
}

impl<R> fmt::Debug for Call<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Call")
            .field("task", &self.task.name)
            .field("args", &self.raw.args)
            .field("more", &self.raw.more)
            .finish()
    }
}

/// A call of a task that implements [`Task`] rather than being made by [`#[task]`](crate::task). Its
/// workers have it by [`init_with`](crate::init_with); it gets no input.
pub fn call<T: Task>(args: &T::Args) -> Call<T::Output> {
    let task = const {
        &TaskDef {
            name: T::NAME,
            place: "",
            run: run_task::<T>,
            fingerprint: || 0,
        }
    };
    Call::__new(task, args)
}

fn run_task<T: Task>(args: &[u8], input: Input<'_>, output: Vec<u8>) -> Result<Vec<u8>, Failure> {
    task::Registry::new()
        .with::<T>()
        .run(T::NAME, args, input, output)
}
