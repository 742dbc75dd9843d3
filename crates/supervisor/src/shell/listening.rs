//! Where external workers connect, and who of them is not ready yet.

use crate::ids::WorkerId;
use crate::start::Listener;

/// Where external workers connect, and who of them is not ready yet.
pub(super) struct Listening {
    pub listener: Listener,
    pub unready: Vec<WorkerId>,
    /// How many are wanted before the pool starts; one from then on.
    pub wanted: usize,
    /// Why the last one was turned away.
    pub turned_away: Option<String>,
}
