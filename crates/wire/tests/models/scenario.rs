//! One run of both sides, and what must hold at its end.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use wire::lane::{AtomicU64, CoordinatorLane, Defect, Layout, WorkerLane};

use crate::sides::{Coordinator, Fate, Memory, Seen, Worker};
use crate::socket::Socket;

/// How the coordinator waits for results: the three values of its flag.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wait {
    Poll,
    NextResult,
    Dry,
}

/// The worker lives as long as it wants to.
pub(crate) const FOREVER: u32 = 1000;

/// What one model explores.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    pub(crate) calls: u64,
    pub(crate) slots: usize,
    pub(crate) call_bytes: usize,
    pub(crate) result_bytes: usize,
    pub(crate) wait: Wait,
    /// How many calls are recalled after the first were pushed.
    pub(crate) recall: u64,
    /// Whether the worker reports that it is dry before it sleeps, as one that spins in between.
    pub(crate) spins: bool,
    /// Whether the coordinator looks at what runs.
    pub(crate) probe: bool,
    /// Steps until the worker dies.
    pub(crate) steps: u32,
    pub(crate) preemptions: usize,
    pub(crate) defect: Option<Defect>,
}

/// Two calls, and room for both.
pub(crate) const PLAIN: Scenario = Scenario {
    calls: 2,
    slots: 2,
    call_bytes: 32,
    result_bytes: 64,
    wait: Wait::NextResult,
    recall: 0,
    spins: false,
    probe: false,
    steps: FOREVER,
    preemptions: 3,
    defect: None,
};

/// Four calls through rings that hold one result and two calls, so that everything wraps.
pub(crate) const TIGHT: Scenario = Scenario {
    calls: 4,
    call_bytes: 32,
    result_bytes: 32,
    preemptions: 2,
    ..PLAIN
};

impl Scenario {
    /// Explores all interleavings within the bound. Panics where one breaks a guarantee.
    pub(crate) fn check(self) {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(self.preemptions);
        model.max_branches = 5000;
        model.check(move || self.run());
    }

    fn run(self) {
        let layout = Layout::new(self.slots, self.call_bytes, self.result_bytes);
        let layout = layout.expect("a valid layout");
        let memory: Memory = (0..layout.words()).map(|_| AtomicU64::new(0)).collect();
        let socket = Arc::new(Socket::new());
        let seen: Arc<Vec<Seen>> = Arc::new((0..self.calls).map(|_| Seen::default()).collect());
        let lane = CoordinatorLane::new(Arc::clone(&memory), layout).expect("enough words");
        let mut coordinator = Coordinator {
            lane: lane.with_defect(self.defect),
            socket: Arc::clone(&socket),
            seen: Arc::clone(&seen),
            fates: vec![Fate::Open; self.calls as usize],
            pushed: 0,
        };
        let lane = WorkerLane::new(memory, layout).expect("enough words");
        let worker = Worker {
            lane: lane.with_defect(self.defect),
            socket: Arc::clone(&socket),
            seen,
            spins: self.spins,
        };
        let thread = loom::thread::spawn(move || worker.run(self.steps));
        coordinator.run(&self);
        socket.close();
        thread.join().expect("the worker's thread");
        coordinator.collect();
        self.check_end(coordinator);
    }

    /// The worker is dead, its results were taken: every call is accounted for.
    fn check_end(self, mut coordinator: Coordinator) {
        let after = coordinator.lane.after_death().expect("an honest worker");
        for (index, (fate, seen)) in coordinator.fates.iter().zip(&*coordinator.seen).enumerate() {
            let index = index as u64;
            let begun = seen.begun.load(Relaxed);
            let published = seen.published.load(Relaxed) == 1;
            let charged = after.begun.filter(|begun| begun.index == index);
            let unclaimed = after.unclaimed.contains(&index) || index >= coordinator.pushed;
            let context = format!("call {index}: {fate:?}, begun {begun} times, {after:?}");
            match (fate, charged, unclaimed) {
                (Fate::Result, None, false) => assert!(begun == 1 && published, "{context}"),
                (Fate::Recalled, None, false) => assert_eq!(begun, 0, "{context}"),
                (Fate::Open, None, true) => assert_eq!(begun, 0, "{context}"),
                (Fate::Open, Some(claimed), false) => {
                    assert!(begun == 1 && !published, "{context}");
                    let returned = seen.returned.load(Relaxed) == 1;
                    assert_eq!(
                        claimed.returned,
                        returned && self.steps != FOREVER,
                        "{context}"
                    );
                }
                _ => panic!("{context}"),
            }
            if self.steps == FOREVER {
                assert_ne!(*fate, Fate::Open, "nobody died: {context}");
            }
        }
        assert_eq!(coordinator.lane.open().count(), after.begun.iter().count());
    }
}
