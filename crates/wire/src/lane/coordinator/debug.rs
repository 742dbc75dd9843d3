//! How a lane is printed for debugging.

use super::CoordinatorLane;
use std::fmt;

impl<M> fmt::Debug for CoordinatorLane<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CoordinatorLane")
            .field("head", &self.head)
            .field("tail", &self.tail)
            .field("published", &self.published)
            .field("taken", &self.taken)
            .finish_non_exhaustive()
    }
}
