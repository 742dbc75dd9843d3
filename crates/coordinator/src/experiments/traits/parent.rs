//! The process that a claim's children are started from, as its probe sees it.

use super::claim::{Claim, find};
use super::start::{Examine, Starter};
use crate::experiments::image;
use crate::experiments::image::Experiment;
use pool::Shutdown;
use report::StartMethod;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::time::Duration;
use task::{Input, Registry, Task, TaskError};

/// How long a child may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// What probes were told, by name.
pub(super) type Settings = BTreeMap<String, u64>;

/// The process that a claim's children are started from.
pub(super) struct Parent<'a, C> {
    method: StartMethod,
    starter: Starter,
    settings: &'a Settings,
    examine: Examine,
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
    ) -> Parent<'a, C> {
        Parent {
            method,
            starter,
            settings,
            examine,
            skipped: Vec::new(),
            claim: PhantomData,
        }
    }

    /// What this probe is told of `name`, or does by itself.
    pub(super) fn setting(&self, name: &str) -> u64 {
        let default = C::SETTINGS.iter().find(|(known, _)| *known == name);
        debug_assert!(default.is_some(), "{name} is no setting of {}", C::NAME);
        let told = self.settings.get(name).copied();
        told.or(default.map(|(_, value)| *value))
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
        let method = match self.method {
            StartMethod::Fork => pool::StartMethod::Fork,
            StartMethod::Spawn => pool::StartMethod::Spawn(image(Experiment::Traits)?),
            StartMethod::ForkServer => pool::StartMethod::ForkServer(image(Experiment::Traits)?),
        };
        let mut pool = pool::Pool::builder(method)
            .tasks(registry())
            .workers(1)
            .carrier(pool::Carrier::Socket)
            .start()?;
        let args = (C::NAME.to_owned(), serde_json::to_string(ask)?);
        let handle = pool.submit::<Ask>(&args, ())?;
        let answer = pool.wait(handle)?;
        pool.shutdown(Shutdown::Drain)?;
        Ok(serde_json::from_str(&answer)?)
    }
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
