//! What starting a child costs, as the claim `start-latency` of `coordinator traits` has measured it.

use report::{Pages, Spread, StartLatency, TraitCell, Traits};
use serde_json::Value;

/// The claim that measures it.
const CLAIM: &str = "start-latency";

/// A line a way of starting.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StartCost {
    /// `fork`, `fork, huge pages`, `spawn`, `forkserver`; those that were measured.
    pub(crate) lines: Vec<Line>,
}

/// One way of starting, by what the parent holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    /// Which way.
    pub(crate) name: &'static str,
    /// From the smallest parent to the largest.
    pub(crate) starts: Vec<Start>,
}

/// Starts by a parent of one size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Start {
    /// Bytes.
    pub(crate) parent: u64,
    /// From the start call to the first byte of the child's answer.
    pub(crate) seconds: Spread,
}

impl StartCost {
    /// What was measured; none where the claim was not.
    pub(crate) fn of(traits: &Traits<Value>) -> Option<StartCost> {
        let row = traits.rows.iter().find(|row| row.claim == CLAIM)?;
        let line = |name, cell: &TraitCell<Value>, pages| {
            let seen: Vec<StartLatency> = serde_json::from_value(cell.seen.clone()?).ok()?;
            let mut starts: Vec<Start> = seen
                .into_iter()
                .filter(|latency| latency.pages == pages && as_asked(latency))
                .map(
                    |StartLatency {
                         parent, seconds, ..
                     }| Start { parent, seconds },
                )
                .collect();
            starts.sort_by_key(|start| start.parent);
            // A parent that holds nothing holds it in no pages.
            let told = starts.iter().any(|start| start.parent > 0);
            told.then_some(Line { name, starts })
        };
        let cells = &row.cells;
        let lines: Vec<Line> = [
            line("fork", &cells.fork, Pages::Base),
            line("fork, huge pages", &cells.fork, Pages::Huge),
            line("spawn", &cells.spawn, Pages::Base),
            line("forkserver", &cells.forkserver, Pages::Base),
        ]
        .into_iter()
        .flatten()
        .collect();
        (!lines.is_empty()).then_some(StartCost { lines })
    }

    /// Every size of a parent that was measured, in order.
    pub(crate) fn parents(&self) -> Vec<u64> {
        let starts = self.lines.iter().flat_map(|line| &line.starts);
        let mut parents: Vec<u64> = starts.map(|start| start.parent).collect();
        parents.sort_unstable();
        parents.dedup();
        parents
    }

    /// The line of that name.
    pub(crate) fn line(&self, name: &str) -> Option<&Line> {
        self.lines.iter().find(|line| line.name == name)
    }
}

impl Line {
    /// The starts by a parent of that size.
    pub(crate) fn by(&self, parent: u64) -> Option<&Spread> {
        let start = self.starts.iter().find(|start| start.parent == parent);
        start.map(|start| &start.seconds)
    }
}

/// Whether the kernel has given nearly all the huge pages that were asked for.
fn as_asked(latency: &StartLatency) -> bool {
    latency.pages == Pages::Base || latency.huge >= latency.parent / 100 * 95
}
