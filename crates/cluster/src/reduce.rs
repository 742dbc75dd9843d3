//! Reductions whose merges are tasks, so that they happen where results are.

use crate::ids::{Group, first_bits};
use crate::pool::{Pool, Shared};
use handoff::elsewhere;
use handoff::{Call, Error, ErrorKind};
use pool::{Batch, CallBlock, MAX_BATCH_ARGS, Reply, TaskFailure};
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
        let ahead = AHEAD * self.workers();
        let mut running = Running::new(&root);
        let mut failed = None;
        for call in calls {
            let submitted = elsewhere::raw(call).and_then(|call| running.submit(call));
            failed = submitted.and_then(|()| running.wait_for(ahead)).err();
            if failed.is_some() {
                break;
            }
        }
        if failed.is_none() {
            running.submit_batch();
            failed = running.wait_for(1).err();
        }
        if failed.is_some() {
            running.withdraw();
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

/// Calls of a reduction.
struct Running<'r> {
    root: &'r Shared,
    failures: Arc<Failures>,
    /// Calls that are not submitted yet, and how many are to be together.
    batch: Option<(Batch, usize)>,
    submitted: Vec<Group>,
    calls: usize,
}

impl Running<'_> {
    fn new(root: &Shared) -> Running<'_> {
        Running {
            root,
            failures: Arc::default(),
            batch: None,
            submitted: Vec::new(),
            calls: 0,
        }
    }

    /// Submits a call, together with others of its task where it is small.
    fn submit(&mut self, call: CallBlock) -> Result<(), Error> {
        let fits = |(batch, _): &mut (Batch, usize)| batch.task() == call.task;
        if self.batch.as_mut().is_some_and(|batch| !fits(batch)) {
            self.submit_batch();
        }
        if self.batch.is_none() {
            let most = self.root.with(|root| root.batch_size(call.task));
            self.batch = (most > 1).then(|| (Batch::new(call.task), most));
        }
        let plain = call.more.is_none() && call.args.len() <= MAX_BATCH_ARGS;
        if let Some((batch, most)) = self.batch.as_mut().filter(|_| plain) {
            batch.push(&call.args);
            if batch.len() == *most {
                self.submit_batch();
            }
            return Ok(());
        }
        let id = self.root.with(|root| root.submit(call, self.failures()))?;
        self.submitted.push(Group::of(id));
        self.calls += 1;
        Ok(())
    }

    fn submit_batch(&mut self) {
        let Some((batch, _)) = self.batch.take() else {
            return;
        };
        let which = first_bits(batch.len());
        self.calls += batch.len();
        let first = self
            .root
            .with(|root| root.submit_batch(batch, self.failures()));
        self.submitted
            .extend(first.map(|first| Group { first, which }));
    }

    fn failures(&self) -> Arc<dyn Reply> {
        Arc::clone(&self.failures) as _
    }

    /// Waits until fewer calls than that are open, or one has failed.
    fn wait_for(&self, open: usize) -> Result<(), Error> {
        loop {
            if let Some(failure) = self.failures.take() {
                return Err(failure.into());
            }
            if self.failures.ended() + open > self.calls {
                return Ok(());
            }
            self.root.with(|root| root.drive(None))?;
        }
    }

    /// Gives up what has not begun.
    fn withdraw(self) {
        let groups = self.submitted.iter().rev();
        let mut ids = groups.flat_map(|group| group.ids());
        self.root.with(|root| root.withdraw(&mut ids));
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
