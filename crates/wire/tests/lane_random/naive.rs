//! What a lane has to do, without rings and without shared memory: lists of calls and of results.

use std::collections::VecDeque;
use std::ops::Range;

/// Bytes of a call or of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Bytes {
    Inline { arrays: Vec<u8>, value: Vec<u8> },
    Socket,
}

impl Bytes {
    pub(crate) fn words(&self) -> usize {
        match self {
            Bytes::Inline { arrays, value } => arrays.len().div_ceil(8) + value.len().div_ceil(8),
            Bytes::Socket => 0,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Claimed,
    Finished,
    Recalled,
}

#[derive(Debug)]
struct Call {
    task: u32,
    bytes: Bytes,
    state: State,
}

/// A record that was not collected.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) index: u64,
    pub(crate) status: u8,
    pub(crate) bytes: Bytes,
}

#[derive(Debug)]
pub(crate) struct Naive {
    slots: usize,
    call_words: usize,
    result_words: usize,
    calls: Vec<Call>,
    visible: usize,
    records: VecDeque<Record>,
    /// Words of records that were collected and not released.
    unreleased: usize,
    pub(crate) returned: bool,
}

impl Naive {
    pub(crate) fn new(slots: usize, call_words: usize, result_words: usize) -> Naive {
        Naive {
            slots,
            call_words,
            result_words,
            calls: Vec::new(),
            visible: 0,
            records: VecDeque::new(),
            unreleased: 0,
            returned: false,
        }
    }

    /// Calls that keep their space: all from the oldest one that is in the worker's hands or waits.
    /// A finished one is in its hands until its result was collected.
    fn kept(&self) -> &[Call] {
        let uncollected = |index: usize| self.records.iter().any(|r| r.index == index as u64);
        let keeps = |index: usize| match self.calls[index].state {
            State::Waiting | State::Claimed => true,
            State::Finished => uncollected(index),
            State::Recalled => false,
        };
        let oldest = (0..self.calls.len()).find(|&index| keeps(index));
        &self.calls[oldest.unwrap_or(self.calls.len())..]
    }

    /// Returns the index, or nothing where there is no room.
    pub(crate) fn push(&mut self, task: u32, bytes: Bytes) -> Option<u64> {
        let used: usize = self.kept().iter().map(|call| call.bytes.words()).sum();
        if self.kept().len() == self.slots || used + bytes.words() > self.call_words {
            return None;
        }
        let state = State::Waiting;
        self.calls.push(Call { task, bytes, state });
        Some(self.calls.len() as u64 - 1)
    }

    pub(crate) fn publish(&mut self) {
        self.visible = self.calls.len();
    }

    fn head(&self) -> usize {
        let waiting = |call: &Call| call.state == State::Waiting;
        self.calls
            .iter()
            .position(waiting)
            .unwrap_or(self.calls.len())
    }

    pub(crate) fn unclaimed(&self) -> u64 {
        (self.calls.len() - self.head()) as u64
    }

    pub(crate) fn work_waits(&self) -> bool {
        self.head() < self.visible
    }

    pub(crate) fn claim(&mut self) -> Option<(u64, u32, Bytes)> {
        if !self.work_waits() {
            return None;
        }
        let index = self.head();
        let call = &mut self.calls[index];
        call.state = State::Claimed;
        self.returned = false;
        Some((index as u64, call.task, call.bytes.clone()))
    }

    pub(crate) fn recall(&mut self, max: usize) -> Range<u64> {
        let head = self.head();
        let end = (head + max).min(self.visible).max(head);
        for call in &mut self.calls[head..end] {
            call.state = State::Recalled;
        }
        head as u64..end as u64
    }

    pub(crate) fn claimed(&self) -> Option<u64> {
        let claimed = |call: &Call| call.state == State::Claimed;
        self.calls
            .iter()
            .position(claimed)
            .map(|index| index as u64)
    }

    /// Returns false where there is no room.
    pub(crate) fn complete(&mut self, status: u8, bytes: Bytes) -> bool {
        let index = self.claimed().expect("a claimed call");
        self.returned = true;
        let words = |record: &Record| 2 + record.bytes.words();
        let used = self.unreleased + self.records.iter().map(words).sum::<usize>();
        if used + 2 + bytes.words() > self.result_words {
            return false;
        }
        self.calls[index as usize].state = State::Finished;
        self.records.push_back(Record {
            index,
            status,
            bytes,
        });
        true
    }

    pub(crate) fn collect(&mut self) -> Option<Record> {
        let record = self.records.pop_front()?;
        self.unreleased += 2 + record.bytes.words();
        Some(record)
    }

    pub(crate) fn release(&mut self) {
        self.unreleased = 0;
    }

    /// Whether there is something that a coordinator has to do before it sleeps.
    pub(crate) fn collectable(&self) -> bool {
        !self.records.is_empty() || self.unreleased > 0
    }

    /// Calls without a result that were not recalled.
    pub(crate) fn open(&self) -> Vec<u64> {
        let open = |index: usize| match self.calls[index].state {
            State::Waiting | State::Claimed => true,
            State::Finished => self.records.iter().any(|r| r.index == index as u64),
            State::Recalled => false,
        };
        (0..self.calls.len())
            .filter(|&i| open(i))
            .map(|i| i as u64)
            .collect()
    }

    /// Calls that nobody claimed.
    pub(crate) fn waiting(&self) -> Range<u64> {
        self.head() as u64..self.calls.len() as u64
    }

    pub(crate) fn has_records(&self) -> bool {
        !self.records.is_empty()
    }
}
