//! What a child pays for reading and for writing inherited pages.

use crate::experiments::traits::ballast::{self, MIB, mib};
use crate::experiments::traits::claim::{Claim, Methods, Parent, study};
use nix::sys::prctl::set_thp_disable;
use report::TraitStatement;
use serde::{Deserialize, Serialize};
use shmem::ProcessMemory;
use std::hint::black_box;

pub(in super::super) struct CopyOnWrite;

/// What a child saw; bytes.
#[derive(Debug, Serialize, Deserialize)]
pub(in super::super) struct Copies {
    /// The parent's memory that it found in its own address space.
    inherited: u64,
    /// By how much its private memory grew as it read all of that.
    by_reading: u64,
    /// Bytes of the pages that it then wrote to.
    written: u64,
    /// By how much its private memory grew as it did.
    by_writing: u64,
}

/// What may come on top by itself: the child's own heap and stack.
const SLACK: u64 = 512 * 1024;

impl Claim for CopyOnWrite {
    const NAME: &'static str = "copy-on-write";
    const TITLE: &'static str = "Copy-on-write";
    const MEASURED: &'static str = "the child reads what it has of its parent's memory, then \
        writes one byte to every page of a known share of it, and looks at its private memory \
        before and after (base pages)";
    const SETTINGS: &'static [(&'static str, u64)] = &[("cow-mib", 128), ("written-percent", 25)];
    /// The share that is written to, in percent.
    type Ask = u64;
    type Answer = Copies;
    type Seen = Copies;

    fn probe(parent: &mut Parent<Self>) -> anyhow::Result<Copies> {
        set_thp_disable(true)?;
        let size = parent.setting("cow-mib") * MIB;
        if let Err(why) = ballast::grow_to(size)? {
            anyhow::bail!(why);
        }
        parent.child(&parent.setting("written-percent").min(100))
    }

    fn child(percent: u64) -> anyhow::Result<Copies> {
        let page = ballast::page_size();
        let inherited = ballast::held();
        let mut ballast = ballast::ballast();
        let start = private()?;
        let mut sum = 0u64;
        for memory in ballast.iter() {
            let pages = memory.slice(0, memory.len())?.iter().step_by(page);
            sum += pages.map(|&byte| u64::from(byte)).sum::<u64>();
        }
        black_box(sum);
        let read = private()?;
        let mut written = 0;
        for memory in ballast.iter_mut() {
            let share = memory.len() / 100 * percent;
            let pages = memory.as_mut_slice()[..share as usize].iter_mut();
            for byte in pages.step_by(page) {
                *byte = black_box(2);
                written += page as u64;
            }
        }
        Ok(Copies {
            inherited,
            by_reading: read.saturating_sub(start),
            written,
            by_writing: private()?.saturating_sub(read),
        })
    }

    fn cell(seen: &Copies) -> String {
        if seen.inherited == 0 {
            return "nothing of the parent's memory to read or to write".to_owned();
        }
        format!(
            "{} MiB inherited: private memory grows by {} MiB as all is read, by {} MiB as {} MiB \
             are written to",
            mib(seen.inherited),
            mib(seen.by_reading),
            mib(seen.by_writing),
            mib(seen.written)
        )
    }

    fn judge(seen: &Methods<Copies>) -> Vec<TraitStatement> {
        let fork = &seen.fork;
        let tolerance = SLACK + fork.written / 50;
        vec![
            study(
                "a forked child has its parent's memory, and reading it copies nothing",
                fork.inherited > 0 && fork.by_reading < SLACK,
            ),
            study(
                "writing to a share of it copies just that share",
                fork.inherited > 0 && fork.by_writing.abs_diff(fork.written) < tolerance,
            ),
            study(
                "a spawned child has nothing of its parent's memory, so nothing to copy",
                seen.spawn.inherited == 0,
            ),
        ]
    }
}

fn private() -> std::io::Result<u64> {
    Ok(ProcessMemory::of(std::process::id())?.private)
}
