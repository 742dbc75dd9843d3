//! How far the whole job is, told on rank 0 as the ranks tell it there.

use crate::comm::{Comm, Tag};
use coordinator::timeline::Timeline;
use report::format_count;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The least time between two lines.
const BETWEEN_LINES: Duration = Duration::from_secs(1);

/// How far the job is; on other ranks than 0, this rank's share of it.
pub(crate) struct Progress<'a> {
    comm: &'a Comm,
    timeline: Arc<Mutex<Timeline>>,
    /// Records of the job, and how many of them are done.
    all: u64,
    done: u64,
    /// Messages that went to rank 0, or came there.
    messages: u64,
    said: Instant,
}

impl<'a> Progress<'a> {
    /// Of a job with `all` records, of which earlier starts have done `done`.
    pub(crate) fn new(
        comm: &'a Comm,
        timeline: Arc<Mutex<Timeline>>,
        all: u64,
        done: u64,
    ) -> Progress<'a> {
        Progress {
            comm,
            timeline,
            all,
            done,
            messages: 0,
            said: Instant::now(),
        }
    }

    /// Adds records that this rank has done.
    pub(crate) fn add(&mut self, records: u64) {
        if self.comm.rank() == 0 {
            self.done += records;
            self.hear();
        } else {
            self.messages += 1;
            self.comm.send(0, Tag::Progress, &records);
        }
    }

    /// Takes in what other ranks have told rank 0 meanwhile.
    pub(crate) fn hear(&mut self) {
        if self.comm.rank() > 0 {
            return;
        }
        while let Some((_, records)) = self.comm.receive_if_there::<u64>(Tag::Progress) {
            self.messages += 1;
            self.done += records;
        }
        if self.said.elapsed() >= BETWEEN_LINES {
            self.said = Instant::now();
            let percent = self.done as f64 / self.all.max(1) as f64 * 100.0;
            let all = format_count(self.all);
            let timeline = self.timeline.lock().unwrap_or_else(PoisonError::into_inner);
            timeline.say(&format!("{percent:.0} % of {all} records are summed."));
        }
    }

    /// Messages that this rank has sent.
    pub(crate) fn messages(&self) -> u64 {
        self.messages
    }

    /// Waits on rank 0 for those of all messages that are still on their way.
    pub(crate) fn hear_all(&mut self, messages: u64) {
        while self.messages < messages {
            let (_, records) = self.comm.receive_any::<u64>(Tag::Progress);
            self.messages += 1;
            self.done += records;
        }
    }
}
