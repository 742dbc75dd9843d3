//! Keeps what is done, so that an interrupted job can be resumed.
//!
//! Each rank of each start has one file in the checkpoint's directory: the partial sums of what it has
//! done so far. It is written whole into another file, synced, and renamed, so that at any
//! moment there is either the old state or the new one. The file holds ranges of records, so the next
//! start may have any number of ranks: it processes the ranges that are left.

use crate::shards::Shard;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use worker::sum::Partial;

/// How a file begins: what it is, and the version of what follows.
const MAGIC: &[u8] = b"handoff checkpoint 1\n";
/// How names of files end that are whole.
const SUFFIX: &str = "kept";
/// How names begin of files that are being written.
const WRITING: &str = ".writing-";

/// What is computed, of which field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Question {
    /// The task's name.
    pub(crate) task: String,
    /// The field.
    pub(crate) field: Option<String>,
}

/// One rank's file.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    question: Question,
    entries: Vec<Entry>,
}

/// A range of records, and what they gave.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    shard: Shard,
    records: Range<u64>,
    partial: Partial,
}

/// What earlier starts have done.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// Of each shard, which of its records; they do not overlap.
    pub(crate) ranges: Vec<Vec<Range<u64>>>,
    /// What those gave together.
    pub(crate) partial: Partial,
}

impl Done {
    /// How many records that are.
    pub(crate) fn records(&self) -> u64 {
        let ranges = self.ranges.iter().flatten();
        ranges.map(|range| range.end - range.start).sum()
    }
}

/// Why a checkpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckpointError {
    #[error("cannot use {} (from --checkpoint): {error}", .path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("{} is damaged: remove it, and what it held is computed again", .path.display())]
    Damaged { path: PathBuf },
    #[error(
        "{} was kept by a job that computed {theirs}, this one computes {ours}: use another \
         --checkpoint for it",
        .path.display()
    )]
    OtherQuestion {
        path: PathBuf,
        theirs: String,
        ours: String,
    },
    #[error(
        "{} holds results of {}, which is no dataset of this job: use another --checkpoint for it",
        .path.display(), .shard.display()
    )]
    OtherShard { path: PathBuf, shard: PathBuf },
    #[error(
        "{} was changed since its results were kept in {}: remove the checkpoint to compute it anew",
        .shard.display(), .path.display()
    )]
    ShardChanged { path: PathBuf, shard: PathBuf },
}

impl Question {
    fn words(&self) -> String {
        match &self.field {
            Some(field) => format!("{} of field {field}", self.task),
            None => self.task.clone(),
        }
    }
}

/// Reads everything that was kept in `dir` for these shards; makes the directory where there is none.
pub(crate) fn read(
    dir: &Path,
    question: &Question,
    shards: &[Shard],
) -> Result<Done, CheckpointError> {
    let in_dir = |error| CheckpointError::Io {
        path: dir.to_owned(),
        error,
    };
    fs::create_dir_all(dir).map_err(in_dir)?;
    let mut done = Done {
        ranges: vec![Vec::new(); shards.len()],
        partial: Partial::default(),
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(in_dir)? {
        let path = entry.map_err(in_dir)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(WRITING) {
            // A rank died over it, or one of another job is writing it and notices.
            let _ = fs::remove_file(&path);
        } else if path.extension().is_some_and(|suffix| suffix == SUFFIX) {
            files.push(path);
        }
    }
    files.sort_unstable();
    let numbers: HashMap<&Path, usize> = shards
        .iter()
        .enumerate()
        .map(|(number, shard)| (shard.path.as_path(), number))
        .collect();
    for path in files {
        let kept = read_file(&path)?;
        if kept.question != *question {
            return Err(CheckpointError::OtherQuestion {
                path,
                theirs: kept.question.words(),
                ours: question.words(),
            });
        }
        for entry in kept.entries {
            let number = numbers.get(entry.shard.path.as_path()).copied();
            take(
                &mut done,
                entry,
                number.map(|number| (number, &shards[number])),
                &path,
            )?;
        }
    }
    Ok(done)
}

/// Takes in what was kept of one range of the shard of that number, unless some of it is there
/// already.
fn take(
    done: &mut Done,
    entry: Entry,
    ours: Option<(usize, &Shard)>,
    path: &Path,
) -> Result<(), CheckpointError> {
    let Some((number, ours)) = ours else {
        return Err(CheckpointError::OtherShard {
            path: path.to_owned(),
            shard: entry.shard.path,
        });
    };
    if *ours != entry.shard {
        return Err(CheckpointError::ShardChanged {
            path: path.to_owned(),
            shard: entry.shard.path,
        });
    }
    let Range { start, end } = entry.records;
    let values = entry.partial.count() + entry.partial.nan_count();
    if start >= end || end > entry.shard.records || values != end - start {
        return Err(CheckpointError::Damaged {
            path: path.to_owned(),
        });
    }
    let known = &mut done.ranges[number];
    // Two jobs that ran at once on one checkpoint may both have done it.
    if known
        .iter()
        .all(|other| end <= other.start || other.end <= start)
    {
        known.push(start..end);
        done.partial.merge(&entry.partial);
    }
    Ok(())
}

fn read_file(path: &Path) -> Result<Kept, CheckpointError> {
    let bytes = fs::read(path).map_err(|error| CheckpointError::Io {
        path: path.to_owned(),
        error,
    })?;
    unwrap(&bytes).ok_or_else(|| CheckpointError::Damaged {
        path: path.to_owned(),
    })
}

fn unwrap(bytes: &[u8]) -> Option<Kept> {
    let (sum, body) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<4>()?;
    (u32::from_le_bytes(*sum) == crc32fast::hash(body))
        .then(|| postcard::from_bytes(body).ok())
        .flatten()
}

fn wrap(kept: &Kept) -> Vec<u8> {
    let body = postcard::to_stdvec(kept).expect("plain values can be encoded");
    let sum = crc32fast::hash(&body).to_le_bytes();
    [MAGIC, &sum[..], &body[..]].concat()
}

/// Keeps what one rank of one start has done.
pub(crate) struct Keeper {
    dir: PathBuf,
    path: PathBuf,
    kept: Kept,
}

impl Keeper {
    /// Of this rank of the start with this number; checks that `dir` can be written to.
    pub(crate) fn new(
        dir: &Path,
        start: u64,
        rank: u32,
        question: Question,
    ) -> Result<Keeper, CheckpointError> {
        let keeper = Keeper {
            dir: dir.to_owned(),
            path: dir.join(format!("{start:016x}-{rank:06}.{SUFFIX}")),
            kept: Kept {
                question,
                entries: Vec::new(),
            },
        };
        keeper.save()?;
        Ok(keeper)
    }

    /// Keeps what these records gave; when this returns, it is on disk.
    pub(crate) fn keep(
        &mut self,
        shard: &Shard,
        records: Range<u64>,
        partial: &Partial,
    ) -> Result<(), CheckpointError> {
        match self.kept.entries.last_mut() {
            Some(last) if last.shard == *shard && last.records.end == records.start => {
                last.records.end = records.end;
                last.partial.merge(partial);
            }
            _ => self.kept.entries.push(Entry {
                shard: shard.clone(),
                records,
                partial: partial.clone(),
            }),
        }
        self.save()
    }

    fn save(&self) -> Result<(), CheckpointError> {
        let bytes = wrap(&self.kept);
        let mut saved = self.try_save(&bytes);
        // A job that has started meanwhile takes a file that is being written for one that was left, and removes it.
        // That happens once for each start; where the directory is gone, the next try fails before.
        while matches!(&saved, Ok(Saved::Removed)) {
            saved = self.try_save(&bytes);
        }
        saved.map(drop).map_err(|error| CheckpointError::Io {
            path: self.path.clone(),
            error,
        })
    }

    fn try_save(&self, bytes: &[u8]) -> io::Result<Saved> {
        let mut file = tempfile::Builder::new()
            .prefix(WRITING)
            .tempfile_in(&self.dir)?;
        let renamed = file
            .write_all(bytes)
            .and_then(|()| file.as_file().sync_all())
            .and_then(|()| Ok(file.persist(&self.path)?));
        match renamed {
            Ok(_) => File::open(&self.dir)?.sync_all().map(|()| Saved::Whole),
            // The second comes from a network's file system.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::StaleNetworkFileHandle
                ) =>
            {
                Ok(Saved::Removed)
            }
            Err(error) => Err(error),
        }
    }
}

/// How a try to write a file ended.
enum Saved {
    Whole,
    /// Somebody has removed it before it was renamed.
    Removed,
}

#[cfg(test)]
mod tests;
