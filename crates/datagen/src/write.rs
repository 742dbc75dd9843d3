//! One dataset, from plan to file.
//!
//! The file is not flushed to the disk: a dataset is made again from its seed, and waiting for the
//! disk would take longer than making it. So after a power cut it may be there and not be whole;
//! after anything short of that it is whole or not there.

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use dataset::Layout;

use crate::pipeline::{self, Halt, Job};
use crate::records::{RECORD_LEN, RECORDS_MAX};
use crate::target::{self, Target};

/// More generators than this would only wait for the writer.
const GENERATORS_MAX: usize = 4;

/// What to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How many records.
    pub records: u64,
    /// Random seed of the values.
    pub seed: u64,
    /// The file; directories that it lies in are created.
    pub out: PathBuf,
    /// Whether to replace a file that is there.
    pub force: bool,
}

/// What was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// The file.
    pub path: PathBuf,
    /// Its bytes, the header among them.
    pub bytes: u64,
    /// How long it took.
    pub elapsed: Duration,
}

/// Why there is no dataset. Nothing is left behind, and a file that was there is untouched.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// There is a file of that name.
    #[error("{} exists; give --force to replace it", .path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// There is something else of that name.
    #[error("{} is not a regular file; name one with --out", .path.display())]
    NotAFile {
        /// Its path.
        path: PathBuf,
    },
    /// The file is a mount of its own, which nothing can take the place of.
    #[error(
        "{} is mounted by itself and cannot be replaced; name a file in a mounted directory with --out",
        .path.display()
    )]
    Mounted {
        /// Its path.
        path: PathBuf,
    },
    /// The timestamps of this number of records do not fit 64 bits.
    #[error("{records} records are too many; the most is {RECORDS_MAX}")]
    TooMany {
        /// How many were asked for.
        records: u64,
    },
    /// There is not enough room, as was seen before writing.
    #[error(
        "not enough room for {}: {needed} bytes needed, {available} available; \
         give fewer --records or another --out",
        .path.display()
    )]
    NoRoom {
        /// The file.
        path: PathBuf,
        /// Bytes of the file.
        needed: u64,
        /// Bytes that the filesystem has left.
        available: u64,
    },
    /// The disk, a quota or a limit on files was exhausted while writing.
    #[error(
        "no more room for {} after {written} of {needed} bytes ({error}); nothing was left behind: \
         give fewer --records or another --out",
        .path.display()
    )]
    Full {
        /// The file.
        path: PathBuf,
        /// Bytes written by then.
        written: u64,
        /// Bytes of the whole file.
        needed: u64,
        /// What the system said.
        error: io::Error,
    },
    /// Something else went wrong.
    #[error("cannot {action} {}: {error}; --out names another file", .path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// With which path.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The progress function asked for it.
    #[error("stopped; nothing was left behind")]
    Stopped,
}

/// Writes the dataset that `plan` describes, in memory of a few MiB whatever its size.
///
/// `progress` is called every two megabytes or so with the bytes of records written so far, and
/// stops the run by breaking.
///
/// # Errors
///
/// See [`WriteError`].
pub fn write(
    plan: &Plan,
    progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<Written, WriteError> {
    let started = Instant::now();
    if plan.records > RECORDS_MAX {
        return Err(WriteError::TooMany {
            records: plan.records,
        });
    }
    let path = target::resolve(&plan.out);
    let io_error = |action| {
        let path = path.clone();
        move |error| WriteError::Io {
            action,
            path,
            error,
        }
    };
    check_name(&path, plan.force)?;

    let header = Layout::study().header(plan.records);
    let needed = header.len() as u64 + plan.records * RECORD_LEN as u64;
    if let Some(available) = target::available(&path)
        && available < needed
    {
        return Err(WriteError::NoRoom {
            path,
            needed,
            available,
        });
    }
    fs::create_dir_all(target::directory(&path)).map_err(io_error("create the directory of"))?;
    let target = Target::create(&path).map_err(io_error("create"))?;

    let job = Job {
        seed: plan.seed,
        records: plan.records,
        offset: header.len() as u64,
        generators: generators(),
    };
    target
        .file()
        .write_all_at(&header, 0)
        .map_err(|error| Halt::Failed { written: 0, error })
        .and_then(|()| pipeline::run(target.file(), job, progress))
        .map_err(|halt| match halt {
            Halt::Stopped => WriteError::Stopped,
            Halt::Failed { written, error } => failed(&path, written, needed, error),
        })?;
    target
        .publish(&path, plan.force)
        .map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => WriteError::Exists { path: path.clone() },
            _ => io_error("name")(error),
        })?;
    Ok(Written {
        path: plan.out.clone(),
        bytes: needed,
        elapsed: started.elapsed(),
    })
}

fn check_name(path: &Path, force: bool) -> Result<(), WriteError> {
    let path = path.to_owned();
    match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if path.file_name().is_none() {
                return Err(WriteError::NotAFile { path });
            }
            Ok(())
        }
        Err(error) => Err(WriteError::Io {
            action: "examine",
            path,
            error,
        }),
        // What is still a link here leads nowhere.
        Ok(found) if !found.is_file() => Err(WriteError::NotAFile { path }),
        Ok(_) if !force => Err(WriteError::Exists { path }),
        Ok(_) if target::is_mounted(&path) => Err(WriteError::Mounted { path }),
        Ok(_) => Ok(()),
    }
}

fn failed(path: &Path, written: u64, needed: u64, error: io::Error) -> WriteError {
    let path = path.to_owned();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            WriteError::Full {
                path,
                written,
                needed,
                error,
            }
        }
        _ => WriteError::Io {
            action: "write",
            path,
            error,
        },
    }
}

/// One processor is left to the writer, where there is more than one.
fn generators() -> usize {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    processors.saturating_sub(1).clamp(1, GENERATORS_MAX)
}
