//! Which of its parent's threads a child has.

use crate::experiments::traits::claim::{Claim, Methods, Parent, ours};
use report::TraitStatement;
use serde::{Deserialize, Serialize};
use std::sync::mpsc;
use std::thread;

pub(in super::super) struct Threads;

/// How many threads there were.
#[derive(Debug, Serialize, Deserialize)]
pub(in super::super) struct Seen {
    parent: usize,
    child: usize,
}

impl Claim for Threads {
    const NAME: &'static str = "threads";
    const TITLE: &'static str = "Threads";
    const MEASURED: &'static str = "the parent has waiting threads beside its first when the child \
        is started; each counts its own in /proc";
    const SETTINGS: &'static [(&'static str, u64)] = &[("threads", 3)];
    type Ask = ();
    type Answer = usize;
    type Seen = Seen;

    fn probe(parent: &mut Parent<Self>) -> anyhow::Result<Seen> {
        let mut waiting = Vec::new();
        for _ in 0..parent.setting("threads") {
            let (end, is_to_end) = mpsc::channel::<()>();
            waiting.push((end, thread::spawn(move || is_to_end.recv())));
        }
        let seen = Seen {
            parent: runtime::thread_count()?,
            child: parent.child(&())?,
        };
        for (end, thread) in waiting {
            drop(end);
            let _ = thread.join();
        }
        Ok(seen)
    }

    fn child((): ()) -> anyhow::Result<usize> {
        Ok(runtime::thread_count()?)
    }

    fn cell(seen: &Seen) -> String {
        format!("{} in the parent, {} in the child", seen.parent, seen.child)
    }

    fn judge(seen: &Methods<Seen>) -> Vec<TraitStatement> {
        let fork = &seen.fork;
        vec![
            ours(
                "of its parent's threads a forked child has the one that forked",
                fork.parent > 1 && fork.child == 1,
            ),
            ours("a spawned child begins with one", seen.spawn.child == 1),
            ours(
                "a forkserver's child begins with one",
                seen.forkserver.child == 1,
            ),
        ]
    }
}
