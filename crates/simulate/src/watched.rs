//! What the rules of elastic pools need to know of the past.

/// What the rules of elastic pools need to know of the past.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) min: u32,
    pub(crate) max: u32,
    /// Tasks with deadlines.
    pub(crate) due: Vec<usize>,
    /// Something was given up since that was looked at.
    pub(crate) gave_up: bool,
    /// By priority: tasks of higher priority that were taken while one of it waited.
    pub(crate) passed: [u32; 3],
    /// Since when a worker should have been started.
    pub(crate) grows_since_ns: Option<u64>,
    /// Since when a spare should have been started.
    pub(crate) spare_since_ns: Option<u64>,
    /// When a worker died that had done nothing. Starts may be few until a later one has.
    pub(crate) storm_ns: Option<u64>,
    /// Since when nothing was to be done.
    pub(crate) quiet_since_ns: Option<u64>,
    /// Since when workers are wanted.
    pub(crate) wanted_since_ns: Option<u64>,
    /// Since when there are tasks.
    pub(crate) tasks_since_ns: Option<u64>,
}

impl Watched {
    pub(crate) fn new(min: u32, max: u32) -> Watched {
        Watched {
            min,
            max,
            due: Vec::new(),
            gave_up: false,
            passed: [0; 3],
            grows_since_ns: None,
            spare_since_ns: None,
            storm_ns: None,
            quiet_since_ns: None,
            wanted_since_ns: None,
            tasks_since_ns: None,
        }
    }

    pub(crate) fn resized(&mut self, min: u32, max: u32) {
        (self.min, self.max) = (min, max);
        self.grows_since_ns = None;
        self.spare_since_ns = None;
        self.quiet_since_ns = None;
    }
}
