//! A pool driven by its caller: maps, streams, a shared array, tasks given up.

use super::options::{Cli, Trouble, say};
use super::tally::{Tally, Wrong};
use super::tasks::{CountBelow, Digest, Double, digest};
use pool::{Builder, Input, Pool, ReduceError, Shutdown, Stream};
use std::sync::Arc;
use std::time::Duration;

/// Numbers in the shared array.
const ARRAY: usize = 1_000_000;

pub(crate) fn run(builder: Builder, cli: &Cli) -> Result<Tally, Trouble> {
    let mut random = fastrand::Rng::with_seed(cli.seed);
    let mut pool = builder.start()?;
    // A mark for a test that injects a fault from here on.
    say(&format!("Started {} workers", cli.workers));
    let mut tally = Tally::default();
    tally.add(in_order(&mut pool, cli.tasks)?);
    say("mapped");
    tally.add(as_they_come(&mut pool, cli.tasks, &mut random)?);
    say("mapped unordered");
    tally.add(streams(&mut pool, cli.tasks.min(40), &mut random)?);
    say("streamed");
    tally.add(shared(&mut pool, cli.tasks.min(100), &mut random)?);
    say("shared");
    tally.add(given_up(&mut pool, cli.tasks.min(100))?);
    pool.shutdown(Shutdown::Drain)?;
    Ok(tally)
}

/// Tiny tasks, their results in the order of the calls.
fn in_order(pool: &mut Pool, tasks: u64) -> Result<Tally, Trouble> {
    let mut tally = Tally::default();
    let calls = (0..tasks).map(|number| (number, Input::None));
    for (number, result) in (0..).zip(pool.map::<Double>(calls)) {
        tally.note(|| format!("double {number}"), &result, &(2 * number))?;
    }
    complete("tiny tasks", tally, tasks)
}

/// Inputs of many lengths that travel with the call, results as they come.
fn as_they_come(pool: &mut Pool, tasks: u64, random: &mut fastrand::Rng) -> Result<Tally, Trouble> {
    let inputs: Vec<Vec<u8>> = (0..tasks).map(|_| bytes(random, 3000)).collect();
    let calls = inputs.iter().map(|bytes| ((), Input::from(&bytes[..])));
    let (mut tally, mut seen) = (Tally::default(), vec![false; inputs.len()]);
    for (number, result) in pool.map_unordered::<Digest>(calls) {
        let number = usize::try_from(number)?;
        if std::mem::replace(&mut seen[number], true) {
            return Err("a task has two results".into());
        }
        tally.note(
            || format!("digest {number}"),
            &result,
            &digest(&inputs[number]),
        )?;
    }
    complete("digests", tally, tasks)
}

/// Long inputs, streamed from memory.
fn streams(pool: &mut Pool, tasks: u64, random: &mut fastrand::Rng) -> Result<Tally, Trouble> {
    let mut tally = Tally::default();
    let mut open = Vec::new();
    for _ in 0..tasks {
        let bytes = Arc::new(bytes(random, 600_000));
        let expected = digest(&bytes);
        let handle = pool.submit::<Digest>(&(), Stream::Memory(bytes))?;
        open.push((handle, expected));
    }
    for (handle, expected) in open {
        let result = pool.wait(handle);
        tally.note(|| "a streamed digest".to_owned(), &result, &expected)?;
    }
    complete("streams", tally, tasks)
}

/// Many tasks over one array in shared memory, merged.
fn shared(pool: &mut Pool, tasks: u64, random: &mut fastrand::Rng) -> Result<Tally, Trouble> {
    let numbers: Vec<u64> = (0..ARRAY).map(|_| random.u64(..)).collect();
    let array = pool.share(&numbers)?;
    let bound = random.u64(..);
    let expected = numbers.iter().filter(|&&number| number < bound).count() as u64;
    let chunk = ARRAY.div_ceil(usize::try_from(tasks)?.max(1));
    let mut tally = Tally::default();
    match pool.reduce::<CountBelow>(&bound, array.chunks(chunk)) {
        Err(ReduceError::Submit(error)) => return Err(error.into()),
        Err(ReduceError::Part { failure, .. }) => {
            tally.note(|| "a reduction".to_owned(), &Err(failure), &expected)?;
        }
        Ok(count) => tally.note(|| "a reduction".to_owned(), &Ok(count), &expected)?,
    }
    pool.detach(array.region());
    complete("reductions", tally, 1)
}

/// Tasks some of which are cancelled, and some of whose handles nobody waits for.
fn given_up(pool: &mut Pool, tasks: u64) -> Result<Tally, Trouble> {
    let mut tally = Tally::default();
    let mut open = Vec::new();
    for number in 0..tasks {
        let submission = pool.call::<Double>(&number);
        let handle = submission.timeout(Duration::from_secs(1)).submit()?;
        match number % 3 {
            0 => drop(pool.cancel(&handle)),
            1 => continue,
            _ => {}
        }
        open.push((number, handle));
    }
    let expected = open.len() as u64;
    for (number, handle) in open {
        let result = pool.wait(handle);
        tally.note(|| format!("double {number}"), &result, &(2 * number))?;
    }
    complete("tasks given up", tally, expected)
}

fn bytes(random: &mut fastrand::Rng, longest: usize) -> Vec<u8> {
    let mut bytes = vec![0; random.usize(0..=longest)];
    random.fill(&mut bytes);
    bytes
}

/// Every task has exactly one result.
fn complete(what: &'static str, tally: Tally, expected: u64) -> Result<Tally, Trouble> {
    let found = tally.results();
    if found == expected {
        return Ok(tally);
    }
    Err(Wrong::Count {
        what,
        found,
        expected,
    }
    .into())
}
