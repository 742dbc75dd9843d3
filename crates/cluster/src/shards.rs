//! The datasets of a job: found and described on rank 0, found again unchanged wherever they are
//! worked on.

use crate::cli::SumArgs;
use anyhow::Context;
use coordinator::exit::Failure;
use coordinator::sum::default_field;
use dataset::{Column, Dataset, Layout, OpenError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// One dataset of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shard {
    /// The path, the same on all machines.
    pub(crate) path: PathBuf,
    /// Number of records.
    pub(crate) records: u64,
    /// Which file, in what state.
    pub(crate) state: State,
}

/// What identifies the contents of a file. The device's number is not in it, since each machine
/// gives its own to a file system they share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Its fields, their types and places.
    pub(crate) layout: String,
    /// Bytes of the file.
    pub(crate) size: u64,
    /// When it was last written, in nanoseconds since 1970.
    pub(crate) mtime_ns: i128,
    /// Its inode.
    pub(crate) inode: u64,
}

/// Records of one shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part<S> {
    /// Which shard.
    pub(crate) shard: S,
    /// Which of its records.
    pub(crate) records: Range<u64>,
}

/// All datasets of a job, and what they have in common.
pub(crate) struct Shards {
    pub(crate) shards: Vec<Shard>,
    /// The field to sum, if they have named fields.
    pub(crate) field: Option<String>,
    /// Where its values lie in a record.
    pub(crate) column: Column,
    /// Bytes of a record.
    pub(crate) itemsize: u64,
}

/// Why a dataset is not the one that rank 0 has described.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShardError {
    // Its words hold those of its cause.
    #[error("{error}; every rank needs every dataset, under the same path")]
    Open { error: OpenError },
    #[error(
        "{} has records of {theirs}, the first dataset has {ours}: sum those apart",
        .path.display()
    )]
    OtherLayout {
        path: PathBuf,
        theirs: String,
        ours: String,
    },
    #[error(
        "{} is {here} bytes here and {there} bytes on rank 0: copy it again, or use one file system \
         for all",
        .path.display()
    )]
    OtherSize {
        path: PathBuf,
        here: u64,
        there: u64,
    },
}

impl From<OpenError> for ShardError {
    fn from(error: OpenError) -> ShardError {
        ShardError::Open { error }
    }
}

impl Shards {
    /// Finds and describes what the command line names.
    pub(crate) fn resolve(args: &SumArgs) -> Result<Shards, Failure> {
        let paths = match &args.list {
            Some(list) => listed(list)?,
            None => expand(&args.data)?,
        };
        let mut seen = BTreeSet::new();
        if let Some(twice) = paths.iter().find(|path| !seen.insert(*path)) {
            return Err(Failure::usage(format!(
                "{} is named twice: its records would count twice",
                twice.display()
            )));
        }
        let first = Dataset::open(&paths[0])?;
        let field = args.field.clone().or_else(|| default_field(&first));
        let column = first.column(field.as_deref()).map_err(Failure::usage)?;
        let ours = describe(first.layout());
        let shards = paths.into_iter().map(|path| Shard::describe(path, &ours));
        Ok(Shards {
            shards: shards.collect::<Result<_, _>>()?,
            field,
            column,
            itemsize: first.layout().itemsize as u64,
        })
    }

    /// Records of all.
    pub(crate) fn records(&self) -> u64 {
        self.shards.iter().map(|shard| shard.records).sum()
    }
}

impl Shard {
    fn describe(path: PathBuf, layout: &str) -> Result<Shard, ShardError> {
        let dataset = Dataset::open(&path)?;
        check_layout(&dataset, layout)?;
        let identity = dataset.identity();
        Ok(Shard {
            path,
            records: dataset.records(),
            state: State {
                layout: layout.to_owned(),
                size: identity.size,
                mtime_ns: identity.mtime_ns,
                inode: identity.inode,
            },
        })
    }

    /// Opens it where it is to be worked on.
    pub(crate) fn open(&self) -> Result<Dataset, ShardError> {
        let dataset = Dataset::open(&self.path)?;
        check_layout(&dataset, &self.state.layout)?;
        let (here, there) = (dataset.identity().size, self.state.size);
        if here != there {
            return Err(ShardError::OtherSize {
                path: self.path.clone(),
                here,
                there,
            });
        }
        Ok(dataset)
    }
}

fn check_layout(dataset: &Dataset, ours: &str) -> Result<(), ShardError> {
    let theirs = describe(dataset.layout());
    if theirs == ours {
        return Ok(());
    }
    Err(ShardError::OtherLayout {
        path: dataset.path().to_owned(),
        theirs,
        ours: ours.to_owned(),
    })
}

/// `index <i8 at 0, val <f8 at 8, 16 bytes`; `<f8` of a plain array.
fn describe(layout: &Layout) -> String {
    if !layout.structured {
        return layout
            .fields
            .first()
            .map_or("", |field| field.dtype.code())
            .to_owned();
    }
    let fields = layout
        .fields
        .iter()
        .map(|field| format!("{} {} at {}", field.name, field.dtype.code(), field.offset));
    let fields: Vec<String> = fields.collect();
    format!("{}, {} bytes", fields.join(", "), layout.itemsize)
}

/// The datasets that a file names, one a line.
fn listed(list: &Path) -> Result<Vec<PathBuf>, Failure> {
    let text = fs::read_to_string(list)
        .with_context(|| format!("cannot read {} (from --list)", list.display()))?;
    let paths: Vec<PathBuf> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(PathBuf::from)
        .collect();
    if paths.is_empty() {
        let list = list.display();
        return Err(Failure::usage(format!(
            "{list} (from --list) names no dataset"
        )));
    }
    Ok(paths)
}

/// Names unchanged, patterns replaced by the names that they match.
fn expand(names: &[String]) -> Result<Vec<PathBuf>, Failure> {
    let mut paths = Vec::new();
    for name in names {
        let is_pattern = name.contains(['*', '?', '[']) && !Path::new(name).exists();
        if !is_pattern {
            paths.push(PathBuf::from(name));
            continue;
        }
        let matches = glob::glob(name)
            .map_err(|error| Failure::usage(format!("{name} is no pattern: {error}")))?;
        let before = paths.len();
        for path in matches {
            paths.push(path?);
        }
        if paths.len() == before {
            return Err(Failure::usage(format!("{name} matches no file on rank 0")));
        }
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_told_apart_by_everything_a_reader_depends_on() {
        let study = Layout::study();
        assert_eq!(
            describe(&study),
            "index <i8 at 0, timestamp <M8[ns] at 8, val <f8 at 16, 24 bytes"
        );
        let mut other = study.clone();
        other.itemsize = 32;
        assert_ne!(describe(&study), describe(&other));
    }

    #[test]
    fn patterns_and_lists() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        for name in ["b.npy", "a.npy", "c.txt", "odd[1].npy"] {
            fs::write(path(name), "").unwrap();
        }
        let text = |name: &str| path(name).to_str().unwrap().to_owned();
        let found = expand(&[text("?.npy"), text("odd[1].npy")]).unwrap();
        assert_eq!(found, [path("a.npy"), path("b.npy"), path("odd[1].npy")]);
        let none = expand(&[text("z*.npy")]).unwrap_err();
        assert!(none.message().unwrap().contains("matches no file"));

        fs::write(path("list"), "x.npy\n\ny.npy\n").unwrap();
        assert_eq!(listed(&path("list")).unwrap().len(), 2);
        fs::write(path("list"), "\n").unwrap();
        assert_eq!(listed(&path("list")).unwrap_err().code(), 2);
    }
}
