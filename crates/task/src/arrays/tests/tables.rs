//! Memory that is used again, other encoders, and invalid tables.

use super::super::table::Entry;
use super::*;

#[test]
fn memory_that_was_used_is_zero_again() {
    let pair = Pair::new(64 << 20);
    let is_zero = |array: &[u64]| array.iter().all(|&value| value == 0);
    drop(ArrayMut::filled(LONG, u64::MAX).unwrap());
    assert!(is_zero(&ArrayMut::zeroed(LONG).unwrap()));
    let zero = pair.call((), |()| {
        drop(ArrayMut::filled(LONG, u64::MAX).unwrap());
        Ok(ArrayMut::<u64>::zeroed(LONG).unwrap())
    });
    assert!(is_zero(&zero.unwrap()));
}

#[test]
fn other_formats_and_other_encoders_see_elements() {
    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Named {
        values: Array<f32>,
    }
    let _pair = Pair::new(64 << 20);
    let named = Named {
        values: Array::from_slice(&[1.5, 2.5]).unwrap(),
    };
    let bytes = postcard::to_stdvec(&named).unwrap();
    assert_eq!(bytes, postcard::to_stdvec(&vec![1.5f32, 2.5]).unwrap());
    assert_eq!(from_bytes::<Named>(&bytes).unwrap(), named);
}

#[test]
fn an_encoder_that_panics_leaves_nothing_behind() {
    struct Panics(Array<u8>);
    impl Serialize for Panics {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let _ = self.0.serialize(serializer);
            panic!("on purpose")
        }
    }
    let _pair = Pair::new(64 << 20);
    let array = Array::from_vec(vec![1u8; SHARED_BYTES]).unwrap();
    let panics = Panics(array.clone());
    let encoding = std::panic::AssertUnwindSafe(|| encode(|| postcard::to_stdvec(&panics)));
    assert!(std::panic::catch_unwind(encoding).is_err());
    let elements = postcard::to_stdvec(&array).unwrap();
    assert!(elements.len() > SHARED_BYTES);
    drop((array, panics));
    assert_eq!(coordinator::held_bytes(), 0);
}

#[test]
fn a_table_that_cannot_be_is_refused_by_both_sides() {
    let pair = Pair::new(64 << 20);
    let made = pair.call((), |()| Ok(ArrayMut::<u64>::zeroed(LONG).unwrap()));
    let made = made.unwrap();
    let range = |offset, len, mutable| {
        ArrayEntry::Shared(wire::ArrayRange {
            region: 0,
            offset,
            len,
            mutable,
        })
    };
    let far = 1 << 62;
    let overlapping = vec![range(0, 8192, true), range(4096, 8192, false)];
    let empty = vec![range(0, 0, false)];
    for entries in [vec![range(far, far, false)], empty, overlapping] {
        let said = ResultArrays {
            entries: entries.clone(),
            ..ResultArrays::default()
        };
        let member = pair.member.as_ref().unwrap();
        assert!(member.finished(None, &said).is_err(), "{entries:?}");
        let beside = CallArrays {
            entries,
            ..CallArrays::default()
        };
        assert!(worker::incoming(&beside).is_err());
    }
    let (blob, table) = encode(|| postcard::to_stdvec(&made).unwrap());
    drop(table);
    let cut_off = Entry::Bytes {
        len: 99,
        mutable: true,
    };
    let why = |entries| {
        let decoding = || decode(&blob, from_bytes::<ArrayMut<u64>>);
        with_incoming(Table { entries }, decoding).0.unwrap_err()
    };
    assert_eq!(
        why(vec![cut_off]),
        "arrays that travel as bytes are cut off"
    );
    assert_eq!(why(vec![]), "array 0 is not in the table");
    assert_eq!(why(vec![Entry::Taken]), "mutable array 0 occurs twice");
    let kept = Array::from_slice(&[1u8; 12]).unwrap();
    let item = |start, len, mutable| {
        Entry::Held(crate::arrays::table::Item {
            hold: kept.hold.clone(),
            start,
            len,
            mutable,
        })
    };
    assert!(why(vec![item(0, 8, false)]).contains("mutable in the table and not"));
    assert!(why(vec![item(0, 12, true)]).contains("whole elements"));
    assert!(why(vec![item(1, 8, true)]).contains("not aligned"));
}
