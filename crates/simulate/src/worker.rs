//! A simulated worker, as it really is.

use crate::happens::Happens;
use engine::{Capabilities, Death, WorkerId};
use std::collections::VecDeque;

#[derive(Debug)]
pub(crate) struct SimWorker {
    pub(crate) id: WorkerId,
    /// Distinguishes events of an earlier worker at the same index.
    pub(crate) life: u64,
    pub(crate) capabilities: Capabilities,
    pub(crate) ready: bool,
    /// Whether the shell has reported that it is ready.
    pub(crate) greeted: bool,
    /// It says that it cannot serve.
    pub(crate) refuses: bool,
    pub(crate) lane: VecDeque<Sent>,
    pub(crate) run: Option<Run>,
    /// Published and not yet reported.
    pub(crate) results: Vec<Published>,
    /// The entry after the last that it began.
    pub(crate) head: u64,
    pub(crate) stopped: bool,
    /// What would have happened while it was stopped.
    pub(crate) deferred: Vec<Happens>,
    /// Its connection has ended: nothing that it does is seen any more.
    pub(crate) closed: bool,
    pub(crate) closed_reported: bool,
    pub(crate) told_to_leave: bool,
    pub(crate) told_to_end: bool,
    pub(crate) ignores_term: bool,
    pub(crate) ignores_leave: bool,
    /// It lies about when it began.
    pub(crate) liar: bool,
    pub(crate) dead: Option<Death>,
    pub(crate) violated: bool,
    /// When the shell last looked at it.
    pub(crate) collected_ns: u64,
    /// For the check of idleness.
    pub(crate) idle_since: Option<u64>,
    pub(crate) progress_ns: u64,
    pub(crate) excused_until_ns: u64,
    /// The entry whose end was reported as done.
    pub(crate) done_reported: Option<u64>,
    pub(crate) began_reported: Option<u64>,
    /// Some of its results were reported.
    pub(crate) answered: bool,
    /// The entry whose task was asked to end, and when.
    pub(crate) asked: Option<(u64, u64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) entry: u64,
    pub(crate) task: usize,
    pub(crate) sent_ns: u64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    pub(crate) sent: Sent,
    pub(crate) began_ns: u64,
    pub(crate) returned: bool,
    pub(crate) returned_ns: u64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Published {
    pub(crate) entry: u64,
    pub(crate) task: usize,
    pub(crate) ran_ns: u64,
}

/// What a task does when it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conduct {
    Takes(u64),
    Hangs,
    Crashes(u64),
    LosesInput(u64),
}
