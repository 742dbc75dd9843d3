//! A pool that its caller drives, or one in the background: for what holds of both.

use crate::{Case, background, case};
use handoff::{
    Background, Builder, Call, Counters, Error, Handle, Pending, Pool, Shutdown, Workers,
};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// Which of the two.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Driven,
    Background,
}

pub(crate) enum Either {
    Driven(Box<Pool>),
    Background(Background),
}

/// A task that was given to either.
pub(crate) enum Task<R> {
    Driven(Handle<R>),
    Background(Pending<R>),
}

/// A trial of each kind.
macro_rules! both {
    ($name:literal, $run:path) => {
        $crate::either::pair(
            $name,
            concat!($name, "_in_the_background"),
            |method| $run(method, $crate::either::Kind::Driven),
            |method| $run(method, $crate::either::Kind::Background),
        )
    };
}
pub(crate) use both;

pub(crate) const fn pair(
    name: &'static str,
    background_name: &'static str,
    run: fn(handoff::StartMethod),
    run_in_background: fn(handoff::StartMethod),
) -> [Case; 2] {
    [
        case(name, run),
        background(background_name, run_in_background),
    ]
}

impl Kind {
    pub(crate) fn start(self, builder: Builder) -> Either {
        match self {
            Kind::Driven => Either::Driven(Box::new(builder.start().unwrap())),
            Kind::Background => Either::Background(builder.background().unwrap()),
        }
    }
}

impl Either {
    pub(crate) fn submit<R>(&mut self, call: Call<R>) -> Task<R>
    where
        R: DeserializeOwned + Send + 'static,
    {
        match self {
            Either::Driven(pool) => Task::Driven(pool.submit(call).unwrap()),
            Either::Background(pool) => Task::Background(pool.submit(call).unwrap()),
        }
    }

    pub(crate) fn wait<R>(&mut self, task: Task<R>) -> Result<R, Error> {
        match (self, task) {
            (Either::Driven(pool), Task::Driven(handle)) => pool.wait(handle),
            (_, Task::Background(pending)) => pending.wait(),
            (Either::Background(_), Task::Driven(_)) => unreachable!("it is the other pool's"),
        }
    }

    pub(crate) fn run<R>(&mut self, call: Call<R>) -> Result<R, Error>
    where
        R: DeserializeOwned + Send + 'static,
    {
        let task = self.submit(call);
        self.wait(task)
    }

    /// The next note of a task; `None` once it has ended.
    pub(crate) fn wait_note<R>(&mut self, task: &mut Task<R>) -> Option<Vec<u8>> {
        match (self, task) {
            (Either::Driven(pool), Task::Driven(handle)) => pool.wait_note(handle).unwrap(),
            (_, Task::Background(pending)) => pending.wait_note(),
            (Either::Background(_), Task::Driven(_)) => unreachable!("it is the other pool's"),
        }
    }

    pub(crate) fn cancel<R>(&mut self, task: &Task<R>) {
        match (self, task) {
            (Either::Driven(pool), Task::Driven(handle)) => assert!(pool.cancel(handle)),
            (_, Task::Background(pending)) => pending.cancel(),
            (Either::Background(_), Task::Driven(_)) => unreachable!("it is the other pool's"),
        }
    }

    pub(crate) fn resize(&mut self, workers: impl Into<Workers>) {
        match self {
            Either::Driven(pool) => pool.resize(workers).unwrap(),
            Either::Background(pool) => pool.resize(workers).unwrap(),
        }
    }

    pub(crate) fn broadcast<R>(&mut self, call: Call<R>) -> Vec<Result<R, Error>>
    where
        R: DeserializeOwned + Send + 'static,
    {
        match self {
            Either::Driven(pool) => pool.broadcast(call).unwrap(),
            Either::Background(pool) => {
                let pending = pool.broadcast(call).unwrap();
                pending.into_iter().map(Pending::wait).collect()
            }
        }
    }

    /// Ends it once its tasks are done.
    pub(crate) fn shutdown(self) {
        match self {
            Either::Driven(pool) => pool.shutdown(Shutdown::Drain).unwrap(),
            Either::Background(pool) => pool.shutdown(Shutdown::Drain).unwrap(),
        }
    }

    pub(crate) fn counters(&self) -> Counters {
        match self {
            Either::Driven(pool) => pool.counters(),
            Either::Background(pool) => pool.counters(),
        }
    }

    /// Lets the pool go on until the condition holds.
    pub(crate) fn until(&mut self, mut holds: impl FnMut(&Either) -> bool) {
        while !holds(self) {
            match self {
                Either::Driven(pool) => pool.drive(Some(Duration::from_millis(5))).unwrap(),
                Either::Background(_) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }
}

impl<R> Task<R> {
    pub(crate) fn id(&self) -> u64 {
        match self {
            Task::Driven(handle) => handle.id(),
            Task::Background(pending) => pending.id(),
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        match self {
            Task::Driven(handle) => handle.is_done(),
            Task::Background(pending) => pending.is_done(),
        }
    }

    pub(crate) fn progress(&self) -> Option<(u64, u64)> {
        match self {
            Task::Driven(handle) => handle.progress(),
            Task::Background(pending) => pending.progress(),
        }
    }
}
