//! A pool with a thread of its own, used from several threads at once.

use super::options::{Cli, Trouble, say};
use super::tally::{Tally, Wrong};
use super::tasks::{CountBelow, Digest, Double, digest};
use pool::{Background, Builder, Shared, Shutdown, TaskFailure};
use std::thread;

/// Threads that submit.
const THREADS: u64 = 3;

pub(crate) fn run(builder: Builder, cli: &Cli) -> Result<Tally, Trouble> {
    let pool = builder.background()?;
    say(&format!("Started {} workers", cli.workers));
    let numbers: Vec<u64> = (0..100_000).collect();
    let array = pool.share(&numbers)?;
    let mut tally = Tally::default();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|number| {
                let (pool, seed) = (&pool, cli.seed.wrapping_add(number));
                scope.spawn(move || submit_and_wait(pool, array, cli.tasks / THREADS, seed))
            })
            .collect();
        for thread in threads {
            match thread.join() {
                Ok(theirs) => tally.add(theirs?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok::<_, Trouble>(())
    })?;
    pool.shutdown(Shutdown::Drain)?;
    Ok(tally)
}

fn submit_and_wait(
    pool: &Background,
    array: Shared<u64>,
    tasks: u64,
    seed: u64,
) -> Result<Tally, Trouble> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut tally = Tally::default();
    for number in 0..tasks {
        // What a broken pool says of a task is what it says of itself.
        let result = match number % 3 {
            0 => {
                let result = pool.submit::<Double>(&number, ())?.wait();
                tally.note(|| format!("double {number}"), &result, &(2 * number))?;
                result.map(drop)
            }
            1 => {
                let mut bytes = vec![0; random.usize(0..4000)];
                random.fill(&mut bytes);
                let result = pool.submit::<Digest>(&(), &bytes[..])?.wait();
                tally.note(|| format!("digest {number}"), &result, &digest(&bytes))?;
                result.map(drop)
            }
            _ => {
                let bound = random.u64(0..array.len() as u64);
                let input = array.input(..);
                let result = pool.submit::<CountBelow>(&bound, input)?.wait();
                tally.note(|| format!("count below {bound}"), &result, &bound)?;
                result.map(drop)
            }
        };
        if let Err(TaskFailure::Pool(error)) = result {
            return Err(error.into());
        }
    }
    if tally.results() == tasks {
        return Ok(tally);
    }
    let (what, found) = ("background tasks", tally.results());
    Err(Wrong::Count {
        what,
        found,
        expected: tasks,
    }
    .into())
}
