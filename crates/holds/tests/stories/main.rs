//! What programs do with arrays, told in events: each test is one rule of the documentation.

mod calls;
mod receivers;
mod workers;

use holds::{
    Access, CallId, Config, Effect, Entry, Holds, Range, RegionId, RegionKind, Start, Worker,
};

const ARRAYS: RegionId = RegionId(0);
const MUTABLES: RegionId = RegionId(1);
const ARENA: RegionId = RegionId(2);
const A: Worker = Worker { id: 0, epoch: 0 };
const B: Worker = Worker { id: 1, epoch: 0 };
const PART: u64 = 8192;
const SPAWNED: Start = Start {
    forked: false,
    writable: true,
};

fn array(region: RegionId, offset: u64, len: u64) -> Entry {
    Entry {
        region,
        range: Range::new(offset, len),
        mutable: false,
    }
}

fn mutable(region: RegionId, range: Range) -> Entry {
    Entry {
        region,
        range,
        mutable: true,
    }
}

/// Two workers, the first of which has an arena.
fn process() -> Holds {
    let mut holds = Holds::new(Config::default());
    holds
        .add_region(ARRAYS, RegionKind::Array, 1 << 30)
        .expect("new");
    holds
        .add_region(MUTABLES, RegionKind::ArrayMut, 1 << 30)
        .expect("new");
    for worker in [A, B] {
        holds.add_worker(worker, SPAWNED).expect("new");
        holds.attach(worker, ARRAYS, Access::Read).expect("known");
        holds
            .attach(worker, MUTABLES, Access::Write)
            .expect("known");
    }
    holds
        .add_region(ARENA, RegionKind::Worker(A), 1 << 30)
        .expect("new");
    holds.attach(B, ARENA, Access::Read).expect("known");
    holds
}

fn begin(holds: &mut Holds, call: u64, worker: Worker, args: &[Entry]) -> CallId {
    holds.open(CallId(call), args).expect("valid arguments");
    holds.send(CallId(call), worker).expect("attached");
    CallId(call)
}

fn freed(holds: &mut Holds) -> Vec<(RegionId, Range, u64)> {
    let mut freed = Vec::new();
    while let Some(effect) = holds.poll_effect() {
        if let Effect::Freed {
            region,
            range,
            entries,
        } = effect
        {
            freed.push((region, range, entries));
        }
    }
    freed
}
