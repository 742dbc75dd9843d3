//! The one error of this crate: what went wrong, in which way, and what is known of it.
//!
//! Other modules build it; here is what it says. The details of the pool's own errors are copied
//! out, so that no type of an internal crate stands in a public signature.

mod convert;
mod death;

pub use death::Death;
pub(crate) use death::Ending;
use std::fmt;

/// Why a task gave no result, or a pool could not go on.
///
/// One pointer wide, so that results stay small. [`kind`](Self::kind) is for programs,
/// `Display` for people, and the other methods give the details that there are.
///
/// ```
/// use handoff::{ErrorKind, Pool, StartMethod, task};
///
/// #[task]
/// fn divide(a: i64, b: i64) -> Result<i64, String> {
///     a.checked_div(b).ok_or_else(|| "division by zero".to_owned())
/// }
///
/// let mut pool = Pool::builder().start_method(StartMethod::InProcess).start()?;
/// let error = pool.run(divide(1, 0)).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Failed);
/// assert_eq!(error.to_string(), "division by zero");
/// # Ok::<(), handoff::Error>(())
/// ```
pub struct Error(Box<Details>);

const _: () = assert!(size_of::<Result<u64, Error>>() == 16);

#[derive(Default)]
struct Details {
    kind: Option<ErrorKind>,
    text: String,
    worker: Option<String>,
    location: Option<String>,
    backtrace: Option<String>,
    death: Option<Death>,
    item: Option<usize>,
}

/// In which way something went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The task returned an error. Its worker lives on.
    Failed,
    /// The task panicked. Its worker lives on.
    Panicked,
    /// The worker died while it ran the task, as often as retries allowed.
    Died,
    /// The task took longer than its time limit. Its worker was ended.
    TimedOut,
    /// The task was cancelled.
    Cancelled,
    /// The pool was shut down or dropped before the task had a result.
    ShutDown,
    /// The workers have no such task.
    UnknownTask,
    /// The arguments could not be encoded, sent or decoded.
    Arguments,
    /// The result could not be decoded.
    Output,
    /// An array could not be made: no memory, no room in an arena, or a file that cannot be read.
    Memory,
    /// The pool's bound on open tasks is reached ([`Background::try_submit`](crate::Background::try_submit)).
    Full,
    /// No worker could be started.
    Start,
    /// The initializer failed in a worker.
    Initializer,
    /// A worker's program is another build: a task of one name has other arguments or results there.
    OtherBuild,
    /// The start method cannot do what was asked for.
    Unsupported,
    /// The library was used in a way that cannot work; the text says what to do instead.
    Misuse,
    /// The descriptor of [`Builder::interrupted_by`](crate::Builder::interrupted_by) became readable.
    Interrupted,
    /// The operating system refused something that the pool needs.
    System,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, text: impl Into<String>) -> Error {
        Error(Box::new(Details {
            kind: Some(kind),
            text: text.into(),
            ..Details::default()
        }))
    }

    /// In which way it went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind.unwrap_or(ErrorKind::System)
    }

    /// The name of the worker that reported it, if one did.
    pub fn worker(&self) -> Option<&str> {
        self.0.worker.as_deref()
    }

    /// Where a task panicked, as `file:line:column`.
    pub fn location(&self) -> Option<&str> {
        self.0.location.as_deref()
    }

    /// The backtrace of a panic.
    pub fn backtrace(&self) -> Option<&str> {
        self.0.backtrace.as_deref()
    }

    /// How the worker died, of [`ErrorKind::Died`].
    pub fn death(&self) -> Option<&Death> {
        self.0.death.as_ref()
    }

    /// The index of the item that [`fork_map`](crate::fork_map) failed on.
    pub fn item(&self) -> Option<usize> {
        self.0.item
    }

    pub(crate) fn at_item(mut self, item: usize) -> Error {
        self.0.text = format!("item {item}: {}", self.0.text);
        self.0.item = Some(item);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.text)
    }
}

/// As `Display`, after the kind: `main` prints errors this way, and so do `unwrap` and `expect`.
impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}: {}", self.kind(), self.0.text)
    }
}

impl std::error::Error for Error {}
