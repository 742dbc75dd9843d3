//! What kind of run a seed is: how many workers of which kind, what tasks do, what fails how often.

use engine::Config;
use fastrand::Rng;

pub(crate) const US: u64 = 1_000;
pub(crate) const MS: u64 = 1_000_000;

/// Chances are per 1000.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    pub(crate) min: u32,
    pub(crate) workers: u32,
    pub(crate) spare: u32,
    pub(crate) idle_timeout_ns: Option<u64>,
    pub(crate) soft_ns: u64,
    /// How many running tasks obey a request to end.
    pub(crate) obeys: u32,
    pub(crate) priorities: bool,
    pub(crate) deadlines: u32,
    pub(crate) again: u32,
    pub(crate) pinned: u32,
    pub(crate) external: bool,
    /// How many of 1000 workers have a lane.
    pub(crate) lanes: u32,
    pub(crate) bound: usize,
    pub(crate) processors: u32,
    pub(crate) start_timeout_ns: u64,
    pub(crate) grace_ns: u64,
    pub(crate) recycle_tasks: Option<u64>,
    pub(crate) recycle_bytes: Option<u64>,
    /// Actions of the caller.
    pub(crate) actions: u32,
    /// The longest pause between two of them.
    pub(crate) pause_ns: u64,
    pub(crate) start_transient: u32,
    pub(crate) start_permanent: u32,
    pub(crate) start_dies: u32,
    pub(crate) start_hangs: u32,
    /// No start succeeds between these times.
    pub(crate) outage_ns: (u64, u64),
    pub(crate) send_fails: u32,
    pub(crate) crashes: u32,
    pub(crate) hangs: u32,
    pub(crate) lost_results: u32,
    pub(crate) stuck_results: u32,
    pub(crate) ignores_term: u32,
    pub(crate) ignores_leave: u32,
    pub(crate) liars: u32,
    /// The longest pause between faults that hit a worker from outside; none where 0.
    pub(crate) faults_ns: u64,
    pub(crate) cancels: u32,
    /// How often tasks are submitted as a batch.
    pub(crate) batches: u32,
    pub(crate) limits: u32,
    pub(crate) callback_panics: u32,
    pub(crate) away: u32,
}

fn spare(rng: &mut Rng, external: bool) -> u32 {
    match external {
        true => 0,
        false => [0, 0, 1, 2][rng.usize(..4)],
    }
}

impl Profile {
    pub(crate) fn new(rng: &mut Rng) -> Profile {
        let workers = workers(rng);
        // Half of the seeds have no failures of a kind, so that others are not hidden behind it.
        let mut chance = |max: u32| if rng.bool() { 0 } else { rng.u32(..max) };
        let start_transient = chance(300);
        let start_dies = chance(100);
        let start_hangs = chance(60);
        let send_fails = chance(60);
        let crashes = chance(150);
        let hangs = chance(30);
        let lost_results = chance(40);
        let stuck_results = chance(20);
        let ignores_term = chance(300);
        let ignores_leave = chance(200);
        let liars = chance(200);
        let cancels = chance(300);
        let batches = chance(800);
        let limits = chance(600);
        let callback_panics = chance(50);
        let away = chance(200);
        let deadlines = chance(200);
        let again = chance(100);
        let pinned = chance(60);
        let outage = outage(rng);
        let external = rng.u32(..8) == 0;
        let fixed = external || rng.bool();
        Profile {
            min: if fixed { workers } else { rng.u32(..=workers) },
            workers,
            spare: spare(rng, external),
            idle_timeout_ns: rng.bool().then(|| rng.u64(MS..50 * MS)),
            soft_ns: if rng.bool() { 0 } else { rng.u64(MS..20 * MS) },
            obeys: [0, 500, 1000][rng.usize(..3)],
            priorities: rng.bool(),
            deadlines,
            again,
            pinned,
            external,
            lanes: [0, 1000, 1000, 700][rng.usize(..4)],
            bound: if rng.bool() {
                usize::MAX
            } else {
                rng.usize(1..200)
            },
            processors: [1, 2, 8, u32::MAX][rng.usize(..4)],
            start_timeout_ns: rng.u64(30..300) * MS,
            grace_ns: rng.u64(5..40) * MS,
            recycle_tasks: (rng.u32(..4) == 0).then(|| rng.u64(1..30)),
            recycle_bytes: (rng.u32(..8) == 0).then_some(900),
            actions: rng.u32(10..120),
            pause_ns: [100 * US, MS, 10 * MS][rng.usize(..3)],
            start_transient,
            start_permanent: if rng.u32(..10) == 0 { 100 } else { 0 },
            start_dies,
            start_hangs,
            outage_ns: outage,
            send_fails,
            crashes,
            hangs,
            lost_results,
            stuck_results,
            ignores_term,
            ignores_leave,
            liars,
            faults_ns: if rng.bool() { 0 } else { rng.u64(2..40) * MS },
            cancels,
            batches,
            limits,
            callback_panics,
            away,
        }
    }

    pub(crate) fn config(&self) -> Config {
        Config {
            min: self.min,
            max: self.workers,
            spare: self.spare,
            idle_timeout_ns: self.idle_timeout_ns,
            soft_ns: self.soft_ns,
            external: self.external,
            bound: self.bound,
            processors: self.processors,
            start_timeout_ns: self.start_timeout_ns,
            grace_ns: self.grace_ns,
            recycle_tasks: self.recycle_tasks,
            recycle_bytes: self.recycle_bytes,
            #[cfg(feature = "defects")]
            defect: None,
        }
    }
}

/// How many workers there are at most.
fn workers(rng: &mut Rng) -> u32 {
    match rng.u32(..10) {
        0..=1 => 1,
        2..=5 => rng.u32(2..=4),
        6..=8 => rng.u32(5..=12),
        _ => rng.u32(13..=64),
    }
}

/// A time during which no worker starts; often none.
fn outage(rng: &mut Rng) -> (u64, u64) {
    if rng.u32(..6) != 0 {
        return (0, 0);
    }
    let from = rng.u64(..60 * MS);
    let longest = [400 * MS, 10_000 * MS][rng.usize(..2)];
    (from, from + rng.u64(..longest))
}
