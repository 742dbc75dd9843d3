//! All claims, in the order of the table.

use super::claim::{Claim, Methods, Parent, Settings};
use super::claims::{
    BufferedOutput, CopyOnWrite, Descriptors, FileOffsets, Locks, MemoryOverhead, Platform,
    RandomState, Security, Signals, StartLatency, Threads,
};
use super::start::Starter;
use crate::experiments::kind::Experiment;
use crate::experiments::workers::start_method;
use pool::{Carrier, Pool, Shutdown};
use report::{StartMethod, TraitStatement};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use task::{Input, Registry, Task, TaskError};

/// What a probe reports to the process that started it.
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

/// All claims: the original study's, then what it leaves out.
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
    let mut parent = Parent::<C>::new(method, starter, settings, child::<C>, ask_worker);
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

/// Starts a worker of a pool by `method` and asks it what the children of `claim` are asked.
fn ask_worker(method: StartMethod, claim: &'static str, ask: String) -> anyhow::Result<String> {
    let builder = Pool::builder(start_method(Experiment::Traits, method)?);
    let builder = builder.tasks(registry()).workers(1);
    let mut pool = builder.carrier(Carrier::Socket).start()?;
    let handle = pool.submit::<Ask>(&(claim.to_owned(), ask), ())?;
    let answer = pool.wait(handle)?;
    pool.shutdown(Shutdown::Drain)?;
    Ok(answer)
}

/// The tasks of workers that are asked what children are asked.
pub(in crate::experiments) fn registry() -> Registry {
    Registry::new().with::<Ask>()
}

/// Asks a worker what the children of a claim are asked.
struct Ask;

impl Task for Ask {
    const NAME: &'static str = "ask";
    type Args = (String, String);
    type Output = String;

    fn run((claim, ask): (String, String), _: Input<'_>) -> Result<String, TaskError> {
        Ok((find(&claim)?.child)(&ask)?)
    }
}
