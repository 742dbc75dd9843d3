//! Results of a rank's calls: some stay to be merged here, the others are sent, many together.

use super::{MERGES, Work, lock};
use crate::fold::Fold;
use crate::ids::Group;
use crate::link::{Link, Message};
use crate::plain::{Plain, next_result};
use crate::protocol::{Done, Output, Seen, Trouble, Up, head};
use crate::serve::slot::{Given, Results};
use crate::tree;
use std::time::Instant;
use task::arrays::raw::Part;

/// Results are sent together: about this number, and about this number of bytes.
const RESULTS: usize = 1024;
const RESULT_BYTES: usize = 64 << 10;

impl Work {
    /// Takes what the pool has given.
    pub(super) fn collect(&mut self, link: &mut Link) -> bool {
        let Results { plain, others } = std::mem::take(&mut *lock(&self.given));
        let calls = plain.calls() + others.len();
        if calls == 0 {
            return false;
        }
        self.feed.ended(calls, self.open.len());
        for run in &plain.runs {
            self.open.end(*run);
            // Calls of a batch have no arrays.
            self.arrays.closed(run.first);
        }
        if !plain.runs.is_empty() {
            self.since.get_or_insert_with(Instant::now);
            let plain = self.keep(plain);
            self.plain.append(plain);
        }
        for (id, given) in others {
            self.open.end(Group::of(id));
            self.take_other(id, given, link);
        }
        true
    }

    /// Keeps values that are merged here; what rank 0 is sent of all of them.
    fn keep(&mut self, plain: Plain) -> Plain {
        let Some(fold) = &mut self.fold else {
            return plain;
        };
        let (mut sent, mut bytes) = (Plain::default(), &plain.bytes[..]);
        for run in &plain.runs {
            for _ in 0..run.calls() {
                let Some((at, mut value)) = next_result(&mut bytes) else {
                    break;
                };
                if fold.has(run.first) {
                    fold.keep(std::mem::take(&mut value).to_vec());
                }
                sent.push(run.first + at, value);
            }
        }
        sent
    }

    fn take_other(&mut self, id: u64, given: Given, link: &mut Link) {
        let given = given.map_err(|failure| Trouble::of(failure, &self.place));
        if id > MERGES {
            if let Some(fold) = &mut self.fold {
                fold.merged(given.map(|(value, _)| value));
            }
            return;
        }
        let result = given.and_then(|(value, parts)| self.output(id, &value, parts, link));
        self.arrays.closed(id);
        self.results.push(Done { id, result });
        self.since.get_or_insert_with(Instant::now);
    }

    fn output(
        &mut self,
        id: u64,
        value: &[u8],
        parts: Vec<Part>,
        link: &mut Link,
    ) -> Result<Output, Trouble> {
        if self.fold.as_ref().is_some_and(|fold| fold.has(id)) {
            let why = "results that are merged by a task have no arrays".to_owned();
            return Err(Trouble::NotTaken(why));
        }
        self.bytes.extend_from_slice(value);
        let arrays = self.arrays.back(id, parts, &mut self.bytes, link);
        Ok(Output {
            len: value.len() as u64,
            arrays,
        })
    }

    /// Sends results: many together where they come fast.
    pub(super) fn send(&mut self, link: &mut Link) {
        let Some(since) = self.since else { return };
        let bytes = self.bytes.len() + self.plain.bytes.len();
        let many = self.results.len() + self.plain.calls() >= RESULTS || bytes >= RESULT_BYTES;
        let last = self.open.len() == 0 && self.waiting.0.is_empty();
        if !many && !last && since.elapsed() < self.feed.patience() {
            return;
        }
        self.since = None;
        let counters = self.pool.counters();
        let mut plain = std::mem::take(&mut self.plain);
        let up = Up::Results {
            done: std::mem::take(&mut self.results),
            plain: plain.runs,
            ns_each: self.feed.ns_each().unwrap_or(0),
            seen: Seen {
                started: counters.started,
                died: counters.died,
                retried: counters.retried,
                rss: counters.rss,
            },
        };
        let mut message = head(&up);
        message.append(&mut self.bytes);
        message.append(&mut plain.bytes);
        link.send(0, Message::of(message));
    }

    /// Sends what this rank and those below it have merged to the rank above, once that is all.
    pub(super) fn send_merged(&mut self, link: &mut Link) {
        let Some((round, merged)) = self.fold.as_mut().and_then(Fold::take) else {
            return;
        };
        self.fold = None;
        let (value, trouble) = match merged {
            Ok(value) => (value, None),
            Err(trouble) => (None, Some(trouble)),
        };
        let up = Up::Merged {
            round,
            value: value.as_ref().map(|value| value.len() as u64),
            trouble,
        };
        let mut message = head(&up);
        message.extend(value.unwrap_or_default());
        let parent = tree::parent(link.comm().rank()).unwrap_or(0);
        link.send(parent as usize, Message::of(message));
    }
}
