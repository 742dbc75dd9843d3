//! A worker's arena, decoders, and what is not entered in tables.

use holds::alloc::Alloc;
use holds::lent::{Lent, LentError};
use holds::{Placement, Range, Table, TableError, entered};

use super::{ARRAYS, MUTABLES, PART, array, mutable};

#[test]
fn a_freed_range_that_is_lent_again_meanwhile_stays_lent() {
    let mut lent = Lent::new(Alloc::new(1 << 20, 4096));
    let range = lent
        .allocate(PART, Placement::Granules)
        .expect("free")
        .range;
    lent.lend(range).expect("held"); // The first result; the coordinator drops it, and reports it as freed,
    lent.lend(range).expect("held"); // while a second result is on its way.
    lent.release(range, 0).expect("held");
    lent.freed(range, 1, 0).expect("lent");
    assert_eq!(lent.lent_bytes(), PART);
    lent.freed(range, 1, 0).expect("lent");
    assert_eq!((lent.lent_bytes(), lent.alloc().free_bytes()), (0, 1 << 20));
    assert_eq!(lent.freed(range, 1, 0), Err(LentError::NotHeld(range)));
}

#[test]
fn a_full_arena_is_an_error_that_says_what_holds_it() {
    let mut lent = Lent::new(Alloc::new(4 << 20, 4096));
    let results = lent
        .allocate(3 << 20, Placement::Granules)
        .expect("free")
        .range;
    lent.lend(results).expect("held");
    lent.release(results, 0).expect("held");
    let error = lent
        .allocate(2 << 20, Placement::Granules)
        .expect_err("1 MiB is left");
    assert_eq!(
        error.to_string(),
        "arena full: 3.0 MiB of 4.0 MiB are held by results, 0 bytes by this worker; \
         2.0 MiB were asked for, the longest free range is 1.0 MiB"
    );
}

#[test]
fn a_decoder_takes_aligned_whole_elements_and_mutable_entries_once() {
    let entries = vec![
        array(ARRAYS, 8, 24),
        mutable(MUTABLES, Range::new(64, 24)),
        array(ARRAYS, 4, 24),
    ];
    let mut table = Table::new(entries.clone());
    assert_eq!(table.take(0, false, 8, 8), Ok(entries[0]));
    assert_eq!(
        table.take(0, false, 8, 8),
        Ok(entries[0]),
        "an `Array` may occur more than once"
    );
    assert_eq!(table.take(0, true, 8, 8), Err(TableError::WrongKind(0)));
    assert_eq!(table.take(0, false, 16, 8), Err(TableError::Ragged(0)));
    assert_eq!(table.take(0, false, 0, 1), Err(TableError::ZeroSized(0)));
    assert_eq!(table.take(2, false, 8, 8), Err(TableError::Unaligned(2)));
    assert_eq!(table.take(3, false, 8, 8), Err(TableError::NoSuchEntry(3)));
    assert_eq!(table.untaken().count(), 2);
    assert_eq!(table.take(1, true, 8, 8), Ok(entries[1]));
    assert_eq!(table.take(1, true, 8, 8), Err(TableError::TakenTwice(1)));
}

#[test]
fn small_arrays_travel_as_bytes() {
    assert!(!entered(4095, false) && entered(4096, false) && entered(8, true) && !entered(0, true));
}
