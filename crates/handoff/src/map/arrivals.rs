//! The tables of an iterator over many calls: which have no result, and which results were not taken.

use crate::call::undecodable;
use crate::{Error, encoding};
use pool::{MAX_BATCH, Reply, TaskFailure};
use serde::de::DeserializeOwned;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use task::arrays::{self, incoming_bytes};

/// A result as it came.
pub(super) struct Arrival<R> {
    pub(super) tag: u64,
    pub(super) result: Result<R, Box<Why>>,
    /// Of the result.
    pub(super) bytes: usize,
}

/// Why there is no result.
pub(super) enum Why {
    Failed(TaskFailure),
    Undecodable(String),
    Refused(Error),
}

/// Results as they come.
pub(super) struct Arrived<R>(pub(super) Mutex<Vec<Arrival<R>>>);

/// Calls without a result, by their tags. Tags are used again, so that one call that takes long does not
/// make the table grow. Calls that are submitted together have tags that follow each other.
#[derive(Default)]
pub(super) struct Open {
    together: Vec<Together>,
    free: Vec<u32>,
    calls: usize,
}

/// Calls that are submitted together, or one.
pub(super) struct Together {
    /// The index of the first call, and what is to be added to it for each.
    first: usize,
    offsets: [u16; MAX_BATCH],
    task: &'static str,
    /// The pool's number of the first; none before they are submitted.
    pub(super) id: Option<u64>,
    /// Calls.
    count: u32,
    /// A bit for each that has no result.
    left: u64,
    /// Of all their arguments.
    pub(super) bytes: usize,
}

/// A call that has its result.
pub(super) struct Ended {
    pub(super) index: usize,
    pub(super) task: &'static str,
    /// Bytes of arguments that are not held any more.
    pub(super) bytes: usize,
}

/// Results that were not taken.
pub(super) enum Results<R> {
    /// One place for each call from the first that was not taken on.
    Ordered {
        first: usize,
        places: VecDeque<Option<(Result<R, Error>, usize)>>,
    },
    Unordered(VecDeque<(usize, Result<R, Error>, usize)>),
}

impl<R> Arrived<R> {
    pub(super) fn lock(&self) -> MutexGuard<'_, Vec<Arrival<R>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest call was not taken. Its reply may have been dropped with it.
    pub(super) fn refuse(&self, tag: u64, error: Error) {
        let mut arrived = self.lock();
        arrived.pop_if(|arrival| arrival.tag == tag);
        arrived.push(Arrival {
            tag,
            result: Err(Box::new(Why::Refused(error))),
            bytes: 0,
        });
    }
}

impl<R: DeserializeOwned + Send> Reply for Arrived<R> {
    fn resolve(&self, tag: u64, result: Result<&[u8], TaskFailure>) {
        let bytes = result.as_ref().map_or(0, |output| output.len()) + incoming_bytes() as usize;
        let result = match result {
            Ok(output) => arrays::decode(output, encoding::decode).map_err(Why::Undecodable),
            Err(failure) => Err(Why::Failed(failure)),
        };
        let result = result.map_err(Box::new);
        self.lock().push(Arrival { tag, result, bytes });
    }
}

impl Why {
    pub(super) fn into_error(self, task: &str) -> Error {
        match self {
            Why::Failed(failure) => failure.into(),
            Why::Undecodable(why) => undecodable(task, &why),
            Why::Refused(error) => error,
        }
    }
}

impl Together {
    fn index(&self, at: usize) -> usize {
        self.first + usize::from(self.offsets[at])
    }
}

impl Open {
    /// Calls.
    pub(super) fn len(&self) -> usize {
        self.calls
    }

    /// Begins calls that are submitted together with one; its tag.
    pub(super) fn insert(&mut self, task: &'static str, index: usize) -> u64 {
        let together = Together {
            first: index,
            offsets: [0; MAX_BATCH],
            task,
            id: None,
            count: 0,
            left: 0,
            bytes: 0,
        };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.together[slot as usize] = together;
                slot as usize
            }
            None => {
                self.together.push(together);
                self.together.len() - 1
            }
        };
        let tag = (slot * MAX_BATCH) as u64;
        self.add(tag, index);
        tag
    }

    /// Adds a call to those of this tag, soon after the first of them.
    pub(super) fn add(&mut self, tag: u64, index: usize) {
        self.calls += 1;
        let together = self.at(tag);
        together.offsets[together.count as usize] = (index - together.first) as u16;
        together.left |= 1 << together.count;
        together.count += 1;
    }

    /// The calls that are together with the one of this tag.
    pub(super) fn at(&mut self, tag: u64) -> &mut Together {
        &mut self.together[tag as usize / MAX_BATCH]
    }

    pub(super) fn remove(&mut self, tag: u64) -> Ended {
        let at = tag as usize % MAX_BATCH;
        self.calls -= 1;
        let together = self.at(tag);
        together.left &= !(1 << at);
        let all = together.left == 0;
        let ended = Ended {
            index: together.index(at),
            task: together.task,
            bytes: if all { together.bytes } else { 0 },
        };
        if all {
            together.id = None;
            self.free.push((tag as usize / MAX_BATCH) as u32);
        }
        ended
    }

    /// The index of the first call that is submitted.
    pub(super) fn first(&self) -> Option<usize> {
        let open = self.together.iter().filter(|it| it.id.is_some());
        open.map(|it| it.index(it.left.trailing_zeros() as usize))
            .min()
    }

    /// The pool's numbers of calls that are submitted.
    pub(super) fn ids(&self) -> Vec<u64> {
        let ids = |it: &Together| {
            let (id, left) = (it.id?, it.left);
            let open = (0..it.count).filter(move |at| left & 1 << at != 0);
            Some(open.map(move |at| id + u64::from(at)))
        };
        self.together.iter().filter_map(ids).flatten().collect()
    }
}

impl<R> Results<R> {
    pub(super) fn new(ordered: bool) -> Results<R> {
        match ordered {
            true => Results::Ordered {
                first: 0,
                places: VecDeque::new(),
            },
            false => Results::Unordered(VecDeque::new()),
        }
    }

    pub(super) fn begin(&mut self) {
        if let Results::Ordered { places, .. } = self {
            places.push_back(None);
        }
    }

    pub(super) fn put(&mut self, index: usize, result: Result<R, Error>, bytes: usize) {
        match self {
            Results::Ordered { first, places } => places[index - *first] = Some((result, bytes)),
            Results::Unordered(results) => results.push_back((index, result, bytes)),
        }
    }

    /// The next result, if it is there.
    pub(super) fn take(&mut self) -> Option<(usize, Result<R, Error>, usize)> {
        match self {
            Results::Ordered { first, places } => {
                places.front()?.as_ref()?;
                let (result, bytes) = places.pop_front()??;
                *first += 1;
                Some((*first - 1, result, bytes))
            }
            Results::Unordered(results) => results.pop_front(),
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        match self {
            Results::Ordered { places, .. } => matches!(places.front(), Some(Some(_))),
            Results::Unordered(results) => !results.is_empty(),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Results::Ordered { places, .. } => places.len(),
            Results::Unordered(results) => results.len(),
        }
    }
}
