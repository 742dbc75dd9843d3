//! What has been done, for the summary.

use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) rounds: u64,
    pub(crate) actions: BTreeMap<&'static str, u64>,
    /// Results by kind.
    pub(crate) ends: BTreeMap<String, u64>,
    /// Bytes that were compared here.
    pub(crate) checked: u64,
    pub(crate) killed: u64,
    pub(crate) died: u64,
    pub(crate) retried: u64,
    pub(crate) most_bytes: u64,
    pub(crate) longest: usize,
    /// Comparisons with a baseline.
    pub(crate) censuses: u64,
}

impl Tally {
    pub(crate) fn act(&mut self, name: &'static str) {
        *self.actions.entry(name).or_default() += 1;
    }

    pub(crate) fn end(&mut self, kind: impl Into<String>) {
        *self.ends.entry(kind.into()).or_default() += 1;
    }

    pub(crate) fn print(&self, seed: u64, time: Duration) {
        println!(
            "seed {seed}: {} rounds in {:.0} s, {:.1} GB compared here, longest array {} bytes, \
             at most {:.2} GB held; {} workers killed, {} died, {} tasks run again; {} censuses",
            self.rounds,
            time.as_secs_f64(),
            self.checked as f64 / 1e9,
            self.longest,
            self.most_bytes as f64 / 1e9,
            self.killed,
            self.died,
            self.retried,
            self.censuses,
        );
        println!("  actions: {}", list(self.actions.iter()));
        println!("  ends: {}", list(self.ends.iter()));
    }
}

fn list<K: AsRef<str>>(counts: impl Iterator<Item = (K, impl std::fmt::Display)>) -> String {
    let counts = counts.map(|(name, count)| format!("{} {count}", name.as_ref()));
    counts.collect::<Vec<_>>().join(", ")
}
