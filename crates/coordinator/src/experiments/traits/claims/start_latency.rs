//! How long a child takes to come to life, for parents of several sizes.

use crate::experiments::traits::ballast::{self, MIB};
use crate::experiments::traits::claim::{Claim, Methods, Parent, ours, study};
use nix::sys::prctl::set_thp_disable;
use report::{Pages, Spread, StartLatency as Latency, TraitStatement};
use shmem::Room;
use std::time::{Duration, Instant};

pub(in super::super) struct StartLatency;

/// Sizes of the parent in MiB that are measured wherever there is room; a last one is a setting.
const SIZES_MIB: [u64; 4] = [0, 64, 256, 1024];
/// Starts of each size; one more comes first and is not counted.
const STARTS: usize = 9;
/// How long filling the last size may take: the machine's memory decides whether it is measured.
const FILLING: Duration = Duration::from_secs(5);
/// The last size is for machines with that many times as much to spare.
const PLENTY: u64 = 3;

impl Claim for StartLatency {
    const NAME: &'static str = "start-latency";
    const TITLE: &'static str = "Performance: start latency";
    const MEASURED: &'static str = "time from the start call to the first byte of the child's \
        answer, the least of 9 starts (their spread is in the JSON), the parent holding more and \
        more memory, in base pages and in as many huge ones as the kernel gives";
    const SETTINGS: &'static [(&'static str, u64)] = &[("latency-mib", 4096)];
    type Ask = ();
    type Answer = ();
    type Seen = Vec<Latency>;

    fn probe(parent: &mut Parent<Self>) -> anyhow::Result<Vec<Latency>> {
        let mut seen = Vec::new();
        for pages in [Pages::Huge, Pages::Base] {
            set_thp_disable(pages == Pages::Base)?;
            ballast::ballast().clear();
            seen.extend(sizes(parent, pages)?);
        }
        Ok(seen)
    }

    fn child((): ()) -> anyhow::Result<()> {
        Ok(())
    }

    fn cell(seen: &Vec<Latency>) -> String {
        let all = |pages: Pages| {
            let of = seen.iter().filter(|latency| latency.pages == pages);
            let all: Vec<String> = of.map(words).collect();
            all.join(", ")
        };
        format!(
            "ms, base pages: {}; huge pages: {}",
            all(Pages::Base),
            all(Pages::Huge)
        )
    }

    fn judge(seen: &Methods<Vec<Latency>>) -> Vec<TraitStatement> {
        let ends = |of: &[Latency]| {
            let mut base = of.iter().filter(|latency| latency.pages == Pages::Base);
            let first = base.next().map_or(f64::NAN, least);
            (first, base.next_back().map_or(f64::NAN, least))
        };
        let (fork_small, fork_large) = ends(&seen.fork);
        let (spawn_small, spawn_large) = ends(&seen.spawn);
        let mut statements = vec![
            study(
                "a fork takes longer the larger its parent is",
                fork_large > 1.5 * fork_small,
            ),
            study(
                "a spawn takes less than a fork of a large parent",
                spawn_large < fork_large,
            ),
            study(
                "a spawn takes less than a fork of a small parent",
                spawn_small < fork_small,
            ),
            ours(
                "a spawn does not take longer where its parent is larger",
                spawn_large < 1.5 * spawn_small,
            ),
        ];
        statements.extend(huge_beside_base(&seen.fork));
        statements
    }
}

fn least(latency: &Latency) -> f64 {
    latency.seconds.min
}

/// `0.12 (64 MiB)`; where huge pages were asked for, how many of them were got.
fn words(latency: &Latency) -> String {
    let (ms, mib) = (least(latency) * 1e3, latency.parent / MIB);
    match (latency.pages, latency.parent) {
        (Pages::Base, _) | (Pages::Huge, 0) => format!("{ms:.2} ({mib} MiB)"),
        (Pages::Huge, parent) => {
            let got = 100 * latency.huge / parent;
            format!("{ms:.2} ({mib} MiB, {got}% got)")
        }
    }
}

/// Whether the kernel has given nearly all the huge pages that were asked for.
fn is_huge(latency: &Latency) -> bool {
    let wanted = latency.parent / 100 * 95;
    latency.pages == Pages::Huge && latency.parent > 0 && latency.huge >= wanted
}

/// The largest parent that is wholly in huge pages beside one as large in base pages.
fn huge_beside_base(fork: &[Latency]) -> Option<TraitStatement> {
    let huge = fork.iter().rfind(|latency| is_huge(latency))?;
    let base = fork
        .iter()
        .find(|latency| latency.pages == Pages::Base && latency.parent == huge.parent)?;
    let mib = huge.parent / MIB;
    Some(ours(
        format!(
            "a fork of a parent of {mib} MiB in huge pages takes less than half as long as in base \
             pages"
        ),
        least(huge) < least(base) / 2.0,
    ))
}

/// Measures every size that there is room and time for.
fn sizes(parent: &mut Parent<StartLatency>, pages: Pages) -> anyhow::Result<Vec<Latency>> {
    let most = parent.setting("latency-mib");
    let mut seen = Vec::new();
    let mut seconds_per_mib = 0.0;
    let small = SIZES_MIB.into_iter().filter(|&mib| mib < most);
    for mib in small.chain([most]) {
        let more = mib.saturating_sub(ballast::held() / MIB);
        let filling = Duration::from_secs_f64(more as f64 * seconds_per_mib);
        let (available, _) = Room::of_memory().least();
        let beyond = mib > SIZES_MIB[SIZES_MIB.len() - 1];
        if beyond && available < PLENTY * mib * MIB {
            let note = format!("a parent of {mib} MiB: {PLENTY} times as much is not available");
            parent.skipped.push(note);
            continue;
        }
        if filling > FILLING {
            let note = format!(
                "a parent of {mib} MiB in {pages:?} pages: filling it would take about {} s",
                filling.as_secs()
            );
            parent.skipped.push(note);
            continue;
        }
        let began = Instant::now();
        if let Err(why) = ballast::grow_to(mib * MIB)? {
            parent.skipped.push(why);
            continue;
        }
        if more > 0 {
            seconds_per_mib = began.elapsed().as_secs_f64() / more as f64;
        }
        seen.push(Latency {
            parent: ballast::held(),
            pages,
            huge: ballast::huge_bytes()?,
            seconds: starts(parent)?,
        });
    }
    Ok(seen)
}

fn starts(parent: &mut Parent<StartLatency>) -> anyhow::Result<Spread> {
    parent.child(&())?;
    let mut seconds = Vec::new();
    for _ in 0..STARTS {
        seconds.push(parent.timed_child(&())?.1);
    }
    seconds.sort_unstable_by(f64::total_cmp);
    Ok(Spread {
        n: Some(STARTS as u64),
        ..Spread::of(seconds[STARTS / 2], seconds[0], seconds[STARTS - 1])
    })
}
