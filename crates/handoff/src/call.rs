//! A call of a task: which, with what arguments, on what terms.

use crate::__private::{Failure, Input, TaskDef};
use crate::wishes::{Again, Priority, Wishes};
use crate::{Error, ErrorKind, encoding};
use pool::RawCall;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::marker::PhantomData;
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
    args: Result<Vec<u8>, Error>,
    /// The arrays of the arguments, where there are some.
    arrays: Option<Box<Table>>,
    timeout: Option<Duration>,
    retries: Option<u32>,
    wishes: Option<Box<Wishes>>,
    output: PhantomData<fn() -> R>,
}

impl<R> Call<R> {
    #[doc(hidden)]
    pub fn __new<A: Serialize>(task: &'static TaskDef, args: A) -> Call<R> {
        let (encoded, table) = arrays::encode(|| encoding::encode(&args, Vec::new()));
        // What is handed over must have no holder but the table.
        drop(args);
        let held = table.check_handed_over();
        let checked = encoded.and_then(|args| match held {
            Ok(()) => Ok(args),
            Err(held) => Err(held.to_string()),
        });
        let args = checked.map_err(|why| {
            let name = task.name;
            Error::new(
                ErrorKind::Arguments,
                format!("arguments of {name} cannot be encoded: {why}"),
            )
        });
        let arrays = (args.is_ok() && !table.is_empty()).then(|| Box::new(table));
        Call {
            task,
            args,
            arrays,
            timeout: None,
            retries: None,
            wishes: None,
            output: PhantomData,
        }
    }

    /// How often the task is run again after a worker died running it, in place of
    /// [`Builder::retries`](crate::Builder::retries). With 0, it is begun at most once.
    pub fn retries(mut self, retries: u32) -> Call<R> {
        self.retries = Some(retries);
        self
    }

    /// How long the task may run, in place of [`Builder::timeout`](crate::Builder::timeout);
    /// `Duration::MAX` for no limit. The time in the queue does not count.
    pub fn timeout(mut self, timeout: Duration) -> Call<R> {
        self.timeout = Some(timeout);
        self
    }

    /// Which of the waiting tasks are taken first. Ignored with
    /// [`StartMethod::InProcess`](crate::StartMethod::InProcess).
    pub fn priority(mut self, priority: Priority) -> Call<R> {
        self.wishes().priority = priority;
        self
    }

    /// By when, from when it is submitted on, the task has to have its result: the time in the queue
    /// counts. It fails with [`ErrorKind::TimedOut`] then, and what runs is ended as by
    /// [`timeout`](Self::timeout).
    pub fn deadline(mut self, deadline: Duration) -> Call<R> {
        self.wishes().deadline = Some(deadline);
        self
    }

    /// Runs the task again, up to `times`, after a failure for which `retry` holds: an error of its own, a
    /// panic, or a [`timeout`](Self::timeout). Before that it waits for `pause`, which doubles each time.
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
        self.wishes().again = Some(Again {
            times,
            pause,
            after: Box::new(retry),
        });
        self
    }

    fn wishes(&mut self) -> &mut Wishes {
        self.wishes.get_or_insert_default()
    }

    /// The task's name: its module's path and its function's name.
    pub fn task(&self) -> &'static str {
        self.task.name
    }

    /// Whether the task has a time limit or a deadline of its own.
    pub(crate) fn has_timeout(&self) -> bool {
        let deadline = self.wishes.as_ref().and_then(|wishes| wishes.deadline);
        deadline.is_some() || self.timeout.is_some_and(|timeout| timeout < Duration::MAX)
    }

    /// For several workers, each of which runs it once.
    pub(crate) fn into_copies(self) -> Result<Copies, Error> {
        if self.has_arrays() {
            let text = "a broadcast takes no arrays: their bytes can travel in a Vec";
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        Ok(Copies {
            task: self.task.name,
            args: self.args?,
            timeout: self.timeout,
            deadline: self.wishes.and_then(|wishes| wishes.deadline),
        })
    }

    /// Whether arrays are among the arguments.
    pub(crate) fn has_arrays(&self) -> bool {
        self.arrays.is_some()
    }

    pub(crate) fn into_raw(self) -> Result<RawCall, Error> {
        let (args, input) = parted(self.args?);
        Ok(RawCall {
            task: self.task.name,
            args,
            arrays: self.arrays.map(|table| *table).unwrap_or_default(),
            input,
            timeout: self.timeout,
            retries: self.retries,
            more: self.wishes.map(|wishes| Box::new(wishes.into_pool())),
        })
    }
}

/// What calls for several workers are made of.
pub(crate) struct Copies {
    task: &'static str,
    args: Vec<u8>,
    timeout: Option<Duration>,
    deadline: Option<Duration>,
}

impl Copies {
    pub(crate) fn one(&self) -> RawCall {
        let wishes = Wishes {
            deadline: self.deadline,
            ..Wishes::default()
        };
        let (args, input) = parted(self.args.clone());
        RawCall {
            task: self.task,
            args,
            arrays: Table::default(),
            input,
            timeout: self.timeout,
            retries: Some(0),
            more: Some(Box::new(wishes.into_pool())),
        }
    }
}

/// Long arguments travel as input.
fn parted(args: Vec<u8>) -> (Vec<u8>, pool::Input) {
    if args.len() > MAX_INLINE_ARGS {
        (Vec::new(), args.into())
    } else {
        (args, pool::Input::None)
    }
}

impl<R: DeserializeOwned> Call<R> {
    /// Runs the task in this process, now, as a function: no worker, no limits; a panic is the
    /// caller's. For tasks that call tasks, and for debugging.
    ///
    /// # Errors
    /// [`ErrorKind::Failed`] where the task returns an error, or what cannot be encoded.
    pub fn run_here(self) -> Result<R, Error> {
        let args = self.args?;
        let table = self.arrays.map(|table| *table).unwrap_or_default();
        let run = || (self.task.run)(&args, Input::none(), Vec::new());
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
            .field("args", &self.args.as_ref().map(Vec::len))
            .field("timeout", &self.timeout)
            .field("retries", &self.retries)
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
