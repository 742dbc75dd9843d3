//! Which of its parent's descriptors a child holds.

use crate::experiments::traits::claim::{Claim, Methods, Parent, ours, study};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use report::TraitStatement;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

pub(in super::super) struct Descriptors;

/// Descriptors by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Count {
    /// Marked close-on-exec, as Rust and Python open files.
    marked: u64,
    /// Not marked, as C opens files.
    unmarked: u64,
}

/// Who holds what.
#[derive(Debug, Serialize, Deserialize)]
pub(in super::super) struct Held {
    parent: Count,
    /// A child, none of which it should hold.
    child: Count,
    /// A worker of Handoff's pool, started by the same method.
    worker: Count,
}

const MARKED: &str = "marked-";
const UNMARKED: &str = "unmarked-";

impl Claim for Descriptors {
    const NAME: &'static str = "descriptors";
    const TITLE: &'static str = "Resource management: descriptors";
    const MEASURED: &'static str = "the parent opens files, some close-on-exec and some not; the \
        child counts those that it finds among its own descriptors, and so does a worker of \
        Handoff's pool";
    const SETTINGS: &'static [(&'static str, u64)] = &[("marked", 4), ("unmarked", 4)];
    /// The directory of the files.
    type Ask = PathBuf;
    type Answer = Count;
    type Seen = Held;

    fn probe(parent: &mut Parent<Self>) -> anyhow::Result<Held> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().canonicalize()?;
        let mut open = Vec::new();
        for number in 0..parent.setting("marked") {
            open.push(File::create(path.join(format!("{MARKED}{number}")))?);
        }
        for number in 0..parent.setting("unmarked") {
            let file = File::create(path.join(format!("{UNMARKED}{number}")))?;
            fcntl(&file, FcntlArg::F_SETFD(FdFlag::empty()))?;
            open.push(file);
        }
        Ok(Held {
            parent: count(&path)?,
            child: parent.child(&path)?,
            worker: parent.worker(&path)?,
        })
    }

    fn child(directory: PathBuf) -> anyhow::Result<Count> {
        Ok(count(&directory)?)
    }

    fn cell(seen: &Held) -> String {
        format!(
            "holds {} of {} marked close-on-exec, {} of {} others; Handoff's worker {} and {}",
            seen.child.marked,
            seen.parent.marked,
            seen.child.unmarked,
            seen.parent.unmarked,
            seen.worker.marked,
            seen.worker.unmarked
        )
    }

    fn judge(seen: &Methods<Held>) -> Vec<TraitStatement> {
        let none = Count {
            marked: 0,
            unmarked: 0,
        };
        let all = [&seen.fork, &seen.spawn, &seen.forkserver];
        vec![
            study(
                "a forked child holds its parent's descriptors, even those marked close-on-exec",
                seen.fork.child == seen.fork.parent,
            ),
            study(
                "a spawned child holds none of its parent's descriptors",
                seen.spawn.child == none,
            ),
            ours(
                "a spawned child holds none that was marked close-on-exec",
                seen.spawn.child.marked == 0,
            ),
            ours(
                "Handoff's workers hold none, whatever started them",
                all.iter().all(|held| held.worker == none),
            ),
        ]
    }
}

/// The descriptors of this process that are files of `directory`.
fn count(directory: &Path) -> std::io::Result<Count> {
    let mut count = Count {
        marked: 0,
        unmarked: 0,
    };
    for entry in fs::read_dir("/proc/self/fd")? {
        // The descriptor that reads the directory is gone by the time it is looked at.
        let Ok(target) = fs::read_link(entry?.path()) else {
            continue;
        };
        let Ok(name) = target.strip_prefix(directory) else {
            continue;
        };
        let name = name.to_string_lossy();
        count.marked += u64::from(name.starts_with(MARKED));
        count.unmarked += u64::from(name.starts_with(UNMARKED));
    }
    Ok(count)
}
