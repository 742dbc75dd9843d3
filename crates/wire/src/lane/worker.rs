//! The worker's side of a lane: claim a call, read it, publish its result, sleep. Running the call and
//! sending bytes is its caller's responsibility.

mod reports;

use std::fmt;

use crate::lane::body::{Body, CallHeader, RecordHeader, Shape};
use crate::lane::defect::{Defect, Defects};
use crate::lane::layout::{Control, Layout, LayoutError, RECORD_WORDS};
use crate::lane::sleep;
use crate::lane::sync::{AtomicU64, Ordering, fence, spin_loop};
use crate::lane::violation::Violation;
use crate::lane::words::Words;

pub use reports::{Call, Completion, Outcome, Reason, Rest};

/// Tries of a claim before it reports that there is no call. A recall makes one fail.
const CLAIM_TRIES: u32 = 64;

/// The worker's side of a lane, over memory `M` that it shares with the coordinator.
pub struct WorkerLane<M> {
    words: Words<M>,
    /// The last `tail` that was seen.
    tail: u64,
    /// `head` is never below this.
    head: u64,
    /// What `published` in the lane is.
    published: u64,
    /// The last `consumed` that was seen.
    consumed: u64,
    /// The call that was claimed and has no result yet.
    claimed: Option<u64>,
    /// A call's body, copied before anybody looks at it.
    copied: Box<[u8]>,
    defects: Defects,
}

impl<M: AsRef<[AtomicU64]>> WorkerLane<M> {
    /// The worker's side of a lane that the coordinator created with the same layout.
    pub fn new(memory: M, layout: Layout) -> Result<WorkerLane<M>, LayoutError> {
        Ok(WorkerLane {
            words: Words::new(memory, layout)?,
            tail: 0,
            head: 0,
            published: 0,
            consumed: 0,
            claimed: None,
            copied: vec![0; layout.call_inline_max()].into(),
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

    /// Whether there seems to be a call. To be asked often: it is two loads.
    #[inline]
    pub fn has_calls(&self) -> bool {
        let tail = self.words.control(Control::Tail).load(Ordering::Relaxed);
        self.words.control(Control::Head).load(Ordering::Relaxed) < tail
    }

    /// Whether there seems to be more room for results than at the last look.
    #[inline]
    pub fn has_room(&self) -> bool {
        self.words
            .control(Control::Consumed)
            .load(Ordering::Relaxed)
            != self.consumed
    }

    /// Looks up to `iterations` times for what is waited for. Returns whether it is there.
    pub fn spin(&self, reason: Reason, iterations: u32) -> bool {
        let ready = || match reason {
            Reason::Calls | Reason::Wake => self.has_calls(),
            Reason::Room => self.has_room(),
        };
        for _ in 0..iterations {
            if ready() {
                return true;
            }
            spin_loop();
        }
        ready()
    }

    /// Whether no call is claimed.
    pub fn is_idle(&self) -> bool {
        self.claimed.is_none()
    }

    /// Claims the oldest call, where there is one, and returns its index. From here on it is begun. `clock` is read
    /// if there is a call: nanoseconds of a clock that the coordinator knows.
    ///
    /// # Panics
    ///
    /// If the call that was claimed before was not completed.
    pub fn claim(&mut self, clock: impl FnOnce() -> u64) -> Result<Option<u64>, Violation> {
        assert!(self.claimed.is_none(), "one call is claimed at a time");
        let Some(mut head) = self.first_unclaimed()? else {
            return Ok(None);
        };
        let began_ns = clock();
        if !self.defects.has(Defect::BeganAfterClaim) {
            self.store_began(began_ns);
        }
        for _ in 0..CLAIM_TRIES {
            if self.try_claim(head) {
                if self.defects.has(Defect::BeganAfterClaim) {
                    self.store_began(began_ns);
                }
                self.head = head + 1;
                self.claimed = Some(head);
                return Ok(Some(head));
            }
            head = match self.first_unclaimed()? {
                Some(head) => head,
                None => return Ok(None),
            };
        }
        Ok(None)
    }

    /// Reads the call that was claimed.
    ///
    /// # Panics
    ///
    /// If none is claimed.
    pub fn call(&mut self) -> Result<Call<'_>, Violation> {
        let index = self.claimed.expect("a call is claimed");
        let header = self.copy_call(index)?;
        Ok(Call {
            index,
            task: header.task,
            body: header.shape.split(&self.copied[..header.shape.bytes()]),
        })
    }

    /// Claims and reads the next call.
    ///
    /// # Panics
    ///
    /// If the call that was claimed before was not completed.
    pub fn next_call(
        &mut self,
        clock: impl FnOnce() -> u64,
    ) -> Result<Option<Call<'_>>, Violation> {
        match self.claim(clock)? {
            Some(_) => self.call().map(Some),
            None => Ok(None),
        }
    }

    /// Reports that the function of the claimed call has returned. To be called before anything that
    /// may wait: sending a body, [`complete`](Self::complete).
    ///
    /// # Panics
    ///
    /// If no call is claimed.
    pub fn returned(&mut self) {
        let index = self.claimed.expect("a call is claimed");
        self.words.done().store(index + 1, Ordering::Release);
    }

    /// Publishes the result of the claimed call.
    ///
    /// # Panics
    ///
    /// If no call is claimed.
    pub fn complete(&mut self, outcome: &Outcome<'_>) -> Result<Completion, Violation> {
        self.returned();
        if !self.publish(outcome)? {
            return Ok(match Shape::of(outcome.body, self.inline_max()) {
                Some(_) => Completion::NoRoom,
                None => Completion::TooLong,
            });
        }
        Ok(Completion::Published {
            wake: self.take_wake(),
        })
    }

    /// Publishes the result of the claimed call, without waking anybody. Returns false where there is
    /// no room, or never will be.
    ///
    /// # Panics
    ///
    /// If no call is claimed.
    #[doc(hidden)]
    pub fn publish(&mut self, outcome: &Outcome<'_>) -> Result<bool, Violation> {
        let index = self.claimed.expect("a call is claimed");
        let Some(shape) = Shape::of(outcome.body, self.inline_max()) else {
            return Ok(false);
        };
        let end = self.published + RECORD_WORDS + shape.words();
        if !self.fits(end) && !self.look_at_consumed(end)? {
            return Ok(false);
        }
        let results = self.words.results();
        let header = RecordHeader {
            index: index as u32,
            ran_ns: outcome.ran_ns,
            status: outcome.status,
            shape,
        };
        self.words
            .store_header(results, self.published, header.pack());
        if let Body::Inline { arrays, value } = outcome.body {
            let at = self.published + RECORD_WORDS;
            let at = self.words.store_bytes(results, at, arrays);
            self.words.store_bytes(results, at, value);
        }
        let order = self
            .defects
            .or_relaxed(Defect::PublishedRelaxed, Ordering::Release);
        self.words.control(Control::Published).store(end, order);
        self.published = end;
        self.claimed = None;
        Ok(true)
    }

    /// Whether the coordinator waits for a result. Takes its flag: the caller has to send a wake byte.
    #[doc(hidden)]
    #[must_use]
    pub fn take_wake(&mut self) -> bool {
        self.defects.fence_unless(Defect::NoFenceAfterPublishing);
        let flag = self.words.control(Control::SleepCoordinator);
        match flag.load(Ordering::Relaxed) {
            sleep::AWAKE | sleep::COORDINATOR_DRY => false,
            _ => sleep::take(flag),
        }
    }

    /// Sets the flag that asks for a wake byte, and looks again.
    pub fn rest(&mut self, reason: Reason) -> Result<Rest, Violation> {
        let value = match reason {
            Reason::Calls => sleep::WORKER_CALLS,
            Reason::Room => sleep::WORKER_ROOM,
            Reason::Wake => sleep::WORKER_DEEP,
        };
        let flag = self.words.control(Control::SleepWorker);
        flag.swap(value, Ordering::Relaxed);
        self.defects.fence_unless(Defect::NoFenceBeforeWorkerSleeps);
        let ready = match reason {
            Reason::Calls | Reason::Wake => self.first_unclaimed()?.is_some(),
            Reason::Room => {
                let before = self.consumed;
                self.look_at_consumed(self.published)?;
                self.consumed != before
            }
        };
        if ready {
            self.woken();
            return Ok(Rest::Ready);
        }
        // The fence above orders this after the last result.
        Ok(Rest::Sleep {
            wake: self.take_dry(),
        })
    }

    /// Whether the coordinator waits until the worker runs dry. To be asked by a worker that is about to
    /// spin; [`rest`](Self::rest) does it itself. Takes the coordinator's flag: the caller has to send a wake byte.
    #[must_use]
    pub fn take_dry_wake(&mut self) -> bool {
        fence(Ordering::SeqCst);
        self.take_dry()
    }

    /// Takes the flag down after a sleep.
    pub fn woken(&mut self) {
        sleep::take(self.words.control(Control::SleepWorker));
    }

    fn take_dry(&self) -> bool {
        let flag = self.words.control(Control::SleepCoordinator);
        flag.load(Ordering::Relaxed) == sleep::COORDINATOR_DRY
            && !self.defects.has(Defect::SleepsDryInSilence)
            && sleep::take(flag)
    }

    fn inline_max(&self) -> usize {
        self.words.layout().result_inline_max()
    }

    fn store_began(&self, began_ns: u64) {
        let word = self.words.control(Control::BeganNs);
        word.store(began_ns, Ordering::Release);
    }

    fn try_claim(&self, head: u64) -> bool {
        let word = self.words.control(Control::Head);
        if self.defects.has(Defect::ClaimByStore) {
            word.store(head + 1, Ordering::Release);
            return true;
        }
        word.compare_exchange(head, head + 1, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// The oldest call that nobody has claimed, as far as this side sees.
    fn first_unclaimed(&mut self) -> Result<Option<u64>, Violation> {
        let word = self.words.control(Control::Head);
        let mut head = word.load(Ordering::Relaxed);
        if self.none_at(head) {
            let found = self.words.control(Control::Tail).load(Ordering::Acquire);
            // Read again: the tail may have grown over calls that were recalled since.
            head = word.load(Ordering::Relaxed);
            let max = head.saturating_add(self.words.layout().slots());
            if found < self.tail || found > max {
                return Err(Violation::Cursor {
                    word: "tail",
                    found,
                    min: self.tail,
                    max,
                });
            }
            self.tail = found;
            if self.none_at(head) {
                return Ok(None);
            }
        }
        if head < self.head {
            return Err(Violation::Cursor {
                word: "head",
                found: head,
                min: self.head,
                max: self.tail,
            });
        }
        Ok(Some(head))
    }

    /// Whether there is no call at `head`. The tail that this side saw last may be below it, because the coordinator
    /// has recalled newer calls.
    fn none_at(&self, head: u64) -> bool {
        if self.defects.has(Defect::TailTestedForEquality) {
            return head == self.tail;
        }
        head >= self.tail
    }

    #[inline]
    fn copy_call(&mut self, index: u64) -> Result<CallHeader, Violation> {
        let words = self.words.load_slot(index);
        let Some(header) = CallHeader::unpack(words, self.copied.len()) else {
            return Err(Violation::Malformed {
                index,
                what: "call",
                word: words[1],
            });
        };
        let copied = &mut self.copied[..header.shape.bytes()];
        let calls = self.words.calls();
        self.words.load_bytes(calls, header.start.into(), copied);
        Ok(header)
    }

    /// Whether the result ring has room up to cursor `end`.
    fn fits(&self, end: u64) -> bool {
        self.defects.has(Defect::RecordWithoutRoom)
            || end - self.consumed <= self.words.results().words()
    }

    fn look_at_consumed(&mut self, end: u64) -> Result<bool, Violation> {
        let found = self
            .words
            .control(Control::Consumed)
            .load(Ordering::Acquire);
        if !(self.consumed..=self.published).contains(&found) {
            return Err(Violation::Cursor {
                word: "consumed",
                found,
                min: self.consumed,
                max: self.published,
            });
        }
        self.consumed = found;
        Ok(self.fits(end))
    }
}

impl<M> fmt::Debug for WorkerLane<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerLane")
            .field("claimed", &self.claimed)
            .field("tail", &self.tail)
            .field("published", &self.published)
            .field("consumed", &self.consumed)
            .finish_non_exhaustive()
    }
}
