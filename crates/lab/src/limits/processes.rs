//! What it costs to have another process: forked, or started from a program.

use std::io::{Read, Write, pipe};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::Context;
use memmap2::MmapMut;
use nix::time::{ClockId, clock_gettime};
use report::{Limit, Pages, Width};

use super::probe::{self, Order};
use super::raw;
use super::sampling::available_bytes;

/// The hidden command of xtask that answers with one byte and ends.
pub(crate) const ANSWER: &str = "answer";
/// A start takes little time and varies much, so it is measured this many times as often.
const OFTEN: u32 = 4;

/// Forks a parent that holds `bytes` of touched private memory.
pub(crate) fn fork(order: &Order, bytes: u64, pages: Pages) -> anyhow::Result<Vec<Limit>> {
    let gib = bytes >> 30;
    if bytes > available_bytes()? / 2 {
        anyhow::bail!("not enough memory for a parent of {gib} GiB");
    }
    let memory = raw::filled_memory(usize::try_from(bytes)?, pages == Pages::Huge)?;
    let (mut runs, mut exits) = (Vec::new(), Vec::new());
    for sample in 0..=order.samples * OFTEN {
        let (began, answer) = pipe()?;
        let started = now()?;
        let child = raw::in_child(|| {
            let began = now().unwrap_or(0.0);
            let _ = (&answer).write_all(&began.to_le_bytes());
        })?;
        raw::reap(child)?;
        let reaped = now()?;
        let mut stamp = [0; 8];
        (&began).read_exact(&mut stamp)?;
        if sample > 0 {
            runs.push(f64::from_le_bytes(stamp) - started);
            exits.push(reaped - started);
        }
    }
    drop::<MmapMut>(memory);
    let name = |what: &str| format!("{}-{gib}GiB-until-{what}", probe::FORK);
    Ok([("it-runs", runs), ("reaped", exits)]
        .into_iter()
        .map(|(what, seconds)| Limit {
            pages: Some(pages),
            ..probe::micros(&name(what), Width::Processes(1), &seconds)
        })
        .collect())
}

/// Starts `at_once` programs: `true` until all have ended, and one that answers until all have.
pub(crate) fn spawn(order: &Order, at_once: u32) -> anyhow::Result<Vec<Limit>> {
    let program = ["/bin/true", "/usr/bin/true"]
        .into_iter()
        .find(|path| Path::new(path).exists())
        .context("there is no /bin/true")?;
    let own = std::env::current_exe()?;
    let (mut ended, mut answered) = (Vec::new(), Vec::new());
    for sample in 0..=order.samples * OFTEN {
        let started = Instant::now();
        let children = start(at_once, || Command::new(program))?;
        reap(children)?;
        let seconds = started.elapsed().as_secs_f64();

        let (reader, writer) = pipe()?;
        let started = Instant::now();
        let children = start(at_once, || {
            let mut command = Command::new(&own);
            command
                .arg(ANSWER)
                .stdout(writer.try_clone().expect("descriptors are left"));
            command
        })?;
        (&reader).read_exact(&mut vec![0; usize::try_from(at_once)?])?;
        let answer_seconds = started.elapsed().as_secs_f64();
        reap(children)?;
        if sample > 0 {
            ended.push(seconds);
            answered.push(answer_seconds);
        }
    }
    let width = Width::Processes(at_once);
    Ok(vec![
        probe::micros(&format!("{}-true-until-ended", probe::SPAWN), width, &ended),
        probe::micros(
            &format!("{}-until-answered", probe::SPAWN),
            width,
            &answered,
        ),
    ])
}

fn start(count: u32, program: impl Fn() -> Command) -> anyhow::Result<Vec<std::process::Child>> {
    let start = |_| program().stdin(Stdio::null()).spawn();
    Ok((0..count).map(start).collect::<Result<_, _>>()?)
}

fn reap(children: Vec<std::process::Child>) -> anyhow::Result<()> {
    for mut child in children {
        anyhow::ensure!(child.wait()?.success(), "a trivial program failed");
    }
    Ok(())
}

/// Seconds on the clock that all processes share.
fn now() -> nix::Result<f64> {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC)?;
    Ok(std::time::Duration::from(time).as_secs_f64())
}
