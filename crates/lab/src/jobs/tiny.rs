//! `tiny`: tasks that only add one, so that what is measured is what a task costs.

use handoff::task;
use report::HandOver;

use crate::job::{self, By, Job, Outputs, Way};

const TASKS: u64 = 100_000;

#[task]
fn add_one(number: u64) -> u64 {
    next(number)
}

#[inline(never)]
fn next(number: u64) -> u64 {
    number + 1
}

/// The job; it has no data, so that the number of bytes is ignored.
pub(super) fn job(_: u64) -> anyhow::Result<Job> {
    Ok(Job {
        tasks: TASKS.into(),
        plain: Box::new(Plain),
        ways: vec![
            (HandOver::Bytes, Box::new(Pooled)),
            (HandOver::Inherit, Box::new(Forked)),
        ],
    })
}

struct Plain;

impl Way for Plain {
    fn run(&mut self, by: &mut By) -> anyhow::Result<Outputs> {
        let count = usize::try_from(TASKS)?;
        Ok(job::numbers(job::plain(by, count, |index| {
            next(index as u64)
        })?))
    }
}

struct Pooled;

impl Way for Pooled {
    fn run(&mut self, by: &mut By) -> anyhow::Result<Outputs> {
        let calls = (0..TASKS).map(add_one);
        Ok(job::numbers(
            by.pool()?.map(calls).collect::<Result<_, _>>()?,
        ))
    }
}

struct Forked;

impl Way for Forked {
    fn run(&mut self, by: &mut By) -> anyhow::Result<Outputs> {
        let numbers: Vec<u64> = (0..TASKS).collect();
        let found = handoff::fork_map(by.forks()?, &numbers, |number| next(*number))?;
        Ok(job::numbers(found))
    }
}
