//! A task of another program as a job: its arguments are made anew for each use, and run in every way.

use std::cell::{Cell, RefCell};
use std::sync::{Mutex, PoisonError};

use handoff::{Call, Error};
use report::HandOver;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::job::{By, Job, Outputs, Way, digest};

/// One way to run the job of a benchmark of one's own: a task with what makes its arguments.
pub struct OwnWay {
    hand_over: HandOver,
    make: Box<dyn Fn() -> Box<dyn Way>>,
}

/// A task with what makes its arguments. How they are handed over follows from their type: `Array`,
/// `ArrayMut`, a path to a file, or else as bytes.
#[doc(hidden)]
pub fn way<A, R, I>(
    task: impl Fn(A) -> Call<R> + Copy + Sync + 'static,
    arguments: impl Fn() -> I + Copy + 'static,
) -> OwnWay
where
    A: Send + 'static,
    R: Serialize + DeserializeOwned + Send + 'static,
    I: IntoIterator<Item = A>,
{
    let run = move |argument: A| task(argument).run_here();
    OwnWay {
        hand_over: hand_over(std::any::type_name::<A>()),
        make: Box::new(move || {
            Box::new(Own {
                call: task,
                run,
                arguments: move || arguments().into_iter().collect(),
                made: Vec::new(),
            })
        }),
    }
}

/// A plain function with what makes its arguments: what threads run in place of the task.
#[doc(hidden)]
pub fn plain<A, R, I>(
    function: impl Fn(A) -> R + Copy + Sync + 'static,
    arguments: impl Fn() -> I + Copy + 'static,
) -> OwnWay
where
    A: Send + 'static,
    R: Serialize + DeserializeOwned + Send + 'static,
    I: IntoIterator<Item = A>,
{
    OwnWay {
        hand_over: HandOver::Inherit,
        make: Box::new(move || {
            Box::new(Own {
                call: |_| -> Call<R> { unreachable!("a plain function has no calls") },
                run: move |argument: A| Ok(function(argument)),
                arguments: move || arguments().into_iter().collect(),
                made: Vec::new(),
            })
        }),
    }
}

/// The first of at most one.
#[doc(hidden)]
pub fn first<const N: usize>(ways: [OwnWay; N]) -> Option<OwnWay> {
    ways.into_iter().next()
}

impl OwnWay {
    /// How it hands over.
    pub(crate) fn hand_over(&self) -> HandOver {
        self.hand_over
    }
}

/// The job of these ways; without a plain function, threads run the task itself.
pub(crate) fn job(ways: &[OwnWay], plain: Option<&OwnWay>) -> Job {
    let without_workers = plain.unwrap_or_else(|| &ways[0]);
    let mut made: Vec<(HandOver, Box<dyn Way>)> = ways
        .iter()
        .map(|way| (way.hand_over, (way.make)()))
        .collect();
    made.push((HandOver::Inherit, (without_workers.make)()));
    Job {
        tasks: Cell::new(0),
        plain: (without_workers.make)(),
        ways: made,
    }
}

/// The hand-over of arguments of a type. Who is given a path reads the data in the file.
fn hand_over(name: &str) -> HandOver {
    if name.contains("ArrayMut<") {
        HandOver::InPlace
    } else if name.contains("Array<") {
        HandOver::Array
    } else if name.contains("std::path::Path") {
        HandOver::File
    } else {
        HandOver::Bytes
    }
}

struct Own<A, C, F, M> {
    call: C,
    run: F,
    arguments: M,
    made: Vec<A>,
}

impl<A, R, C, F, M> Way for Own<A, C, F, M>
where
    A: Send,
    R: Serialize + DeserializeOwned + Send + 'static,
    C: Fn(A) -> Call<R>,
    F: Fn(A) -> Result<R, Error> + Sync,
    M: Fn() -> Vec<A>,
{
    fn fill(&mut self) -> anyhow::Result<()> {
        self.made.clear();
        self.made = (self.arguments)();
        Ok(())
    }

    fn run(&mut self, by: &mut By) -> anyhow::Result<Outputs> {
        let made = std::mem::take(&mut self.made);
        let results: Vec<R> = match by {
            By::Loop => made.into_iter().map(&self.run).collect::<Result<_, _>>()?,
            By::Threads(threads) => by_threads(*threads, made, &self.run)?,
            By::Pool(pool) => pool
                .map(made.into_iter().map(&self.call))
                .collect::<Result<_, _>>()?,
            By::Forks(forks) => by_forks(usize::try_from(*forks)?, made, &self.run)?,
        };
        Ok(Box::new(move || {
            let encoded: Result<Vec<Vec<u8>>, _> = results.iter().map(serde_json::to_vec).collect();
            Ok(digest(encoded?))
        }))
    }
}

/// Scoped threads, each of which takes the next argument.
fn by_threads<A: Send, R: Send>(
    threads: u32,
    arguments: Vec<A>,
    run: &(impl Fn(A) -> Result<R, Error> + Sync),
) -> anyhow::Result<Vec<R>> {
    let next = Mutex::new(arguments.into_iter().enumerate());
    let take = || next.lock().unwrap_or_else(PoisonError::into_inner).next();
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut mine = Vec::new();
                while let Some((index, argument)) = take() {
                    mine.push((index, run(argument)));
                }
                let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                done.extend(mine);
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(index, _)| *index);
    let results = done.into_iter().map(|(_, result)| result);
    Ok(results.collect::<Result<_, _>>()?)
}

/// Forks of this process, each of which takes what it runs out of its own copy of the arguments.
fn by_forks<A, R: Serialize + DeserializeOwned>(
    forks: usize,
    arguments: Vec<A>,
    run: impl Fn(A) -> Result<R, Error>,
) -> anyhow::Result<Vec<R>> {
    let arguments: Vec<RefCell<Option<A>>> = arguments
        .into_iter()
        .map(|argument| RefCell::new(Some(argument)))
        .collect();
    let results = handoff::fork_map(forks, &arguments, |argument| {
        let argument = argument.take().expect("each item is run once");
        run(argument).map_err(|error| error.to_string())
    })?;
    results
        .into_iter()
        .map(|result| result.map_err(anyhow::Error::msg))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_of_the_arguments_says_how_they_are_handed_over() {
        let name = std::any::type_name::<(handoff::Array<f64>, u32)>();
        assert_eq!(hand_over(name), HandOver::Array);
        let name = std::any::type_name::<handoff::ArrayMut<f64>>();
        assert_eq!(hand_over(name), HandOver::InPlace);
        assert_eq!(hand_over(std::any::type_name::<Vec<u8>>()), HandOver::Bytes);
        for name in [
            std::any::type_name::<std::path::PathBuf>(),
            std::any::type_name::<(std::path::PathBuf, u64)>(),
        ] {
            assert_eq!(hand_over(name), HandOver::File, "{name}");
        }
    }

    #[test]
    fn a_plain_function_gives_the_same_by_threads_and_forks() {
        let way = plain(|n: u64| n * n, || 0..100_u64);
        let mut results = [By::Loop, By::Threads(3)].map(|mut by| {
            let mut job = job(&[], Some(&way));
            job.plain.fill().unwrap();
            job.plain.run(&mut by).unwrap()().unwrap()
        });
        results.sort();
        assert_eq!(results[0], results[1]);
    }
}
