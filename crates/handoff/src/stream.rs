//! Many calls on a background pool, with their results for async code.

use crate::background::Background;
use crate::gate::Watching;
use crate::pending::Pending;
use crate::{Call, Error, ErrorKind};
use serde::de::DeserializeOwned;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::iter::Fuse;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Calls ahead of the results that were taken, for each worker.
const AHEAD_PER_WORKER: usize = 4;

/// The results of [`Background::map`], in the order of the calls: with [`next`](Self::next), or as a `Stream` of the
/// crate `futures-core` (feature `stream`).
#[must_use = "results come when they are asked for"]
pub struct MapStream<R, I>(Streaming<R, I>);

/// The results of [`Background::map_unordered`], each with the index of its call: with [`next`](Self::next), or as a
/// `Stream` of the crate `futures-core` (feature `stream`).
#[must_use = "results come when they are asked for"]
pub struct MapUnorderedStream<R, I>(Streaming<R, I>);

struct Streaming<R, I> {
    pool: Background,
    calls: Fuse<I>,
    /// A call that waits for room in the queue.
    call: Option<Call<R>>,
    room: Watching,
    /// Calls whose results were not taken, with their indices, oldest first.
    open: VecDeque<(usize, Submitted<R>)>,
    submitted: usize,
    /// The pool cannot go on: the error was the last result.
    ended: bool,
}

enum Submitted<R> {
    Pending(Pending<R>),
    /// The call could not be sent.
    Failed(Error),
}

type Next<R> = Poll<Option<(usize, Result<R, Error>)>>;

// Nothing in it is pinned.
impl<R, I> Unpin for Streaming<R, I> {}

impl<R, I> Streaming<R, I>
where
    R: DeserializeOwned + Send + 'static,
    I: Iterator<Item = Call<R>>,
{
    fn new(pool: &Background, calls: I) -> Streaming<R, I> {
        Streaming {
            pool: pool.clone(),
            calls: calls.fuse(),
            call: None,
            room: pool.room(),
            open: VecDeque::new(),
            submitted: 0,
            ended: false,
        }
    }

    /// Submits calls as far ahead as is allowed and there is room. Where there is none, the end of one of its own
    /// calls makes room; with none of them open, it waits for that of others.
    fn submit(&mut self, context: &mut Context<'_>) {
        let ahead = self.pool.workers() * AHEAD_PER_WORKER;
        while self.open.len() < ahead {
            let Some(call) = self.call.take().or_else(|| self.calls.next()) else {
                return;
            };
            let place = match self.room.try_enter() {
                None if self.open.is_empty() => self.room.poll(context),
                None => Poll::Pending,
                Some(place) => Poll::Ready(place),
            };
            let Poll::Ready(place) = place else {
                self.call = Some(call);
                return;
            };
            let submitted = match self.pool.enqueue(call, place) {
                Ok(pending) => Submitted::Pending(pending.withdraw_on_drop()),
                Err(error) => Submitted::Failed(error),
            };
            self.open.push_back((self.submitted, submitted));
            self.submitted += 1;
        }
    }

    /// The next result: of the oldest call, or of the first `among` that has one.
    fn poll_next(&mut self, context: &mut Context<'_>, among: usize) -> Next<R> {
        if self.ended {
            return Poll::Ready(None);
        }
        self.submit(context);
        if self.open.is_empty() && self.call.is_none() {
            return Poll::Ready(None);
        }
        for at in 0..self.open.len().min(among) {
            if let Submitted::Pending(pending) = &mut self.open[at].1 {
                let Poll::Ready(result) = Pin::new(pending).poll(context) else {
                    continue;
                };
                let index = self.open.remove(at).map(|(index, _)| index);
                return self.give(index.map(|index| (index, result)));
            }
            if let Some((index, Submitted::Failed(error))) = self.open.remove(at) {
                return self.give(Some((index, Err(error))));
            }
        }
        Poll::Pending
    }

    /// Ends where the pool cannot go on: an endless iterator would give errors indefinitely.
    fn give(&mut self, next: Option<(usize, Result<R, Error>)>) -> Next<R> {
        let kind = match &next {
            Some((_, Err(error))) => Some(error.kind()),
            _ => None,
        };
        self.ended = matches!(
            kind,
            Some(
                ErrorKind::ShutDown
                    | ErrorKind::Start
                    | ErrorKind::Initializer
                    | ErrorKind::OtherBuild
                    | ErrorKind::Interrupted
                    | ErrorKind::System
            )
        );
        if self.ended {
            self.open.clear();
        }
        Poll::Ready(next)
    }
}

impl<R, I> MapStream<R, I>
where
    R: DeserializeOwned + Send + 'static,
    I: Iterator<Item = Call<R>>,
{
    /// The next result; `None` after the last.
    pub async fn next(&mut self) -> Option<Result<R, Error>> {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<R, Error>>> {
        let next = self.0.poll_next(context, 1);
        next.map(|next| next.map(|(_, result)| result))
    }
}

impl<R, I> MapUnorderedStream<R, I>
where
    R: DeserializeOwned + Send + 'static,
    I: Iterator<Item = Call<R>>,
{
    /// The next result that there is, with the index of its call; `None` after the last.
    pub async fn next(&mut self) -> Option<(usize, Result<R, Error>)> {
        poll_fn(|context| self.0.poll_next(context, usize::MAX)).await
    }
}

#[cfg(feature = "stream")]
impl<R, I> futures_core::Stream for MapStream<R, I>
where
    R: DeserializeOwned + Send + 'static,
    I: Iterator<Item = Call<R>>,
{
    type Item = Result<R, Error>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<R, Error>>> {
        self.poll(context)
    }
}

#[cfg(feature = "stream")]
impl<R, I> futures_core::Stream for MapUnorderedStream<R, I>
where
    R: DeserializeOwned + Send + 'static,
    I: Iterator<Item = Call<R>>,
{
    type Item = (usize, Result<R, Error>);

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Next<R> {
        self.0.poll_next(context, usize::MAX)
    }
}

impl Background {
    /// Runs every call; gives the results in the order of the calls, to async code.
    ///
    /// Calls are taken from the iterator only some way ahead of the results that were taken, four for each worker,
    /// so it may be endless. No thread is blocked where the [queue bound](crate::Builder::queue_bound) is reached, and
    /// a stream that is not asked for results holds up nobody else. Where the pool cannot go on, the error is the
    /// last result. Dropping the stream gives up what has not begun.
    ///
    /// ```
    /// use handoff::{Background, task};
    ///
    /// #[task]
    /// fn square(n: u64) -> u64 {
    ///     n * n
    /// }
    ///
    /// async fn sum_of_squares(pool: &Background) -> Result<u64, handoff::Error> {
    ///     let (mut squares, mut sum) = (pool.map((0..100).map(square)), 0);
    ///     while let Some(square) = squares.next().await {
    ///         sum += square?;
    ///     }
    ///     Ok(sum)
    /// }
    /// ```
    pub fn map<R, I>(&self, calls: I) -> MapStream<R, I::IntoIter>
    where
        R: DeserializeOwned + Send + 'static,
        I: IntoIterator<Item = Call<R>>,
    {
        MapStream(Streaming::new(self, calls.into_iter()))
    }

    /// As [`map`](Self::map), but gives each result as soon as there is one, with the index of its call.
    pub fn map_unordered<R, I>(&self, calls: I) -> MapUnorderedStream<R, I::IntoIter>
    where
        R: DeserializeOwned + Send + 'static,
        I: IntoIterator<Item = Call<R>>,
    {
        MapUnorderedStream(Streaming::new(self, calls.into_iter()))
    }
}
