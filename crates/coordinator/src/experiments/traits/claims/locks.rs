//! Whether a child can take a lock that another thread holds when the child is started.

use crate::experiments::traits::claim::{Claim, Methods, Parent, ours};
use report::TraitStatement;
use serde::{Deserialize, Serialize};
use std::sync::mpsc;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

pub(in super::super) struct Locks;

static LOCK: Mutex<()> = Mutex::new(());

/// What was seen of the lock.
#[derive(Debug, Serialize, Deserialize)]
pub(in super::super) struct Seen {
    /// The child got its lock.
    opened: bool,
    /// The parent, whose thread released it meanwhile, got its own.
    parent_opened: bool,
    /// How long the child was given.
    limit_ms: u64,
}

impl Claim for Locks {
    const NAME: &'static str = "locks";
    const TITLE: &'static str = "A lock held by another thread";
    const MEASURED: &'static str = "a second thread of the parent holds a lock while the child is \
        started, and releases it right after; the child asks for the lock, and is killed if it has not \
        got it in time";
    const SETTINGS: &'static [(&'static str, u64)] = &[("lock-ms", 1500)];
    type Ask = ();
    type Answer = ();
    type Seen = Seen;

    fn probe(parent: &mut Parent<Self>) -> anyhow::Result<Seen> {
        let limit_ms = parent.setting("lock-ms");
        let (held, is_held) = mpsc::channel();
        let (started, is_started) = mpsc::channel();
        let holder = thread::spawn(move || {
            let guard = LOCK.lock();
            let _ = held.send(());
            let _ = is_started.recv();
            drop(guard);
        });
        is_held.recv()?;
        let limit = Duration::from_millis(limit_ms);
        let answer = parent.child_within(&(), limit, || {
            let _ = started.send(());
        })?;
        let _ = holder.join();
        Ok(Seen {
            opened: answer.is_some(),
            parent_opened: LOCK.try_lock().is_ok(),
            limit_ms,
        })
    }

    fn child((): ()) -> anyhow::Result<()> {
        drop(LOCK.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(())
    }

    fn cell(seen: &Seen) -> String {
        let parent = if seen.parent_opened {
            "open again"
        } else {
            "locked"
        };
        match seen.opened {
            true => format!("the child's lock is open; the parent's {parent}"),
            false => format!(
                "the child hangs (killed after {} ms) while the parent's lock is {parent}",
                seen.limit_ms
            ),
        }
    }

    fn judge(seen: &Methods<Seen>) -> Vec<TraitStatement> {
        vec![
            ours(
                "a lock that another thread held at the fork never opens in the child, though it \
                 does in the parent",
                !seen.fork.opened && seen.fork.parent_opened,
            ),
            ours("a spawned child has a lock of its own", seen.spawn.opened),
            ours(
                "a forkserver's child does not see the parent's lock",
                seen.forkserver.opened,
            ),
        ]
    }
}
