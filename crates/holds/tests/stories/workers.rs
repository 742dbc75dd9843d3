//! Workers: kept arrays, mutable memory that stays with them, forks, deaths, and tables that are refused.

use holds::{Effect, Entry, Placement, Range, Reason, RegionId, Start, Worker};

use super::{A, ARENA, ARRAYS, B, MUTABLES, PART, array, begin, freed, mutable, process};

#[test]
fn kept_arrays_live_until_they_are_released() {
    let mut holds = process();
    let made = array(ARENA, 0, PART);
    let call = begin(&mut holds, 1, A, &[]);
    holds.finished(call, A, &[made], &[]).expect("honest");
    let call = begin(&mut holds, 2, B, &[made]);
    holds.finished(call, B, &[], &[made]).expect("honest");
    holds.drop_handle(ARENA, made.range).expect("a result");
    assert_eq!(holds.usage(ARENA).expect("known").retained, PART);
    assert_eq!(freed(&mut holds), []);
    holds.released(B, ARENA, made.range).expect("retained");
    assert_eq!(freed(&mut holds), [(ARENA, made.range, 1)]);
    let again = holds
        .released(B, ARENA, made.range)
        .expect_err("released already");
    assert_eq!(again.reason, Reason::NotHeld);
}

#[test]
fn mutable_memory_may_stay_with_a_worker_and_return_with_another_call() {
    let mut holds = process();
    let range = holds
        .allocate(MUTABLES, 2 * PART, Placement::Granules)
        .expect("free")
        .range;
    let put = begin(&mut holds, 1, A, &[mutable(MUTABLES, range)]);
    holds
        .finished(put, A, &[], &[mutable(MUTABLES, range)])
        .expect("honest");
    let steal = begin(&mut holds, 2, B, &[]);
    let refused = holds
        .finished(steal, B, &[mutable(MUTABLES, range)], &[])
        .expect_err("it is A's");
    assert_eq!(refused.reason, Reason::NotOwned);
    // The result names one half as an array, and reports the other half as still held.
    let half = Range::new(range.offset + PART, PART);
    let take = begin(&mut holds, 3, A, &[]);
    holds
        .finished(
            take,
            A,
            &[array(MUTABLES, range.offset, PART)],
            &[mutable(MUTABLES, half)],
        )
        .expect("honest");
    holds
        .drop_handle(MUTABLES, Range::new(range.offset, PART))
        .expect("a result");
    assert_eq!(
        freed(&mut holds),
        [],
        "the parts of an allocation share its fate"
    );
    holds.released(A, MUTABLES, half).expect("retained");
    assert_eq!(freed(&mut holds), [(MUTABLES, range, 0)]);
}

#[test]
fn a_dead_workers_arena_lives_until_its_last_array_is_dropped() {
    let mut holds = process();
    let (first, last) = (array(ARENA, 0, PART), array(ARENA, 4 * PART, PART));
    let call = begin(&mut holds, 1, A, &[]);
    holds
        .finished(call, A, &[first, last], &[])
        .expect("honest");
    holds.died(A).expect("alive until now");
    let page = |offset, end| Effect::Punch {
        region: ARENA,
        range: Range::between(offset, end),
    };
    assert_eq!(holds.poll_effect(), Some(page(PART, 4 * PART)));
    assert_eq!(holds.poll_effect(), Some(page(5 * PART, 1 << 30)));
    holds.drop_handle(ARENA, first.range).expect("a result");
    assert_eq!(
        holds.poll_effect(),
        Some(Effect::Freed {
            region: ARENA,
            range: first.range,
            entries: 1
        })
    );
    assert_eq!(holds.poll_effect(), Some(page(0, PART)));
    holds.drop_handle(ARENA, last.range).expect("a result");
    assert_eq!(
        holds.poll_effect(),
        Some(Effect::Freed {
            region: ARENA,
            range: last.range,
            entries: 1
        })
    );
    assert_eq!(
        holds.poll_effect(),
        Some(Effect::ArenaDone { region: ARENA })
    );
    assert_eq!(holds.poll_effect(), None);
}

#[test]
fn a_forked_worker_retains_what_was_alive_at_its_fork_and_no_more() {
    let mut holds = process();
    let before = holds
        .allocate(MUTABLES, PART, Placement::Granules)
        .expect("free")
        .range;
    let child = Worker { id: 7, epoch: 0 };
    holds
        .add_worker(
            child,
            Start {
                forked: true,
                writable: true,
            },
        )
        .expect("new");
    let after = holds
        .allocate(MUTABLES, PART, Placement::Granules)
        .expect("free")
        .range;
    holds.drop_handle(MUTABLES, before).expect("owned");
    holds.drop_handle(MUTABLES, after).expect("owned");
    assert_eq!(freed(&mut holds), [(MUTABLES, after, 0)]);
    assert_eq!(holds.usage(MUTABLES).expect("known").inherited, PART);
    holds.died(child).expect("alive until now");
    assert_eq!(freed(&mut holds), [(MUTABLES, before, 0)]);
}

#[test]
fn a_worker_may_lend_overlapping_parts_of_an_array_that_it_keeps() {
    let mut holds = process();
    for (call, offset) in [(1, 0), (2, PART / 2), (3, 0)] {
        let call = begin(&mut holds, call, A, &[]);
        holds
            .finished(call, A, &[array(ARENA, offset, PART)], &[])
            .expect("honest");
    }
    holds
        .drop_handle(ARENA, Range::new(0, PART))
        .expect("a result");
    holds
        .drop_handle(ARENA, Range::new(PART / 2, PART))
        .expect("a result");
    assert_eq!(freed(&mut holds), []);
    holds
        .drop_handle(ARENA, Range::new(0, PART))
        .expect("a result");
    assert_eq!(
        freed(&mut holds),
        [(ARENA, Range::new(0, PART / 2 + PART), 3)]
    );
}

#[test]
fn tables_that_an_honest_worker_never_sends_are_refused() {
    let mut holds = process();
    let alive = array(ARENA, 0, PART);
    let call = begin(&mut holds, 1, A, &[]);
    holds.finished(call, A, &[alive], &[]).expect("honest");
    let secret = holds
        .allocate(ARRAYS, PART, Placement::Granules)
        .expect("free")
        .range;
    holds.freeze(ARRAYS, secret).expect("owned");
    let call = begin(&mut holds, 2, A, &[]);
    let own = |offset, len, mutable| Entry {
        region: ARENA,
        range: Range::new(offset, len),
        mutable,
    };
    let lies: [(&[Entry], Reason); 10] = [
        (&[array(RegionId(9), 0, PART)], Reason::UnknownRegion),
        (&[own(1 << 30, PART, false)], Reason::OutOfRange),
        (&[own(u64::MAX - 63, 128, false)], Reason::OutOfRange),
        (&[own(PART, 0, false)], Reason::Empty),
        (&[own(PART, 64, false)], Reason::TooSmall),
        (&[own(0, PART, true)], Reason::Overlaps),
        (
            &[own(PART, PART, true), own(PART, PART, true)],
            Reason::Doubled,
        ),
        (
            &[own(PART, PART, true), own(PART + 64, PART, false)],
            Reason::Doubled,
        ),
        (&[array(ARRAYS, secret.offset, secret.len)], Reason::NotHeld),
        (&[mutable(ARRAYS, secret)], Reason::NotOwned),
    ];
    for (table, reason) in lies {
        let violation = holds.finished(call, A, table, &[]).expect_err("a lie");
        assert_eq!(violation.reason, reason, "{table:?}");
    }
    holds
        .finished(call, A, &[], &[])
        .expect("the call is still open");
}

#[test]
fn one_entry_may_enlarge_what_another_entry_of_the_same_result_lies_in() {
    let mut holds = process();
    let call = begin(&mut holds, 1, A, &[]);
    holds
        .finished(call, A, &[array(ARENA, PART, PART)], &[])
        .expect("honest");
    let inside = array(ARENA, PART + PART / 2, PART / 2);
    let before = array(ARENA, 0, PART + 64);
    let call = begin(&mut holds, 2, A, &[]);
    holds
        .finished(call, A, &[inside, before], &[])
        .expect("honest");
    for range in [Range::new(PART, PART), before.range] {
        holds.drop_handle(ARENA, range).expect("a result");
        assert_eq!(freed(&mut holds), []);
    }
    holds.drop_handle(ARENA, inside.range).expect("a result");
    assert_eq!(freed(&mut holds), [(ARENA, Range::new(0, 2 * PART), 3)]);
}
