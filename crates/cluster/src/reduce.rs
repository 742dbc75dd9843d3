//! Reductions whose merges are tasks, so that they happen where results are.

use crate::pool::Pool;
use handoff::elsewhere;
use handoff::{Call, Error, ErrorKind};
use pool::{Reply, TaskFailure};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::{Arc, Mutex, PoisonError};

/// Calls that may be ahead, for each worker.
const AHEAD: usize = 1024;

/// How many calls have ended, and the first failure, if there is one.
#[derive(Default)]
struct Failures(Mutex<(usize, Option<TaskFailure>)>);

impl Reply for Failures {
    fn resolve(&self, _: u64, result: Result<&[u8], TaskFailure>) {
        let mut ended = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ended.0 += 1;
        if let Err(failure) = result {
            ended.1.get_or_insert(failure);
        }
    }
}

impl Failures {
    fn take(&self) -> Option<TaskFailure> {
        let mut ended = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ended.1.take()
    }

    fn ended(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Pool {
    /// Runs every call and merges the results by a task, two at a time and in any order, beginning with
    /// `identity`: on the ranks that have computed them, and then along a tree of ranks, so that a few results
    /// cross the network rather than all. Calls have no arrays in their results.
    ///
    /// # Errors
    /// The first failure; what has not begun by then is given up.
    pub fn reduce_by<R, I>(
        &mut self,
        calls: I,
        identity: R,
        merge: impl Fn(R, R) -> Call<R>,
    ) -> Result<R, Error>
    where
        R: Serialize + DeserializeOwned + Send + 'static,
        I: IntoIterator<Item = Call<R>>,
    {
        let Some(root) = self.root() else {
            let mut merged = Some(identity);
            for part in self.map_unordered(calls) {
                if let Some(so_far) = merged.take() {
                    merged = Some(merge(so_far, part.1?).run_here()?);
                }
            }
            return merged.ok_or_else(|| lost("a merged value"));
        };
        let bytes = encode(&identity)?;
        let copy = || decode::<R>(&bytes);
        let name = elsewhere::raw(merge(copy()?, copy()?))?.task;
        root.with(|root| root.fold_by(name));
        let failures = Arc::new(Failures::default());
        let mut failed = None;
        let mut open = Vec::new();
        let ahead = AHEAD * self.workers();
        for call in calls {
            let call = match elsewhere::raw(call) {
                Ok(call) => call,
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            };
            let reply: Arc<dyn Reply> = Arc::clone(&failures) as _;
            match root.with(|root| root.submit(call, reply)) {
                Ok(id) => open.push(id),
                Err(error) => failed = Some(error),
            }
            while failed.is_none() && open.len().saturating_sub(failures.ended()) >= ahead {
                failed = root.with(|root| root.drive(None)).err();
            }
            failed = failed.or_else(|| failures.take().map(Error::from));
            if failed.is_some() {
                break;
            }
        }
        while failed.is_none() && failures.ended() < open.len() {
            failed = root.with(|root| root.drive(None)).err();
            failed = failed.or_else(|| failures.take().map(Error::from));
        }
        failed = failed.or_else(|| failures.take().map(Error::from));
        if failed.is_some() {
            root.with(|root| root.withdraw(&mut open.into_iter()));
        }
        let merged = root.with(|root| root.gather());
        if let Some(error) = failed {
            return Err(error);
        }
        match merged? {
            None => Ok(identity),
            Some(merged) => self.run(merge(identity, decode(&merged)?)),
        }
    }
}

fn encode<R: Serialize>(value: &R) -> Result<Vec<u8>, Error> {
    postcard::to_stdvec(value)
        .map_err(|why| elsewhere::error(ErrorKind::Arguments, format!("the identity: {why}")))
}

fn decode<R: DeserializeOwned>(bytes: &[u8]) -> Result<R, Error> {
    postcard::from_bytes(bytes)
        .map_err(|why| elsewhere::error(ErrorKind::Output, format!("a merged value: {why}")))
}

fn lost(what: &str) -> Error {
    elsewhere::error(ErrorKind::Output, format!("{what} is lost"))
}
