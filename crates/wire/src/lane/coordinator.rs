//! The coordinator's side of a lane. It trusts no word that the worker can write, and never reads back
//! what it wrote itself. When to wake, to recall or to give up is its caller's decision.

mod debug;
mod reports;
mod waking;

use crate::lane::body::{Body, CallHeader, RecordHeader, Shape};
use crate::lane::defect::{Defect, Defects};
use crate::lane::layout::{Control, Layout, LayoutError, RECORD_WORDS};
use crate::lane::ledger::Ledger;
use crate::lane::sleep;
use crate::lane::sync::{AtomicU64, Ordering, spin_loop};
use crate::lane::violation::Violation;
use crate::lane::words::Words;

pub use reports::{AfterDeath, Armed, Claimed, PushError, Recalled, Record, Running, WakeAt};

/// Tries of a recall before it reports that the worker is claiming at the same time.
const RECALL_TRIES: u32 = 16;

/// The coordinator's side of a lane, over memory `M` that it shares with one worker.
pub struct CoordinatorLane<M> {
    words: Words<M>,
    ledger: Ledger,
    /// What `tail` in the lane is.
    tail: u64,
    /// The last `head` that was seen.
    head: u64,
    /// The last `published` that was seen.
    published: u64,
    /// Cursor after the last record that was taken.
    taken: u64,
    /// What `consumed` in the lane is.
    consumed: u64,
    /// A record's body, copied before anybody looks at it.
    copied: Box<[u8]>,
    /// A wake byte was asked for.
    armed: bool,
    /// The worker was seen to have taken the flag.
    byte_due: bool,
    defects: Defects,
}

impl<M: AsRef<[AtomicU64]>> CoordinatorLane<M> {
    /// The coordinator's side of a lane in `memory`, whose words are 0. To be created before the worker
    /// gets the memory.
    pub fn new(memory: M, layout: Layout) -> Result<CoordinatorLane<M>, LayoutError> {
        Ok(CoordinatorLane {
            words: Words::new(memory, layout)?,
            ledger: Ledger::new(layout.slots(), layout.calls().words()),
            tail: 0,
            head: 0,
            published: 0,
            taken: 0,
            consumed: 0,
            copied: vec![0; layout.result_inline_max()].into(),
            armed: false,
            byte_due: false,
            defects: Defects::default(),
        })
    }

    /// Gives this side a defect.
    #[cfg(feature = "defects")]
    #[doc(hidden)]
    pub fn with_defect(mut self, defect: Option<Defect>) -> Self {
        self.defects.only = defect;
        self
    }

    /// Writes a call into the lane and returns its index. Indices are consecutive and never reused. The
    /// worker sees the call after [`publish`](Self::publish).
    pub fn push(&mut self, task: u32, body: Body<'_>) -> Result<u64, PushError> {
        let max = self.words.layout().call_inline_max();
        let shape = Shape::of(body, max).ok_or(PushError::TooLong { max })?;
        if self.free_slots() == 0 || self.ledger.bytes_room() < shape.words() {
            return Err(PushError::Full);
        }
        let (index, start) = self.ledger.push(shape.words());
        let header = CallHeader {
            task,
            start: start as u32,
            shape,
        };
        self.words.store_slot(index, header.pack());
        if let Body::Inline { arrays, value } = body {
            let calls = self.words.calls();
            let at = self.words.store_bytes(calls, start, arrays);
            self.words.store_bytes(calls, at, value);
        }
        Ok(index)
    }

    /// How many more calls the lane can hold, as far as their number goes.
    pub fn free_slots(&self) -> u64 {
        if self.defects.has(Defect::SlotReusedAtClaim) {
            let head = self.words.control(Control::Head).load(Ordering::Acquire);
            return self.words.layout().slots() - (self.ledger.tail() - head);
        }
        self.ledger.room()
    }

    /// How many words of calls' bytes the lane can hold beside those that it has.
    pub fn free_words(&self) -> u64 {
        self.ledger.bytes_room()
    }

    /// Lets the worker see the calls that were pushed. Call [`take_wake`](Self::take_wake) afterwards,
    /// now or when a wake is worth it.
    pub fn publish(&mut self) {
        let defects = &self.defects;
        let order = defects.or_relaxed(Defect::TailRelaxed, Ordering::Release);
        self.tail = self.ledger.tail();
        self.words.control(Control::Tail).store(self.tail, order);
    }

    /// Claims up to `max` of the oldest unclaimed calls, so that the worker never begins them.
    pub fn recall(&mut self, max: u64) -> Result<Recalled, Violation> {
        let mut head = self.look_at_head()?;
        for _ in 0..RECALL_TRIES {
            let end = head.saturating_add(max).min(self.tail);
            if end == head {
                return Ok(Recalled::Calls(head..head));
            }
            let word = self.words.control(Control::Head);
            if self.defects.has(Defect::RecallByStore) {
                word.store(end, Ordering::Release);
            } else if let Err(found) =
                word.compare_exchange(head, end, Ordering::AcqRel, Ordering::Acquire)
            {
                head = self.check_head(found)?;
                continue;
            }
            self.head = end;
            self.ledger.recall(head..end);
            return Ok(Recalled::Calls(head..end));
        }
        Ok(Recalled::Contended)
    }

    /// The index that the next call gets.
    pub fn next_index(&self) -> u64 {
        self.ledger.tail()
    }

    /// The oldest call that has no result and was not recalled; the next index where there is none.
    pub fn oldest(&self) -> u64 {
        self.ledger.oldest()
    }

    /// Whether every call has a result or was recalled.
    pub fn is_empty(&self) -> bool {
        self.ledger.oldest() == self.ledger.tail()
    }

    /// How many calls neither side has claimed.
    pub fn unclaimed(&mut self) -> Result<u64, Violation> {
        Ok(self.ledger.tail() - self.look_at_head()?)
    }

    /// Calls that have no result and were not recalled: after a [`Violation`], nobody knows which of them
    /// were begun.
    pub fn open(&self) -> impl Iterator<Item = u64> {
        self.ledger.open()
    }

    /// Whether there seems to be a result. To be asked often: it is one load.
    #[inline]
    pub fn has_results(&self) -> bool {
        let published = self.words.control(Control::Published);
        self.taken != self.published || published.load(Ordering::Relaxed) != self.published
    }

    /// Looks for results up to `iterations` times. Returns whether there are any.
    pub fn spin(&self, iterations: u32) -> bool {
        for _ in 0..iterations {
            if self.has_results() {
                return true;
            }
            spin_loop();
        }
        self.has_results()
    }

    /// Takes the next result out of the lane. Where there is none, call [`release`](Self::release).
    pub fn next_result(&mut self) -> Result<Option<Record<'_>>, Violation> {
        if self.taken == self.published && !self.look_at_published()? {
            return Ok(None);
        }
        let index = self.ledger.oldest();
        if index >= self.head {
            return Err(Violation::NotClaimed { index });
        }
        if self.defects.has(Defect::ConsumedBeforeCopy) {
            self.consumed = self.published;
            let consumed = self.words.control(Control::Consumed);
            consumed.store(self.consumed, Ordering::Release);
        }
        let results = self.words.results();
        let words = self.words.load_header(results, self.taken);
        let (what, word) = ("result", words[1]);
        let malformed = Err(Violation::Malformed { index, what, word });
        let Some(header) = RecordHeader::unpack(words, self.copied.len()) else {
            return malformed;
        };
        let end = self.taken + RECORD_WORDS + header.shape.words();
        if end > self.published {
            return malformed;
        }
        if header.index != index as u32 {
            return Err(Violation::Index {
                found: header.index,
                expected: index,
            });
        }
        let copied = &mut self.copied[..header.shape.bytes()];
        self.words
            .load_bytes(results, self.taken + RECORD_WORDS, copied);
        self.taken = end;
        self.ledger.finish();
        Ok(Some(Record {
            index,
            status: header.status,
            ran_ns: header.ran_ns,
            body: header.shape.split(copied),
        }))
    }

    /// Gives the space of all results that were taken back to the worker. Call
    /// [`take_wake`](Self::take_wake) afterwards: the worker may wait for room.
    pub fn release(&mut self) {
        if self.consumed != self.taken {
            self.consumed = self.taken;
            let consumed = self.words.control(Control::Consumed);
            consumed.store(self.consumed, Ordering::Release);
        }
    }

    /// Asks for a wake byte and looks again. Not to be called while a wake byte is due (see
    /// [`disarm`](Self::disarm)): it would only cause another.
    pub fn arm(&mut self, at: WakeAt) -> Result<Armed, Violation> {
        let value = match at {
            WakeAt::NextResult => sleep::COORDINATOR_NEXT_RESULT,
            WakeAt::Dry => sleep::COORDINATOR_DRY,
        };
        let flag = self.words.control(Control::SleepCoordinator);
        let before = flag.swap(value, Ordering::Relaxed);
        self.byte_due |= self.armed && before == sleep::AWAKE;
        self.armed = true;
        self.defects
            .fence_unless(Defect::NoFenceBeforeCoordinatorSleeps);
        if self.look_at_published()? || self.consumed != self.taken {
            self.take_flag_down();
            return Ok(Armed::Ready);
        }
        Ok(Armed::Sleep)
    }

    /// Asks for no wake byte any more. Returns whether a wake byte is due: the worker has taken the flag
    /// since the last call, and has sent the byte or will.
    pub fn disarm(&mut self) -> bool {
        self.take_flag_down();
        std::mem::take(&mut self.byte_due)
    }

    fn take_flag_down(&mut self) {
        if std::mem::take(&mut self.armed) {
            let flag = self.words.control(Control::SleepCoordinator);
            self.byte_due |= !sleep::take(flag);
        }
    }

    /// What the worker is doing. To be asked when all results were taken.
    pub fn running(&mut self) -> Result<Running, Violation> {
        let head = self.look_at_head()?;
        let claimed = self.claimed();
        // The worker writes both with Release after it has published what came before.
        if self.look_at_published()? || self.look_at_head()? != head {
            return Ok(Running::Unsettled);
        }
        Ok(match self.check_claimed(claimed)? {
            Some(claimed) => Running::Call(claimed),
            None => Running::Nothing,
        })
    }

    /// Accounts for the calls of a worker that is dead: its pidfd said so, its socket was read to its
    /// end, and all results were taken. Afterwards nobody can claim a call.
    pub fn after_death(&mut self) -> Result<AfterDeath, Violation> {
        let head = self.look_at_head()?;
        if self.look_at_published()? {
            return Err(Violation::ChangedAfterDeath);
        }
        let claimed = self.claimed();
        let begun = self.check_claimed(claimed)?;
        self.tail = self.ledger.tail();
        let word = self.words.control(Control::Head);
        word.compare_exchange(head, self.tail, Ordering::AcqRel, Ordering::Acquire)
            .map_err(|_| Violation::ChangedAfterDeath)?;
        self.head = self.tail;
        self.ledger.recall(head..self.tail);
        Ok(AfterDeath {
            begun,
            unclaimed: head..self.tail,
        })
    }

    /// What the worker says of the call that it runs.
    fn claimed(&self) -> (u64, u64) {
        let began_ns = self.words.control(Control::BeganNs);
        let done = self.words.done();
        (
            began_ns.load(Ordering::Acquire),
            done.load(Ordering::Acquire),
        )
    }

    fn check_claimed(&self, (began_ns, done): (u64, u64)) -> Result<Option<Claimed>, Violation> {
        let index = self.ledger.oldest();
        match self.ledger.claimed(self.head) {
            0 => Ok(None),
            1 if done <= index + 1 => Ok(Some(Claimed {
                index,
                began_ns,
                returned: done == index + 1,
            })),
            1 => Err(Violation::Cursor {
                word: "done",
                found: done,
                min: 0,
                max: index + 1,
            }),
            claimed => Err(Violation::ClaimedMany { claimed }),
        }
    }

    /// Reads `published`, and `head` after it. Returns whether there are results.
    fn look_at_published(&mut self) -> Result<bool, Violation> {
        let found = self
            .words
            .control(Control::Published)
            .load(Ordering::Acquire);
        let max = self.consumed + self.words.results().words();
        if !(self.published..=max).contains(&found) {
            return Err(Violation::Cursor {
                word: "published",
                found,
                min: self.published,
                max,
            });
        }
        self.published = found;
        if self.taken == self.published {
            return Ok(false);
        }
        // A call is claimed before its result is published.
        self.look_at_head()?;
        Ok(true)
    }

    fn look_at_head(&mut self) -> Result<u64, Violation> {
        self.check_head(self.words.control(Control::Head).load(Ordering::Acquire))
    }

    fn check_head(&mut self, found: u64) -> Result<u64, Violation> {
        if !(self.head..=self.tail).contains(&found) {
            return Err(Violation::Cursor {
                word: "head",
                found,
                min: self.head,
                max: self.tail,
            });
        }
        self.head = found;
        Ok(found)
    }
}
