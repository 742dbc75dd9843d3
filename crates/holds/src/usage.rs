//! Counters of one region: how many bytes are held, and by what.

use std::fmt;

use crate::units::Bytes;

/// Bytes of a region by who holds them. Memory with several holders counts once, for the first of them in
/// the order of the fields.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Usage {
    /// Bytes of the region.
    pub size: u64,
    /// Held by handles of the coordinator.
    pub handles: u64,
    /// Held by open calls.
    pub calls: u64,
    /// Held by workers that retained it.
    pub retained: u64,
    /// Whole allocations that nobody else holds, alive when a worker was forked that still runs.
    pub inherited: u64,
    /// Parts that nobody holds, of allocations that are held in part, and what rounding has added.
    pub rest: u64,
}

impl Usage {
    /// Bytes that cannot be allocated.
    pub fn held(&self) -> u64 {
        self.handles + self.calls + self.retained + self.inherited + self.rest
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} are held", Bytes(self.held()), Bytes(self.size))?;
        let parts = [
            (self.handles, "handles"),
            (self.calls, "open calls"),
            (self.retained, "workers that keep arrays"),
            (self.inherited, "forked workers"),
            (self.rest, "allocations in part"),
        ];
        let mut open = " (";
        for (bytes, by) in parts.into_iter().filter(|&(bytes, _)| bytes > 0) {
            write!(f, "{open}{} by {by}", Bytes(bytes))?;
            open = ", ";
        }
        if open == ", " { write!(f, ")") } else { Ok(()) }
    }
}
