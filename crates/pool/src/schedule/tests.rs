//! The scheduler against a model: whatever happens, no task is lost and none runs twice at once.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn assign_all(scheduler: &mut Scheduler) -> Vec<(WorkerId, TaskId)> {
    std::iter::from_fn(|| scheduler.assign()).collect()
}

#[test]
fn long_tasks_go_to_the_next_idle_worker_one_at_a_time() {
    let mut scheduler = Scheduler::new();
    (1..=2).for_each(|worker| scheduler.join(worker));
    (0..5).for_each(|task| scheduler.submit(task));
    assert_eq!(assign_all(&mut scheduler), [(1, 0), (2, 1)]);
    scheduler.answered(2, 1_000_000_000);
    assert_eq!(assign_all(&mut scheduler), [(2, 2)]);
    scheduler.answered(1, 1_000_000_000);
    assert_eq!(assign_all(&mut scheduler), [(1, 3)]);
}

#[test]
fn short_tasks_fill_a_window_that_is_bounded_and_even() {
    let mut scheduler = Scheduler::new();
    (1..=2).for_each(|worker| scheduler.join(worker));
    (0..5_000).for_each(|task| scheduler.submit(task));
    assign_all(&mut scheduler);
    (1..=2).for_each(|worker| scheduler.answered(worker, 1_000));
    assign_all(&mut scheduler);
    for worker in 1..=2 {
        assert_eq!(scheduler.window(worker).count(), MAX_DEPTH);
    }
}

#[test]
fn a_death_counts_for_the_running_task_only() {
    let mut scheduler = Scheduler::new();
    scheduler.join(1);
    (0..10).for_each(|task| scheduler.submit(task));
    assign_all(&mut scheduler);
    scheduler.answered(1, 100_000);
    assign_all(&mut scheduler);
    assert!(scheduler.window(1).count() > 3);

    let bereaved = scheduler.died(1, Some(2), 1);
    assert_eq!(
        bereaved,
        Bereaved {
            poisoned: None,
            retried: Some(2)
        }
    );
    assert_eq!(
        (
            scheduler.deaths(2),
            scheduler.deaths(1),
            scheduler.deaths(3)
        ),
        (1, 0, 0)
    );
    assert_eq!((scheduler.queued(), scheduler.sent()), (9, 0));

    scheduler.join(2);
    assert_eq!(scheduler.assign(), Some((2, 1)), "the order is kept");
    scheduler.answered(2, 100_000);
    assert_eq!(scheduler.assign(), Some((2, 2)));
    let bereaved = scheduler.died(2, Some(2), 1);
    assert_eq!(
        bereaved,
        Bereaved {
            poisoned: Some(2),
            retried: None
        }
    );
    assert_eq!(scheduler.queued(), 7);
}

#[test]
fn suspects_run_alone_until_the_culprit_is_known() {
    let mut scheduler = Scheduler::new();
    scheduler.join(1);
    (0..4).for_each(|task| scheduler.submit(task));
    assign_all(&mut scheduler);
    scheduler.answered(1, 100_000);
    assert_eq!(assign_all(&mut scheduler), [(1, 1), (1, 2), (1, 3)]);
    assert_eq!(scheduler.suspect(1, true), None, "any of three");
    scheduler.died(1, None, 0);

    scheduler.submit(4);
    scheduler.join(2);
    assert_eq!(assign_all(&mut scheduler), [(2, 1)]);
    scheduler.answered(2, 100_000);
    assert_eq!(assign_all(&mut scheduler), [(2, 2)], "nothing beside it");
    assert_eq!(scheduler.suspect(2, false), Some(2));
    assert_eq!(scheduler.died(2, Some(2), 0).poisoned, Some(2));

    scheduler.join(3);
    assert_eq!(assign_all(&mut scheduler), [(3, 3)]);
    scheduler.answered(3, 100_000);
    scheduler.submit(5);
    assert_eq!(assign_all(&mut scheduler), [(3, 4), (3, 5)], "all cleared");
}

#[test]
fn a_first_death_beside_one_task_proves_nothing() {
    let mut scheduler = Scheduler::new();
    scheduler.join(1);
    scheduler.submit(0);
    assert_eq!(scheduler.assign(), Some((1, 0)));
    assert_eq!(scheduler.suspect(1, false), None, "it may have been killed");
    scheduler.died(1, None, 0);
    scheduler.join(2);
    assert_eq!(scheduler.assign(), Some((2, 0)));
    assert_eq!(scheduler.suspect(2, false), Some(0), "not twice");
}

#[test]
fn a_worker_is_sent_no_more_than_it_may_answer() {
    let mut scheduler = Scheduler::new();
    scheduler.join(1);
    scheduler.allow(1, 3);
    (0..5).for_each(|task| scheduler.submit(task));
    assert_eq!(scheduler.assign(), Some((1, 0)));
    scheduler.answered(1, 100);
    assert_eq!(assign_all(&mut scheduler), [(1, 1), (1, 2)]);
    scheduler.answered(1, 100);
    assert_eq!(scheduler.assign(), None);
}

#[test]
fn a_worker_that_retires_leaves_once_its_window_is_empty() {
    let mut scheduler = Scheduler::new();
    scheduler.join(1);
    (0..2).for_each(|task| scheduler.submit(task));
    assign_all(&mut scheduler);
    scheduler.retire(1);
    assert!(!scheduler.may_leave(1));
    scheduler.answered(1, 1);
    assert!(scheduler.may_leave(1));
    assert_eq!(scheduler.assign(), None, "it gets no more");
    assert_eq!(scheduler.queued(), 1);
}

#[derive(Debug, Clone)]
enum Happening {
    Submit,
    Join,
    Answer {
        which: usize,
        took_ns: u64,
    },
    Die {
        which: usize,
        running: Option<usize>,
    },
    Withdraw {
        which: usize,
    },
    Retire {
        which: usize,
    },
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => Just(Happening::Submit),
        1 => Just(Happening::Join),
        4 => (0usize..8, 1u64..20_000_000)
            .prop_map(|(which, took_ns)| Happening::Answer { which, took_ns }),
        1 => (0usize..8, prop::option::of(0usize..4))
            .prop_map(|(which, running)| Happening::Die { which, running }),
        1 => (0usize..50).prop_map(|which| Happening::Withdraw { which }),
        1 => (0usize..8).prop_map(|which| Happening::Retire { which }),
    ]
}

proptest! {
    #[test]
    fn no_task_is_lost_or_in_two_places(
        happenings in prop::collection::vec(happening(), 0..200),
        retries in 0u32..3,
    ) {
        let mut scheduler = Scheduler::new();
        let mut open = BTreeSet::new();
        let mut alive: Vec<WorkerId> = Vec::new();
        let (mut tasks, mut workers) = (0, 0);
        for happening in happenings {
            match happening {
                Happening::Submit => {
                    scheduler.submit(tasks);
                    open.insert(tasks);
                    tasks += 1;
                }
                Happening::Join => {
                    workers += 1;
                    scheduler.join(workers);
                    alive.push(workers);
                }
                Happening::Answer { which, took_ns } if !alive.is_empty() => {
                    let worker = alive[which % alive.len()];
                    if let Some(due) = scheduler.due(worker) {
                        prop_assert!(open.remove(&due));
                        scheduler.answered(worker, took_ns);
                    }
                }
                Happening::Die { which, running } if !alive.is_empty() => {
                    let worker = alive.swap_remove(which % alive.len());
                    let running = running.and_then(|nth| scheduler.window(worker).nth(nth));
                    if let Some(poisoned) = scheduler.died(worker, running, retries).poisoned {
                        prop_assert!(open.remove(&poisoned));
                    }
                }
                Happening::Withdraw { which } => {
                    if scheduler.withdraw(which as TaskId) {
                        prop_assert!(open.remove(&(which as TaskId)));
                    }
                }
                Happening::Retire { which } if !alive.is_empty() => {
                    scheduler.retire(alive[which % alive.len()]);
                }
                Happening::Answer { .. } | Happening::Die { .. } | Happening::Retire { .. } => {}
            }
            assign_all(&mut scheduler);
            prop_assert_eq!(scheduler.queued() + scheduler.sent(), open.len());
        }
        let left: BTreeSet<TaskId> = scheduler.drain().into_iter().collect();
        prop_assert_eq!(left, open);
    }
}
