//! Whether a worker is to be woken.

use super::CoordinatorLane;
use crate::lane::defect::Defect;
use crate::lane::layout::Control;
use crate::lane::sleep;
use crate::lane::sync::{AtomicU64, Ordering};

impl<M: AsRef<[AtomicU64]>> CoordinatorLane<M> {
    /// As [`is_to_be_woken`](Self::is_to_be_woken). Takes the worker's flag: the caller has to send a wake byte.
    #[must_use]
    pub fn take_wake(&mut self) -> bool {
        self.is_to_be_woken() && sleep::take(self.words.control(Control::SleepWorker))
    }

    /// Whether the worker sleeps and has reason to be woken: calls after [`publish`](Self::publish), room after
    /// [`release`](Self::release). One that does not sleep sees what was published.
    #[must_use]
    pub fn is_to_be_woken(&self) -> bool {
        self.defects.fence_unless(Defect::NoFenceAfterCalls);
        let flag = self.words.control(Control::SleepWorker);
        let head = || self.words.control(Control::Head).load(Ordering::Relaxed);
        match flag.load(Ordering::Relaxed) {
            sleep::AWAKE => false,
            sleep::WORKER_CALLS | sleep::WORKER_DEEP => head() < self.tail,
            _ => !self.defects.has(Defect::RoomInSilence),
        }
    }

    /// Whether the worker sleeps and looks for calls only once it is woken.
    #[must_use]
    pub fn sleeps_deep(&self) -> bool {
        let flag = self.words.control(Control::SleepWorker);
        flag.load(Ordering::Relaxed) == sleep::WORKER_DEEP
    }
}
