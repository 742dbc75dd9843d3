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
