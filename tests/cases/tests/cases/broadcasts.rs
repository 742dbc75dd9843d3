//! Tasks that every worker runs: next to other tasks, with spares, and while workers come and go.

use crate::Case;
use crate::either::{Kind, both};
use crate::elastic::builder;
use crate::order::Held;
use crate::tasks::{Marks, add_one, mark, pid};
use handoff::{ErrorKind, StartMethod, task};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

pub(crate) const BOTH: &[[Case; 2]] = &[
    both!("a_broadcast_reaches_busy_workers", busy),
    both!("a_broadcast_to_no_worker_is_none", nobody),
    both!("a_broadcast_leaves_spares_alone", spares),
    both!("a_broadcast_to_a_worker_that_leaves_ends", leaving),
    both!("a_broadcast_is_tried_again_by_choice", again),
    both!("a_broadcast_has_a_time_limit", limited),
];

fn busy(method: StartMethod, kind: Kind) {
    let marks = Marks::new();
    let mut pool = kind.start(builder(method).workers(2));
    let held = Held::new(&mut pool);
    let others: Vec<_> = (0..200)
        .map(|_| pool.submit(mark(marks.path(), 0).retries(0)))
        .collect();
    let file = held.file();
    // Both kinds of pools wait for all results in there.
    let release = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        std::fs::write(file, "").unwrap();
    });
    let ran = pool.broadcast(pid()).into_iter().map(Result::unwrap);
    let ran: BTreeSet<u32> = ran.collect();
    assert_eq!(ran.len(), 2, "{ran:?}");
    release.join().unwrap();
    assert!(ran.contains(&held.release(&mut pool)));
    for task in others {
        pool.wait(task).unwrap();
    }
    assert_eq!(marks.count(), 200);
}

fn nobody(method: StartMethod, kind: Kind) {
    let mut pool = kind.start(builder(method).workers(0..=1));
    assert!(pool.broadcast(pid()).is_empty());
    assert_eq!(pool.run(add_one(1)).unwrap(), 2);
    assert_eq!(pool.broadcast(pid()).len(), 1);
    pool.until(|pool| pool.counters().queued == 0);
}

fn spares(method: StartMethod, kind: Kind) {
    let mut pool = kind.start(builder(method).workers(1).spare(2));
    pool.until(|pool| pool.counters().workers == 3);
    let worker = pool.run(pid()).unwrap();
    let ran: Vec<u32> = pool
        .broadcast(pid())
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(ran, [worker]);
}

fn leaving(method: StartMethod, kind: Kind) {
    let mut pool = kind.start(builder(method).workers(3));
    for round in 0..20 {
        pool.resize(1 + round % 3);
        for result in pool.broadcast(pid()) {
            let kind = result.err().map(|error| error.kind());
            assert!(matches!(kind, None | Some(ErrorKind::Died)), "{kind:?}");
        }
    }
    assert_eq!(pool.run(add_one(1)).unwrap(), 2);
}

static BEGUN: AtomicU32 = AtomicU32::new(0);

/// Fails the first time in each worker.
#[task]
fn second_time() -> Result<u32, String> {
    match BEGUN.fetch_add(1, Ordering::Relaxed) {
        0 => Err("the first time".to_owned()),
        _ => Ok(std::process::id()),
    }
}

fn again(method: StartMethod, kind: Kind) {
    let mut pool = kind.start(builder(method).workers(3));
    let call = second_time().retry_if(1, Duration::from_millis(1), |error| {
        error.kind() == ErrorKind::Failed
    });
    let ran = pool.broadcast(call).into_iter().map(Result::unwrap);
    assert_eq!(ran.collect::<BTreeSet<u32>>().len(), 3);
}

fn limited(method: StartMethod, kind: Kind) {
    let mut pool = kind.start(builder(method).workers(2));
    let call = crate::tasks::sleep_ms(60_000).timeout(Duration::from_millis(100));
    let ended = pool.broadcast(call).into_iter();
    let ended: Vec<_> = ended.map(|result| result.unwrap_err().kind()).collect();
    assert_eq!(ended, [ErrorKind::TimedOut; 2]);
    assert_eq!(pool.run(add_one(1)).unwrap(), 2);
}
