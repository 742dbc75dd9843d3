//! What a child just started costs in memory, for parents of several sizes.

use crate::experiments::traits::ballast::{self, MIB, mib};
use crate::experiments::traits::claim::{Claim, Methods, Parent, ours, study};
use anyhow::Context;
use nix::sys::prctl::set_thp_disable;
use report::TraitStatement;
use serde::{Deserialize, Serialize};
use shmem::ProcessMemory;
use std::fs;

pub(in super::super) struct MemoryOverhead;

/// A child just started, its parent being alive; bytes.
#[derive(Debug, Serialize, Deserialize)]
pub(in super::super) struct Footprint {
    /// What its parent held.
    parent: u64,
    /// Pages that it alone maps.
    private: u64,
    /// Its share of all pages that it maps.
    pss: u64,
    /// All that it maps, as `top` shows it.
    rss: u64,
    /// The kernel's page tables for it.
    page_tables: u64,
}

impl Footprint {
    /// What would be free without this child.
    fn own(&self) -> u64 {
        self.private + self.page_tables
    }
}

impl Claim for MemoryOverhead {
    const NAME: &'static str = "memory-overhead";
    const TITLE: &'static str = "Memory overhead";
    const MEASURED: &'static str = "a child reads its own smaps and page-table size as soon as it \
        runs, its parent holding more and more memory in base pages; its own memory is what is \
        private to it, and its page tables";
    const SETTINGS: &'static [(&'static str, u64)] = &[("overhead-mib", 512)];
    type Ask = ();
    type Answer = Footprint;
    type Seen = Vec<Footprint>;

    fn probe(parent: &mut Parent<Self>) -> anyhow::Result<Vec<Footprint>> {
        set_thp_disable(true)?;
        let most = parent.setting("overhead-mib");
        let mut seen = Vec::new();
        for size in [0, most / 8, most] {
            match ballast::grow_to(size * MIB)? {
                Ok(()) => seen.push(Footprint {
                    parent: ballast::held(),
                    ..parent.child(&())?
                }),
                Err(why) => parent.skipped.push(why),
            }
        }
        Ok(seen)
    }

    fn child((): ()) -> anyhow::Result<Footprint> {
        let page_tables = page_tables()?;
        let memory = ProcessMemory::of(std::process::id())?;
        Ok(Footprint {
            parent: 0,
            private: memory.private,
            pss: memory.pss,
            rss: memory.rss,
            page_tables,
        })
    }

    fn cell(seen: &Vec<Footprint>) -> String {
        let each = |figure: fn(&Footprint) -> u64| {
            let figures: Vec<String> = seen.iter().map(|point| mib(figure(point))).collect();
            figures.join(", ")
        };
        format!(
            "MiB of children of parents of {}: private {}; page tables {}; pss {}; rss {}",
            each(|point| point.parent),
            each(|point| point.private),
            each(|point| point.page_tables),
            each(|point| point.pss),
            each(|point| point.rss)
        )
    }

    fn judge(seen: &Methods<Vec<Footprint>>) -> Vec<TraitStatement> {
        let (fork, spawn) = (&seen.fork, &seen.spawn);
        let (Some((small, large)), Some((spawn_small, spawn_large))) = (ends(fork), ends(spawn))
        else {
            return Vec::new();
        };
        let grew = (large.parent - small.parent).max(1);
        let mib = mib(large.parent);
        vec![
            study(
                "a forked child takes the whole of its parent's memory once more",
                large.private.saturating_sub(small.private) * 2 > grew,
            ),
            study(
                format!(
                    "a spawned child takes less memory of its own than one forked from a parent \
                     of {mib} MiB"
                ),
                spawn_large.own() < large.own(),
            ),
            study(
                "a spawned child takes less memory of its own than one forked from a small parent",
                spawn_small.own() < small.own(),
            ),
            ours(
                "a forked child takes more the larger its parent is, if only for page tables",
                large.own().saturating_sub(small.own()) > half_of_entries(grew),
            ),
            ours(
                "a spawned child takes no more where its parent is larger",
                spawn_large.own() < spawn_small.own() + 128 * 1024,
            ),
        ]
    }
}

/// Half of what a page table needs for so much memory: an entry of 8 bytes for each page.
fn half_of_entries(bytes: u64) -> u64 {
    bytes / ballast::page_size() as u64 * 4
}

/// Of children of the smallest and of the largest parent.
fn ends(seen: &[Footprint]) -> Option<(&Footprint, &Footprint)> {
    Some((seen.first()?, seen.last()?))
}

/// What the kernel holds to map this process's memory.
fn page_tables() -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmPTE:"));
    let kib = line.and_then(|text| text.split_whitespace().next());
    let kib: u64 = kib.context("no VmPTE in /proc/self/status")?.parse()?;
    Ok(kib * 1024)
}
