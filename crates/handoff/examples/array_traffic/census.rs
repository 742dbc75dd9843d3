//! What a process has of the system, compared with what it had.

use crate::tally::Tally;
use handoff::{Pool, StartMethod};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

/// How long things may take to come back: free ranges are given back after a second.
const PATIENCE: Duration = Duration::from_secs(30);
/// Mappings that an allocator may add on its own.
const SLACK_MAPPINGS: usize = 8;
/// Lines that one arena may take in the list of mappings: parts may have other rights.
const LINES_EACH: usize = 3;
/// Bytes of an arena that may stay: free ranges with fewer bytes in use are not given back.
const SLACK_ARENA: u64 = 1 << 20;

/// What one process has.
#[derive(Debug, Clone, Default)]
pub(crate) struct Process {
    descriptors: usize,
    /// Arenas that are mapped.
    arenas: usize,
    mappings: usize,
}

impl Process {
    fn of(pid: u32) -> Process {
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
        let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
        let arenas = maps.lines().filter(|line| line.contains("handoff-arena"));
        // The fifth field is the file's number.
        let arenas = arenas.filter_map(|line| line.split_ascii_whitespace().nth(4));
        Process {
            descriptors,
            arenas: arenas.collect::<BTreeSet<_>>().len(),
            mappings: maps.lines().count(),
        }
    }

    /// Whether it has no more than another one, apart from this number of arenas in all.
    fn is_like(&self, before: &Process, arenas: usize) -> bool {
        let more = arenas.saturating_sub(before.arenas);
        self.arenas <= arenas
            && self.descriptors <= before.descriptors + more
            && self.mappings <= before.mappings + more * LINES_EACH + SLACK_MAPPINGS
    }
}

/// What this process has, and what the arenas take whose descriptors it has.
#[derive(Debug, Clone)]
pub(crate) struct Here {
    process: Process,
    arena_bytes: u64,
}

impl Here {
    pub(crate) fn now() -> Here {
        Here {
            process: Process::of(std::process::id()),
            arena_bytes: arena_bytes(),
        }
    }

    /// Without a pool, and with nothing alive: as after the first pool. Memory of arenas is given back by
    /// pools.
    pub(crate) fn compare(&self, before: &Here, tally: &mut Tally) -> Result<(), String> {
        tally.censuses += 1;
        let (now, then) = (&self.process, &before.process);
        if now.is_like(then, 2) {
            return Ok(());
        }
        Err(format!("after the pool {self:?}, before {before:?}"))
    }
}

/// Memory that the arenas whose descriptors are open here take.
fn arena_bytes() -> u64 {
    let entries = fs::read_dir("/proc/self/fd").into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let arenas = paths.filter(|path| {
        let target = fs::read_link(path).unwrap_or_default();
        target.to_string_lossy().contains("handoff-arena")
    });
    let sizes = arenas.filter_map(|path| fs::metadata(path).ok());
    let sizes: BTreeSet<_> = sizes.map(|it| (it.ino(), it.blocks() * 512)).collect();
    sizes.iter().map(|&(_, bytes)| bytes).sum()
}

/// A pool with its workers, before anything has happened and after everything was dropped.
pub(crate) struct Census {
    here: Here,
    workers: Vec<Process>,
}

impl Census {
    pub(crate) fn of(workers: &[u32]) -> Census {
        Census {
            here: Here::now(),
            workers: workers.iter().map(|&pid| Process::of(pid)).collect(),
        }
    }

    /// Drives the pool until everything is given back.
    pub(crate) fn wait(
        &self,
        pool: &mut Pool,
        workers: &[u32],
        tally: &mut Tally,
    ) -> Result<(), String> {
        tally.censuses += 1;
        let began = Instant::now();
        loop {
            let held = pool.counters().arrays;
            let Err(why) = Census::of(workers).is_like(self, held) else {
                return Ok(());
            };
            if began.elapsed() > PATIENCE {
                return Err(format!("not given back after {PATIENCE:?}: {why}"));
            }
            let driven = pool.drive(Some(Duration::from_millis(50)));
            driven.map_err(|error| error.to_string())?;
        }
    }

    fn is_like(&self, before: &Census, held: u64) -> Result<(), String> {
        let (here, there) = (&self.here, &before.here);
        if held > 0 {
            return Err(format!("{held} bytes are held"));
        }
        // One of each worker, and two of this process.
        let arenas = self.workers.len() + 2;
        if !here.process.is_like(&there.process, arenas) {
            return Err(format!(
                "here {:?}, before {:?}",
                here.process, there.process
            ));
        }
        if here.arena_bytes > there.arena_bytes + arenas as u64 * SLACK_ARENA {
            return Err(format!("arenas take {} bytes", here.arena_bytes));
        }
        // Any worker may have taken the place of any other.
        let most = |get: fn(&Process) -> usize| before.workers.iter().map(get).max().unwrap_or(0);
        let allowed = Process {
            descriptors: most(|it| it.descriptors),
            arenas: most(|it| it.arenas),
            mappings: most(|it| it.mappings),
        };
        let mut workers = self.workers.iter();
        match workers.find(|worker| !worker.is_like(&allowed, arenas)) {
            Some(worker) => Err(format!(
                "a worker has {worker:?}, before {allowed:?}, {arenas} arenas"
            )),
            None => Ok(()),
        }
    }
}

/// Bytes of arrays that are held, by a pool that has none.
pub(crate) fn held() -> Result<u64, String> {
    let builder = Pool::builder().start_method(StartMethod::InProcess);
    let pool = builder.workers(1).start();
    let pool = pool.map_err(|error| error.to_string())?;
    Ok(pool.counters().arrays)
}
