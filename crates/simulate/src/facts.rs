//! Events about starts, and when: kept apart from what the engine makes of it.

use crate::profile::MS;
use engine::{Effect, Event, KillReason};

/// Events about starts, and when.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) ever_ready: bool,
    pub(crate) serving: u32,
    /// Since when no worker serves.
    pub(crate) none_since_ns: Option<u64>,
    /// When a start failed last.
    pub(crate) failed_ns: Option<u64>,
    pub(crate) permanent: bool,
    pub(crate) enough: bool,
    pub(crate) failed: bool,
    pub(crate) queued_since_ns: Option<u64>,
    pub(crate) needed: u32,
    pub(crate) due_again: u32,
    /// A start was asked for soon after one had failed.
    pub(crate) hasty: bool,
    /// By index: when the worker got ready.
    pub(crate) ready_ns: Vec<u64>,
}

impl Facts {
    pub(crate) fn new(now: u64) -> Facts {
        Facts {
            ever_ready: false,
            serving: 0,
            none_since_ns: Some(now),
            failed_ns: None,
            permanent: false,
            enough: false,
            failed: false,
            queued_since_ns: None,
            needed: 1,
            due_again: 0,
            hasty: false,
            ready_ns: Vec::new(),
        }
    }

    pub(crate) fn reported(&mut self, now: u64, event: &Event) {
        match event {
            Event::StartFailed { permanent, .. } => self.start_died(now, *permanent),
            Event::Refused { .. } => self.start_died(now, true),
            Event::Ready { worker, .. } => {
                self.ever_ready = true;
                let index = worker.index();
                self.ready_ns.resize(self.ready_ns.len().max(index + 1), 0);
                self.ready_ns[index] = now;
            }
            Event::Finished { worker, .. } => {
                let ready = self.ready_ns.get(worker.index()).copied().unwrap_or(0);
                if self.failed_ns.is_some_and(|failed| ready > failed) {
                    self.failed_ns = None;
                }
            }
            _ => {}
        }
    }

    /// An effect was asked for, directly after the last event.
    pub(crate) fn asked(&mut self, now: u64, effect: &Effect) {
        let soon = self.failed_ns.is_some_and(|failed| now < failed + 5 * MS);
        self.hasty |= soon && matches!(effect, Effect::Start(_));
        if let Effect::Terminate(_, KillReason::NotReady) = effect {
            self.failed_ns = Some(now);
        }
    }

    pub(crate) fn start_died(&mut self, now: u64, permanent: bool) {
        self.failed_ns = Some(now);
        self.permanent |= permanent && !self.ever_ready;
    }

    pub(crate) fn joined(&mut self) {
        self.ever_ready = true;
    }
}
