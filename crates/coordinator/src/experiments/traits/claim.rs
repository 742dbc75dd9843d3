//! What a claim is, and the process that its children are started from, as its probe sees it.

use super::start::{Examine, Starter};
use report::{StartMethod, TraitStatement};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::time::Duration;

/// The environment variable that probes have, to see where else it is found.
pub(super) const VARIABLE: &str = "HANDOFF_TRAITS";

/// One claim: how it is measured under a start method, and what it then comes to.
pub(super) trait Claim: Sized {
    const NAME: &'static str;
    const TITLE: &'static str;
    /// How it is measured, in a sentence.
    const MEASURED: &'static str;
    /// The settings of the probe, with their defaults.
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

/// A sentence of the original study's claim.
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

/// How long a child may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Asks a worker of a pool, started by this method, the question of a claim: both are encoded.
pub(super) type AskWorker = fn(StartMethod, &'static str, String) -> anyhow::Result<String>;

/// The settings of probes, by name.
pub(super) type Settings = BTreeMap<String, u64>;

/// The process that a claim's children are started from.
pub(super) struct Parent<'a, C> {
    method: StartMethod,
    starter: Starter,
    settings: &'a Settings,
    examine: Examine,
    ask_worker: AskWorker,
    /// What was not measured, and why.
    pub(super) skipped: Vec<String>,
    claim: PhantomData<C>,
}

impl<'a, C: Claim> Parent<'a, C> {
    pub(super) fn new(
        method: StartMethod,
        starter: Starter,
        settings: &'a Settings,
        examine: Examine,
        ask_worker: AskWorker,
    ) -> Parent<'a, C> {
        Parent {
            method,
            starter,
            settings,
            examine,
            ask_worker,
            skipped: Vec::new(),
            claim: PhantomData,
        }
    }

    /// The value of setting `name`, or its default.
    pub(super) fn setting(&self, name: &str) -> u64 {
        let default = C::SETTINGS.iter().find(|(known, _)| *known == name);
        debug_assert!(default.is_some(), "{name} is no setting of {}", C::NAME);
        let given = self.settings.get(name).copied();
        given
            .or(default.map(|(_, value)| *value))
            .unwrap_or_default()
    }

    /// Starts a child and gives its answer.
    pub(super) fn child(&mut self, ask: &C::Ask) -> anyhow::Result<C::Answer> {
        self.timed_child(ask).map(|(answer, _)| answer)
    }

    /// Starts a child; gives its answer and the seconds until its first byte came.
    pub(super) fn timed_child(&mut self, ask: &C::Ask) -> anyhow::Result<(C::Answer, f64)> {
        let ask = serde_json::to_string(ask)?;
        let reply = self
            .starter
            .child(&ask, self.examine, PATIENCE, &mut || {})?
            .ok_or_else(|| anyhow::anyhow!("a child gave no answer in {PATIENCE:?}"))?;
        Ok((serde_json::from_str(&reply.text)?, reply.seconds))
    }

    /// Starts a child, then does `meanwhile`, and gives the child's answer if it comes in time.
    pub(super) fn child_within(
        &mut self,
        ask: &C::Ask,
        within: Duration,
        mut meanwhile: impl FnMut(),
    ) -> anyhow::Result<Option<C::Answer>> {
        let ask = serde_json::to_string(ask)?;
        let reply = self
            .starter
            .child(&ask, self.examine, within, &mut meanwhile)?;
        Ok(match reply {
            Some(reply) => Some(serde_json::from_str(&reply.text)?),
            None => None,
        })
    }

    /// What a worker of the pool says, started by the same method with all the care of the pool.
    pub(super) fn worker(&self, ask: &C::Ask) -> anyhow::Result<C::Answer> {
        let answer = (self.ask_worker)(self.method, C::NAME, serde_json::to_string(ask)?)?;
        Ok(serde_json::from_str(&answer)?)
    }
}
