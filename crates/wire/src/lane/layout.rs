//! Where everything lies in the shared words: control words first, then the call slots, the call bytes
//! and the result ring. It knows sizes and positions, and never reads memory.

use thiserror::Error;

/// Words between two control words. 128 bytes, because x86-64 fetches cache lines in pairs and some
/// aarch64 processors have lines of that size. A model needs no padding.
const LINE: usize = if cfg!(loom) { 1 } else { 16 };

/// Words before the call slots, which begin on a cache line of their own.
const CONTROL: usize = LINE * 8;

/// Words of a call slot.
pub(crate) const SLOT_WORDS: usize = 2;

/// Words of a result record before its body.
pub(crate) const RECORD_WORDS: u64 = 2;

/// The most bytes of a call that travel in the ring.
const CALL_INLINE_MAX: usize = 1024;

/// The most bytes of a result that travel in the ring: the length of an array table has 16 bits.
const RESULT_INLINE_MAX: usize = 32 * 1024;

/// The control words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    Head = 0,
    Tail = 1,
    BeganNs = 2,
    Published = 3,
    Consumed = 4,
    SleepWorker = 5,
    SleepCoordinator = 6,
}

impl Control {
    pub(crate) fn index(self) -> usize {
        self as usize * LINE
    }
}

/// Position of `done`: on the line of `began_ns`, which the worker writes too (a model has no lines).
pub(crate) const DONE: usize = if cfg!(loom) {
    7
} else {
    Control::BeganNs as usize * LINE + 1
};

/// A ring of words: cursors are positions since the lane was created, and never wrap.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ring {
    base: usize,
    words: u64,
}

impl Ring {
    /// Words that the ring holds.
    pub(crate) fn words(self) -> u64 {
        self.words
    }

    /// Index in the shared words of the cursor `at`. In range for every `at`.
    pub(crate) fn index(self, at: u64) -> usize {
        self.base + (at & (self.words - 1)) as usize
    }
}

/// The sizes of a lane's rings. Both sides need the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Layout {
    slots_log2: u8,
    call_words_log2: u8,
    result_words_log2: u8,
}

/// Why there is no such lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// A ring's size is not a power of two, or out of range.
    #[error("a lane cannot have {value} {what}: it needs a power of two from {min} to {max}")]
    Size {
        /// What has that size.
        what: &'static str,
        /// The size asked for.
        value: usize,
        /// The smallest.
        min: usize,
        /// The largest.
        max: usize,
    },
    /// The encoded sizes are none of [`Layout::code`].
    #[error("{code:#x} is not the layout of a lane")]
    Code {
        /// What was received.
        code: u32,
    },
    /// The memory is too small.
    #[error("the lane needs {needed} words of shared memory, not {found}")]
    Memory {
        /// Words that the layout needs.
        needed: usize,
        /// Words that there are.
        found: usize,
    },
}

const SLOTS: (usize, usize) = (2, 1 << 16);
const CALL_BYTES: (usize, usize) = (16, 1 << 20);
const RESULT_BYTES: (usize, usize) = (32, 1 << 20);

impl Default for Layout {
    /// 1024 calls (32 KiB with their bytes) and 32 KiB of results.
    fn default() -> Layout {
        Layout {
            slots_log2: 10,
            call_words_log2: 11,
            result_words_log2: 12,
        }
    }
}

impl Layout {
    /// A lane of `slots` unfinished calls with `call_bytes` of arguments, and `result_bytes` of
    /// results that were not collected yet. Each is a power of two.
    pub fn new(
        slots: usize,
        call_bytes: usize,
        result_bytes: usize,
    ) -> Result<Layout, LayoutError> {
        Ok(Layout {
            slots_log2: log2("call slots", slots, SLOTS)?,
            call_words_log2: log2("bytes of calls", call_bytes, CALL_BYTES)? - 3,
            result_words_log2: log2("bytes of results", result_bytes, RESULT_BYTES)? - 3,
        })
    }

    /// The layout for a pool of `workers` workers: the default, and smaller above 900 workers, so that
    /// all lanes of 4096 workers together take about 64 MiB.
    pub fn for_workers(workers: usize) -> Layout {
        let (slots_log2, call_words_log2, result_words_log2) = match workers {
            0..=900 => return Layout::default(),
            901..=1800 => (9, 10, 11),
            _ => (8, 8, 10),
        };
        Layout {
            slots_log2,
            call_words_log2,
            result_words_log2,
        }
    }

    /// The layout in one number, for the message that hands the lane to the worker.
    pub fn code(self) -> u32 {
        u32::from_be_bytes([
            0,
            self.slots_log2,
            self.call_words_log2,
            self.result_words_log2,
        ])
    }

    /// The layout behind a number that the other side sent.
    pub fn from_code(code: u32) -> Result<Layout, LayoutError> {
        let [zero, slots, call_words, result_words] = code.to_be_bytes();
        let size = |log2: u8, unit: usize| 1_usize.checked_shl(log2.into())?.checked_mul(unit);
        let layout = match (size(slots, 1), size(call_words, 8), size(result_words, 8)) {
            (Some(slots), Some(call), Some(result)) if zero == 0 => {
                Layout::new(slots, call, result).ok()
            }
            _ => None,
        };
        layout.ok_or(LayoutError::Code { code })
    }

    /// Words of shared memory that the lane needs.
    pub fn words(self) -> usize {
        self.results_base() + (1 << self.result_words_log2)
    }

    /// Calls that may be unfinished at a time.
    pub fn slots(self) -> u64 {
        1 << self.slots_log2
    }

    /// The most bytes (array table and value, each rounded up to 8) of a call that fit in the lane.
    /// A larger one travels by the socket.
    pub fn call_inline_max(self) -> usize {
        CALL_INLINE_MAX.min(4 << self.call_words_log2)
    }

    /// The most bytes (array table and value, each rounded up to 8) of a result that fit in the lane.
    /// A larger one travels by the socket.
    pub fn result_inline_max(self) -> usize {
        RESULT_INLINE_MAX.min(2 << self.result_words_log2)
    }

    /// Index of the first word of call `index`'s slot.
    pub(crate) fn slot(self, index: u64) -> usize {
        CONTROL + (index & (self.slots() - 1)) as usize * SLOT_WORDS
    }

    pub(crate) fn calls(self) -> Ring {
        Ring {
            base: self.calls_base(),
            words: 1 << self.call_words_log2,
        }
    }

    pub(crate) fn results(self) -> Ring {
        Ring {
            base: self.results_base(),
            words: 1 << self.result_words_log2,
        }
    }

    fn calls_base(self) -> usize {
        CONTROL + (SLOT_WORDS << self.slots_log2)
    }

    fn results_base(self) -> usize {
        self.calls_base() + (1 << self.call_words_log2)
    }
}

fn log2(what: &'static str, value: usize, (min, max): (usize, usize)) -> Result<u8, LayoutError> {
    if value.is_power_of_two() && (min..=max).contains(&value) {
        Ok(value.trailing_zeros() as u8)
    } else {
        Err(LayoutError::Size {
            what,
            value,
            min,
            max,
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn nothing_overlaps_and_all_is_in_range() {
        for layout in [
            Layout::default(),
            Layout::for_workers(1000),
            Layout::for_workers(4096),
            Layout::new(2, 16, 32).expect("the smallest"),
        ] {
            let control = [
                Control::Head.index(),
                Control::Tail.index(),
                Control::BeganNs.index(),
                DONE,
                Control::Published.index(),
                Control::Consumed.index(),
                Control::SleepWorker.index(),
                Control::SleepCoordinator.index(),
            ];
            let slots = (0..layout.slots()).flat_map(|n| [layout.slot(n), layout.slot(n) + 1]);
            let calls = (0..layout.calls().words()).map(|at| layout.calls().index(at));
            let results = (0..layout.results().words()).map(|at| layout.results().index(at));
            let all: Vec<usize> = control
                .into_iter()
                .chain(slots)
                .chain(calls)
                .chain(results)
                .collect();
            let mut once = all.clone();
            once.sort_unstable();
            once.dedup();
            assert_eq!(once.len(), all.len());
            assert!(all.iter().all(|&index| index < layout.words()));
            assert_eq!(once.last(), Some(&(layout.words() - 1)));
        }
    }

    #[test]
    fn the_code_carries_the_sizes() {
        for layout in [Layout::default(), Layout::for_workers(5000)] {
            assert_eq!(Layout::from_code(layout.code()), Ok(layout));
        }
        for code in [
            0,
            u32::MAX,
            0x0100_0000 | Layout::default().code(),
            0x40_40_40,
        ] {
            assert_eq!(Layout::from_code(code), Err(LayoutError::Code { code }));
        }
    }

    #[test]
    fn sizes_are_powers_of_two_in_range() {
        assert!(Layout::new(3, 16, 32).is_err());
        assert!(Layout::new(1, 16, 32).is_err());
        assert!(Layout::new(2, 8, 32).is_err());
        assert!(Layout::new(2, 16, 16).is_err());
        assert!(Layout::new(1 << 17, 16, 32).is_err());
        assert!(Layout::new(1 << 16, 1 << 20, 1 << 20).is_ok());
    }

    #[test]
    fn lanes_of_many_workers_stay_within_64_mib() {
        for workers in [1, 900, 901, 1800, 1801, 4096] {
            let bytes = workers * (Layout::for_workers(workers).words() * 8).next_multiple_of(4096);
            assert!(bytes <= 64 << 20, "{workers} workers: {bytes} bytes");
        }
    }
}
