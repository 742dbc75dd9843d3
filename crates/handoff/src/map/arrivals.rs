//! The tables of an iterator over many calls: which have no result, and which results were not taken.

use crate::call::undecodable;
use crate::{Error, encoding};
use pool::{Reply, TaskFailure};
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
/// make the table grow.
#[derive(Default)]
pub(super) struct Open {
    pub(super) calls: Vec<OpenCall>,
    free: Vec<u32>,
}

#[derive(Clone, Copy)]
pub(super) struct OpenCall {
    pub(super) index: usize,
    pub(super) task: &'static str,
    /// The pool's number of it; none before it is submitted, and once it has a result.
    pub(super) id: Option<u64>,
    /// Of its arguments.
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

impl Open {
    pub(super) fn len(&self) -> usize {
        self.calls.len() - self.free.len()
    }

    pub(super) fn insert(&mut self, call: OpenCall) -> u64 {
        if let Some(tag) = self.free.pop() {
            self.calls[tag as usize] = call;
            return u64::from(tag);
        }
        self.calls.push(call);
        self.calls.len() as u64 - 1
    }

    pub(super) fn remove(&mut self, tag: u64) -> OpenCall {
        self.free.push(tag as u32);
        let call = &mut self.calls[tag as usize];
        let removed = *call;
        call.id = None;
        removed
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
