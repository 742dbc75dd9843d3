//! Which of its parent's signal settings a child begins with.

use crate::experiments::traits::claim::{Claim, Methods, Parent, ours, study};
use crate::experiments::traits::start;
use anyhow::Context;
use nix::sys::signal::{SigSet, Signal};
use report::TraitStatement;
use serde::{Deserialize, Serialize};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

pub(in super::super) struct Signals;

/// How a process treats three signals that nobody else in it cares about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Treated {
    /// SIGUSR1 has a handler.
    handled: bool,
    /// SIGUSR2 is ignored.
    ignored: bool,
    /// SIGHUP is blocked.
    blocked: bool,
}

/// Who treats them how.
#[derive(Debug, Serialize, Deserialize)]
pub(in super::super) struct Seen {
    parent: Treated,
    child: Treated,
    /// A worker of Handoff's pool, started by the same method.
    worker: Treated,
}

impl Claim for Signals {
    const NAME: &'static str = "signals";
    const TITLE: &'static str = "Signal handling";
    const MEASURED: &'static str = "the parent handles SIGUSR1, ignores SIGUSR2 and blocks SIGHUP; \
        the child reads in /proc what it does with them, and so does a worker of Handoff's pool";
    const SETTINGS: &'static [(&'static str, u64)] =
        &[("handled", 1), ("ignored", 1), ("blocked", 1)];
    type Ask = ();
    type Answer = Treated;
    type Seen = Seen;

    fn probe(parent: &mut Parent<Self>) -> anyhow::Result<Seen> {
        if parent.setting("handled") > 0 {
            let noted = Arc::new(AtomicBool::new(false));
            signal_hook::flag::register(signal_hook::consts::SIGUSR1, noted)?;
        }
        if parent.setting("ignored") > 0 {
            start::ignore(Signal::SIGUSR2)?;
        }
        if parent.setting("blocked") > 0 {
            SigSet::from(Signal::SIGHUP).thread_block()?;
        }
        Ok(Seen {
            parent: treated()?,
            child: parent.child(&())?,
            worker: parent.worker(&())?,
        })
    }

    fn child((): ()) -> anyhow::Result<Treated> {
        treated()
    }

    fn cell(seen: &Seen) -> String {
        let words = |treated: &Treated| {
            let words: Vec<&str> = [
                (treated.handled, "handler"),
                (treated.ignored, "ignored signal"),
                (treated.blocked, "mask"),
            ]
            .into_iter()
            .filter_map(|(inherited, word)| inherited.then_some(word))
            .collect();
            match &words[..] {
                [] => "nothing".to_owned(),
                words => words.join(", "),
            }
        };
        format!(
            "of its parent's {}: has {}; Handoff's worker {}",
            words(&seen.parent),
            words(&seen.child),
            words(&seen.worker)
        )
    }

    fn judge(seen: &Methods<Seen>) -> Vec<TraitStatement> {
        let (fork, spawn) = (&seen.fork, &seen.spawn);
        let workers = [&seen.fork, &seen.spawn, &seen.forkserver];
        let clean = Treated {
            handled: false,
            ignored: false,
            blocked: false,
        };
        vec![
            study(
                "a forked child has its parent's handlers",
                fork.child.handled == fork.parent.handled,
            ),
            study(
                "a forked child has its parent's mask",
                fork.child.blocked == fork.parent.blocked,
            ),
            study(
                "a spawned child has none of its parent's handlers",
                !spawn.child.handled,
            ),
            study(
                "a spawned child blocks nothing that its parent blocked",
                !spawn.child.blocked,
            ),
            ours(
                "a spawned child ignores what its parent ignored",
                spawn.child.ignored == spawn.parent.ignored,
            ),
            ours(
                "Handoff's workers begin with nothing of it, whatever started them",
                workers.iter().all(|seen| seen.worker == clean),
            ),
        ]
    }
}

/// How this process treats the three.
fn treated() -> anyhow::Result<Treated> {
    let status = fs::read_to_string("/proc/self/status")?;
    let has = |key: &str, signal: Signal| -> anyhow::Result<bool> {
        let mask = status.lines().find_map(|line| line.strip_prefix(key));
        let mask = mask.with_context(|| format!("no {key} in /proc/self/status"))?;
        let mask = u64::from_str_radix(mask.trim(), 16)?;
        Ok(mask >> (signal as u32 - 1) & 1 == 1)
    };
    Ok(Treated {
        handled: has("SigCgt:", Signal::SIGUSR1)?,
        ignored: has("SigIgn:", Signal::SIGUSR2)?,
        blocked: has("SigBlk:", Signal::SIGHUP)?,
    })
}
