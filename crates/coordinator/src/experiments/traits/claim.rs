//! What a claim is, and all of them in the order of the table.

use super::claims::{
    BufferedOutput, CopyOnWrite, Descriptors, FileOffsets, Locks, MemoryOverhead, Platform,
    RandomState, Security, Signals, StartLatency, Threads,
};
use super::parent::{Parent, Settings};
use super::start::Starter;
use report::{StartMethod, TraitStatement};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One claim: how it is measured under a start method, and what it then comes to.
pub(super) trait Claim: Sized {
    const NAME: &'static str;
    const TITLE: &'static str;
    /// How it is measured, in a sentence.
    const MEASURED: &'static str;
    /// What the probe may be told, and what it does where it is told nothing.
    const SETTINGS: &'static [(&'static str, u64)] = &[];
    /// What the child is asked.
    type Ask: Serialize + DeserializeOwned;
    /// What the child says.
    type Answer: Serialize + DeserializeOwned;
    /// What the probe found.
    type Seen: Serialize + DeserializeOwned;

    /// Runs in a process of its own, which is the parent that the claim speaks of.
    fn probe(parent: &mut Parent<Self>) -> anyhow::Result<Self::Seen>;

    /// Runs in a child of that process.
    fn child(ask: Self::Ask) -> anyhow::Result<Self::Answer>;

    /// Runs in a forkserver before it forks.
    fn prepare() {}

    /// What the probe found, in words.
    fn cell(seen: &Self::Seen) -> String;

    /// What the claim says, with whether it held.
    fn judge(seen: &Methods<Self::Seen>) -> Vec<TraitStatement>;
}

/// One for each start method.
pub(super) struct Methods<T> {
    pub(super) fork: T,
    pub(super) spawn: T,
    pub(super) forkserver: T,
}

/// A sentence of the study's claim.
pub(super) fn study(says: impl Into<String>, holds: bool) -> TraitStatement {
    TraitStatement {
        says: says.into(),
        study: true,
        holds,
    }
}

/// A sentence of our own.
pub(super) fn ours(says: impl Into<String>, holds: bool) -> TraitStatement {
    TraitStatement {
        says: says.into(),
        study: false,
        holds,
    }
}

/// What a probe hands to the process that wanted it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Probed {
    pub(super) seen: Value,
    /// What was not measured, and why.
    pub(super) skipped: Vec<String>,
}

/// A claim, its types taken away.
pub(super) struct Entry {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) measured: &'static str,
    pub(super) settings: &'static [(&'static str, u64)],
    pub(super) probe: fn(StartMethod, &Settings) -> anyhow::Result<Probed>,
    pub(super) child: fn(&str) -> anyhow::Result<String>,
    pub(super) prepare: fn(),
    pub(super) cell: fn(&Value) -> anyhow::Result<String>,
    pub(super) judge: fn(&Methods<Value>) -> anyhow::Result<Vec<TraitStatement>>,
}

/// All claims: the study's, then what it leaves out.
pub(super) const CLAIMS: [Entry; 12] = [
    entry::<MemoryOverhead>(),
    entry::<CopyOnWrite>(),
    entry::<StartLatency>(),
    entry::<Platform>(),
    entry::<Descriptors>(),
    entry::<Signals>(),
    entry::<Security>(),
    entry::<Locks>(),
    entry::<BufferedOutput>(),
    entry::<Threads>(),
    entry::<FileOffsets>(),
    entry::<RandomState>(),
];

/// The claim of that name.
pub(super) fn find(name: &str) -> anyhow::Result<&'static Entry> {
    const { &CLAIMS }
        .iter()
        .find(|entry| entry.name == name)
        .ok_or_else(|| {
            let names: Vec<&str> = CLAIMS.iter().map(|entry| entry.name).collect();
            anyhow::anyhow!(
                "unknown claim `{name}`, expected one of: {}",
                names.join(", ")
            )
        })
}

const fn entry<C: Claim>() -> Entry {
    Entry {
        name: C::NAME,
        title: C::TITLE,
        measured: C::MEASURED,
        settings: C::SETTINGS,
        probe: probe::<C>,
        child: child::<C>,
        prepare: C::prepare,
        cell: |seen| Ok(C::cell(&C::Seen::deserialize(seen)?)),
        judge: |seen| {
            Ok(C::judge(&Methods {
                fork: C::Seen::deserialize(&seen.fork)?,
                spawn: C::Seen::deserialize(&seen.spawn)?,
                forkserver: C::Seen::deserialize(&seen.forkserver)?,
            }))
        },
    }
}

fn probe<C: Claim>(method: StartMethod, settings: &Settings) -> anyhow::Result<Probed> {
    let starter = Starter::new(method, C::NAME)?;
    let mut parent = Parent::<C>::new(method, starter, settings, child::<C>);
    let seen = serde_json::to_value(C::probe(&mut parent)?)?;
    Ok(Probed {
        seen,
        skipped: parent.skipped,
    })
}

fn child<C: Claim>(ask: &str) -> anyhow::Result<String> {
    let answer = C::child(serde_json::from_str(ask)?)?;
    Ok(serde_json::to_string(&answer)?)
}
