//! The coordinator: arrays as arguments and results of calls.

use holds::{Access, CallId, Placement, Reason, Start, UseError, Worker};

use super::{A, ARENA, ARRAYS, B, MUTABLES, PART, array, begin, freed, mutable, process};

#[test]
fn pieces_of_one_region_are_filled_by_workers_joined_and_read() {
    let mut holds = process();
    let whole = holds
        .allocate(MUTABLES, 64 * PART, Placement::Granules)
        .expect("free")
        .range;
    let (mut parts, mut rest) = (Vec::new(), whole);
    while rest.len > PART {
        let (part, others) = holds
            .split(MUTABLES, rest, PART)
            .expect("longer than a part");
        parts.push(part);
        rest = others;
    }
    parts.push(rest);
    for (n, &part) in parts.iter().enumerate() {
        let call = begin(
            &mut holds,
            n as u64,
            if n % 2 == 0 { A } else { B },
            &[mutable(MUTABLES, part)],
        );
        assert_eq!(
            holds.drop_handle(MUTABLES, part),
            Err(UseError::NoHandle(MUTABLES, part)),
            "it is handed over"
        );
        assert_eq!(holds.usage(MUTABLES).expect("known").calls, PART);
        holds
            .finished(
                call,
                if n % 2 == 0 { A } else { B },
                &[mutable(MUTABLES, part)],
                &[],
            )
            .expect("honest");
    }
    let joined = holds.join(MUTABLES, &parts).expect("all parts are here");
    assert_eq!(joined, whole);
    holds.freeze(MUTABLES, joined).expect("owned");
    let calls: Vec<CallId> = parts
        .iter()
        .enumerate()
        .map(|(n, part)| {
            begin(
                &mut holds,
                100 + n as u64,
                B,
                &[array(MUTABLES, part.offset, part.len)],
            )
        })
        .collect();
    holds.drop_handle(MUTABLES, whole).expect("frozen");
    for call in calls {
        assert_eq!(freed(&mut holds), [], "open calls refer to it");
        holds.finished(call, B, &[], &[]).expect("honest");
    }
    assert_eq!(freed(&mut holds), [(MUTABLES, whole, 0)]);
}

#[test]
fn an_argument_may_come_back_as_a_part_of_the_result() {
    let mut holds = process();
    let data = holds
        .allocate(ARRAYS, 4 * PART, Placement::Granules)
        .expect("free")
        .range;
    holds.freeze(ARRAYS, data).expect("owned");
    let call = begin(&mut holds, 1, A, &[array(ARRAYS, data.offset, data.len)]);
    holds.drop_handle(ARRAYS, data).expect("frozen");
    let (low, high) = (array(ARRAYS, data.offset, PART), array(ARENA, 0, PART));
    holds.finished(call, A, &[low, high], &[]).expect("honest");
    assert_eq!(freed(&mut holds), []);
    holds.drop_handle(ARRAYS, low.range).expect("a result");
    holds.drop_handle(ARENA, high.range).expect("a result");
    assert_eq!(
        freed(&mut holds),
        [(ARRAYS, data, 0), (ARENA, high.range, 1)]
    );
}

#[test]
fn what_a_begun_call_owned_is_reused_only_after_the_confirmed_death() {
    let mut holds = process();
    let range = holds
        .allocate(MUTABLES, PART, Placement::Granules)
        .expect("free")
        .range;
    let call = begin(&mut holds, 1, A, &[mutable(MUTABLES, range)]);
    assert!(holds.owns_memory(call));
    holds.cancel(call).expect("open");
    assert_eq!(freed(&mut holds), [], "the worker may still write");
    holds.died(A).expect("alive until now");
    assert_eq!(freed(&mut holds), [(MUTABLES, range, 0)]);
}

#[test]
fn a_retried_call_has_its_memory_again() {
    let mut holds = process();
    let range = holds
        .allocate(MUTABLES, PART, Placement::Granules)
        .expect("free")
        .range;
    let call = begin(&mut holds, 1, A, &[mutable(MUTABLES, range)]);
    holds.died(A).expect("alive until now");
    let late = holds
        .finished(call, A, &[mutable(MUTABLES, range)], &[])
        .expect_err("news of a dead worker");
    assert_eq!(late.reason, Reason::NoSuchCall);
    holds.send(call, B).expect("not at a worker any more");
    holds
        .finished(call, B, &[mutable(MUTABLES, range)], &[])
        .expect("honest");
    holds.drop_handle(MUTABLES, range).expect("a result");
    assert_eq!(freed(&mut holds), [(MUTABLES, range, 0)]);
}

#[test]
fn a_call_is_sent_where_its_regions_are_attached_and_nowhere_else() {
    let mut holds = process();
    let external = Worker { id: 9, epoch: 0 };
    holds
        .add_worker(
            external,
            Start {
                forked: false,
                writable: false,
            },
        )
        .expect("new");
    let range = holds
        .allocate(MUTABLES, PART, Placement::Granules)
        .expect("free")
        .range;
    let call = CallId(1);
    holds
        .open(call, &[mutable(MUTABLES, range)])
        .expect("owned");
    assert_eq!(
        holds.missing(call, external),
        Ok(vec![(MUTABLES, Access::Write)])
    );
    assert_eq!(
        holds.send(call, external),
        Err(UseError::NoWritableMemory(external))
    );
    assert_eq!(
        holds.attach(external, MUTABLES, Access::Write),
        Err(UseError::NoWritableMemory(external))
    );
    assert_eq!(holds.missing(call, A), Ok(vec![]));
    assert_eq!(holds.send(call, A), Ok(()));
    assert_eq!(holds.send(call, B), Err(UseError::CallBusy(call)));
}

#[test]
fn memory_is_handed_over_once() {
    let mut holds = process();
    let range = holds
        .allocate(MUTABLES, PART, Placement::Granules)
        .expect("free")
        .range;
    let entry = mutable(MUTABLES, range);
    assert_eq!(
        holds.open(CallId(1), &[entry, entry]),
        Err(UseError::Doubled(MUTABLES, range))
    );
    holds.open(CallId(1), &[entry]).expect("owned");
    assert_eq!(
        holds.open(CallId(2), &[entry]),
        Err(UseError::NoHandle(MUTABLES, range))
    );
    holds.cancel(CallId(1)).expect("open");
    assert_eq!(freed(&mut holds), [(MUTABLES, range, 0)]);
}
