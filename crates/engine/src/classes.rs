//! How long tasks of each class take, as measured.

/// The weight of a new measurement, as a shift.
const SHIFT: u32 = 3;

/// This number of equal measurements leaves little of the mean before.
const MANY: u32 = 1 << SHIFT;

#[derive(Debug, Default)]
pub(crate) struct Classes {
    /// By class: the moving mean in nanoseconds, 0 where nothing was measured.
    means_ns: Vec<u64>,
}

impl Classes {
    /// The expected time of a task, at least 1 ns; `None` where its class is unknown.
    pub(crate) fn expected_ns(&self, class: u32) -> Option<u64> {
        match self.means_ns.get(class as usize) {
            None | Some(0) => None,
            Some(&mean) => Some(mean),
        }
    }

    /// This number of tasks of a class took `ns` each.
    pub(crate) fn measured(&mut self, class: u32, ns: u64, tasks: u32) {
        let index = class as usize;
        if index >= self.means_ns.len() {
            self.means_ns.resize(index + 1, 0);
        }
        let mean = &mut self.means_ns[index];
        for _ in 0..tasks.min(MANY) {
            *mean = match *mean {
                0 => ns,
                old => old - (old >> SHIFT) + (ns >> SHIFT),
            }
            .max(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_moves_by_an_eighth_of_what_is_measured() {
        let mut classes = Classes::default();
        assert_eq!(classes.expected_ns(2), None);
        for (class, ns, tasks, expected) in [
            (2, 800, 1, 800),
            (2, 1600, 1, 900),
            (0, 0, 1, 1),
            (0, 80, 1, 11),
            (2, 1600, 2, 1065),
        ] {
            classes.measured(class, ns, tasks);
            assert_eq!(classes.expected_ns(class), Some(expected));
        }
        assert_eq!(
            (classes.expected_ns(1), classes.expected_ns(3)),
            (None, None)
        );
    }

    #[test]
    fn of_many_that_took_the_same_eight_count() {
        let after = |tasks| {
            let mut classes = Classes::default();
            classes.measured(0, 8, 1);
            classes.measured(0, 8_000_000, tasks);
            classes.expected_ns(0)
        };
        assert!(after(7) < after(8));
        assert_eq!((after(9), after(u32::MAX)), (after(8), after(8)));
    }
}
