//! What a coordinator and a worker say to each other after the greeting.
//!
//! Both sides decode without copying: strings and bytes borrow from the frame's body.

use serde::{Deserialize, Serialize, Serializer};

/// Names a region of memory that a worker knows; unique within one pool.
pub type RegionId = u32;

/// From the coordinator to a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToWorker<'a> {
    /// The next part of the input of the streamed call that was announced last. The first
    /// variant: [`chunk_prefix`](crate::chunk_prefix) writes its tag by hand.
    #[serde(borrow)]
    Chunk(&'a [u8]),
    /// The streamed input is complete.
    ChunkEnd,
    /// The streamed input cannot be completed. The call is answered all the same, mostly by
    /// [`FailureKind::BadInput`].
    ChunkAbort,
    /// How to behave; exactly once, right after the greeting.
    #[serde(borrow)]
    Setup(Setup<'a>),
    /// A region that calls will refer to.
    Attach {
        /// The name calls use.
        region: RegionId,
        /// Where its memory is.
        #[serde(borrow)]
        source: Source<'a>,
    },
    /// The region is not needed any more; the worker releases its memory.
    Detach {
        /// The name given by `Attach`.
        region: RegionId,
    },
    /// Run a task. Calls run one after another, in the order they come.
    #[serde(borrow)]
    Call(Call<'a>),
    /// Asks for [`FromWorker::Memory`].
    ReportMemory,
    /// Answer what has been asked, then exit with code 0. Closing the socket says the same.
    Shutdown,
    /// The call of a lane's entry that says "by socket".
    LaneCall {
        /// The entry's index.
        index: u64,
        /// The call.
        #[serde(borrow)]
        call: Call<'a>,
    },
    /// There is something in the lane. Sent to a worker that has set its flag there.
    Wake,
    /// An arena that tables of arrays will refer to; its descriptor comes with this frame, open for
    /// reading, or for reading and writing.
    Arena {
        /// Its number in tables.
        region: u32,
        /// Its size in bytes.
        size: u64,
        /// Whether it is the worker's own, in which it allocates its results.
        own: bool,
    },
    /// What has happened to arrays, for a worker that has had no call since: a table as beside a call
    /// ([`CallArrays`](crate::CallArrays)), without entries.
    ArrayNews(&'a [u8]),
}

/// How a worker is to behave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Setup<'a> {
    /// The worker's name in messages to people, such as `SpawnProcess-1`.
    pub name: &'a str,
    /// Send [`FromWorker::Received`], and memory with every answer.
    pub events: bool,
    /// Forward log records of this level and below (0 none, 1 error … 5 trace).
    pub log_level: u8,
    /// A descriptor of shared 64-bit words comes with this frame; the worker keeps the id of
    /// the call it is running, plus one, in the word of this index, and 0 between calls. In the next
    /// word, the coordinator says which call is to end: its id, or in a lane its index, plus one.
    pub board: Option<u32>,
    /// A task to run once before the first call; it gets `args` and no input.
    #[serde(borrow)]
    pub initializer: Option<(&'a str, &'a [u8])>,
    /// Confine the process to what it has by then, after the initializer and before `Ready`: from
    /// there on it opens, connects, starts and signals nothing.
    pub sandbox: bool,
    /// A lane for calls and results: the code of its layout. The descriptor of its memory comes with
    /// this frame, behind that of the board.
    pub lane: Option<u32>,
    /// What the worker may take of the machine, from before the initializer on.
    pub bounds: Option<Bounds>,
    /// For how long a worker that is out of calls looks at its lane before it sleeps, in microseconds.
    pub spin_us: u32,
}

/// What a worker may take of the machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// Bytes of private writable memory (`RLIMIT_DATA`). Shared memory does not count.
    pub memory: Option<u64>,
    /// Seconds of processor time, in its whole life (`RLIMIT_CPU`).
    pub cpu_s: Option<u64>,
    /// Open files (`RLIMIT_NOFILE`).
    pub files: Option<u64>,
    /// Added to its nice value.
    pub nice: i8,
    /// The processors that it may run on; all that it has already where there are none.
    pub cpus: Vec<u32>,
}

/// A step of a worker's set-up that can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SetupStep {
    /// [`Setup::initializer`].
    Initializer,
    /// [`Setup::sandbox`].
    Sandbox,
    /// [`Setup::bounds`].
    Bounds,
}

/// Where the memory of a region is to be found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Source<'a> {
    /// A POSIX shared-memory object; the worker opens it for reading.
    Segment {
        /// Its name, with the leading slash.
        name: &'a str,
        /// Its length in bytes.
        len: u64,
    },
    /// A file or memfd whose descriptor comes with this frame.
    Descriptor {
        /// How many bytes of it to map.
        len: u64,
    },
    /// A file to be opened by path, for sockets that carry no descriptors. All of the identity
    /// must agree with what the worker finds.
    Path {
        /// An absolute path.
        path: &'a str,
        /// `st_dev`.
        device: u64,
        /// `st_ino`.
        inode: u64,
        /// `st_size` in bytes.
        size: u64,
        /// `st_mtim`, nanoseconds since the epoch.
        mtime_ns: i64,
    },
    /// Memory that the worker was forked with.
    Inherited,
    /// A file whose descriptor comes with this frame, to be read in large pieces rather than
    /// mapped: what is faster where it is not in the page cache.
    File {
        /// How many bytes of it calls may refer to.
        len: u64,
    },
}

/// One call of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call<'a> {
    /// Comes back with the answer; unique, and below `u64::MAX`.
    pub id: u64,
    /// The task's registered name.
    pub task: &'a str,
    /// The task's arguments, encoded with postcard.
    #[serde(serialize_with = "bytes")]
    pub args: &'a [u8],
    /// The input it works on.
    #[serde(borrow)]
    pub input: CallInput<'a>,
    /// How often the call has been begun, this time included: 1 unless a worker died running it.
    pub attempt: u32,
    /// The table of arrays beside the arguments: a [`CallArrays`](crate::CallArrays), or no bytes.
    #[serde(serialize_with = "bytes")]
    pub arrays: &'a [u8],
}

/// The input of a call.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum CallInput<'a> {
    /// None.
    None,
    /// These bytes.
    Inline(#[serde(serialize_with = "bytes")] &'a [u8]),
    /// A range of a region.
    Slice {
        /// Which.
        region: RegionId,
        /// Bytes from the region's start.
        offset: u64,
        /// Bytes.
        len: u64,
    },
    /// Chunks that follow this frame, up to a `ChunkEnd`.
    Stream,
}

/// From a worker to its coordinator. Times are CLOCK_MONOTONIC in nanoseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum FromWorker<'a> {
    /// Set up, initialised, and waiting for calls.
    Ready {
        /// The tasks that it can run.
        #[serde(borrow)]
        tasks: Vec<KnownTask<'a>>,
        /// Identifies its program's image; 0 where that is unknown.
        build: u64,
        /// Whether it uses the lane that [`Setup::lane`] offers: calls then come there alone.
        lane: bool,
    },
    /// A step of the set-up failed; the worker exits.
    Refused {
        /// Which.
        step: SetupStep,
        /// Why.
        reason: &'a str,
    },
    /// The whole input of a call is accessible to the worker.
    Received {
        /// The call.
        id: u64,
        /// When.
        at_ns: u64,
        /// The worker's memory then.
        memory: Memory,
    },
    /// A part of the output of the call that is answered next; outputs over
    /// [`MAX_CHUNK`](crate::MAX_CHUNK) come in such parts.
    OutputPart(#[serde(serialize_with = "bytes")] &'a [u8]),
    /// A call has ended well.
    Done {
        /// The call.
        id: u64,
        /// The rest of its output, encoded with postcard.
        #[serde(serialize_with = "bytes")]
        output: &'a [u8],
        /// When the task began.
        began_ns: u64,
        /// When the result was there.
        computed_ns: u64,
        /// The worker's memory then, if asked for by [`Setup::events`].
        memory: Option<Memory>,
        /// The table of arrays beside the output: a [`ResultArrays`](crate::ResultArrays), or no bytes.
        #[serde(serialize_with = "bytes")]
        arrays: &'a [u8],
    },
    /// A call has ended badly; the worker lives on.
    Failed {
        /// The call.
        id: u64,
        /// In which way.
        kind: FailureKind,
        /// The error's text, or the panic's.
        message: &'a str,
        /// `file:line:column` of a panic, else empty.
        location: &'a str,
        /// The backtrace of a panic, else empty.
        backtrace: &'a str,
        /// As in [`FromWorker::Done`], without entries.
        #[serde(serialize_with = "bytes")]
        arrays: &'a [u8],
    },
    /// Answer to `ReportMemory`.
    Memory(Memory),
    /// A log record.
    #[serde(borrow)]
    Log(LogRecord<'a>),
    /// There is something in the lane. Sent to a coordinator that has set its flag there.
    Wake,
    /// How far a call is.
    Progress {
        /// The call.
        call: u64,
        /// Units that are done.
        done: u64,
        /// All units; 0 where that is not known.
        total: u64,
    },
    /// What a call's task says to its watcher.
    Note {
        /// The call.
        call: u64,
        /// Up to [`MAX_NOTE`] bytes that mean something to the two.
        #[serde(serialize_with = "bytes")]
        note: &'a [u8],
    },
}

/// The most bytes of a note.
pub const MAX_NOTE: usize = 64 * 1024;

/// A task that a worker can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownTask<'a> {
    /// Its registered name.
    pub name: &'a str,
    /// Differs between builds in which its arguments or output differ; 0 where that is unknown.
    pub fingerprint: u64,
}

/// Writes bytes at once. Serde takes a slice for a sequence, and postcard writes that byte by byte; what
/// is on the wire is the same.
pub(crate) fn bytes<S: Serializer>(bytes: &&[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

/// In which way a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureKind {
    /// The task returned an error.
    Error,
    /// The task panicked.
    Panic,
    /// There is no task of that name in the worker.
    UnknownTask,
    /// The arguments could not be decoded.
    BadArgs,
    /// The input could not be reached, or is not what the call says.
    BadInput,
}

/// A worker's memory at one moment, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Held by the program's allocator and by private regions.
    pub heap: u64,
    /// The most `heap` has been.
    pub heap_peak: u64,
    /// Resident set.
    pub rss: u64,
    /// The most `rss` has been.
    pub rss_peak: u64,
    /// Proportional set size; 0 where it was not measured.
    pub pss: u64,
    /// Private pages of anonymous memory; 0 where it was not measured.
    pub private: u64,
}

/// One log record of a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogRecord<'a> {
    /// 1 error, 2 warn, 3 info, 4 debug, 5 trace.
    pub level: u8,
    /// The record's target, usually a module path.
    pub target: &'a str,
    /// The message, fields included.
    pub message: &'a str,
    /// The call that was running, if one was.
    pub call: Option<u64>,
    /// When, CLOCK_MONOTONIC in nanoseconds.
    pub at_ns: u64,
}
