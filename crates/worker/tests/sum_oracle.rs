//! Every kernel gives the oracle's bits: for any values, however they lie in their records, however
//! they are split, in whatever order, and also after their partials crossed a socket.

use dataset::{Column, Kind, Order, Scalar};
use proptest::prelude::*;
use worker::sum::oracle::{self, Answer};
use worker::sum::{Kernel, Partial, Summer};

/// Bit patterns of 8 bytes that have hurt sums before, and plenty of any others.
fn bits() -> impl Strategy<Value = u64> {
    let nasty = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        1e16,
        -1e16,
        0.1,
        f64::MAX,
        f64::MIN,
        f64::MAX / 2.0,
        f64::MIN_POSITIVE,
        f64::MIN_POSITIVE.next_down(),
        5e-324,
        -5e-324,
        // Halves of an ulp of 1, exactly, a little more, a little less.
        2f64.powi(-53),
        2f64.powi(-53).next_up(),
        2f64.powi(-53).next_down(),
        2f64.powi(970),
        -(2f64.powi(970)),
    ];
    prop_oneof![
        4 => proptest::sample::select(nasty.map(f64::to_bits).to_vec()),
        4 => (-1000i32..1000).prop_map(|value| f64::from(value).to_bits()),
        4 => (-1.0..1.0f64, -60..60i32).prop_map(|(x, e)| (x * 2f64.powi(e)).to_bits()),
        2 => any::<u64>().prop_map(|bits| bits % (1 << 63) % f64::INFINITY.to_bits()),
        1 => any::<u64>(),
        // Quiet and signalling NaNs with payloads, of both signs.
        1 => any::<u64>().prop_map(|bits| bits | f64::INFINITY.to_bits() | 1),
    ]
}

/// How often a case has an infinity at all, and of which sign: one of them hides all else.
fn infinities() -> impl Strategy<Value = Vec<f64>> {
    let (inf, neg) = (f64::INFINITY, f64::NEG_INFINITY);
    prop_oneof![
        10 => Just(vec![]),
        1 => Just(vec![inf]),
        1 => Just(vec![neg, neg]),
        1 => Just(vec![inf, neg]),
    ]
}

fn scalars() -> impl Strategy<Value = Scalar> {
    let kinds = prop_oneof![
        4 => Just(Kind::F8),
        2 => Just(Kind::F4),
        3 => proptest::sample::select(Kind::ALL.to_vec()),
    ];
    (
        kinds,
        proptest::sample::select(vec![Order::Little, Order::Big]),
    )
        .prop_map(|(kind, order)| Scalar::new(kind, order))
}

fn columns() -> impl Strategy<Value = Column> {
    (scalars(), 0usize..20, 0usize..20, 0usize..4).prop_map(|(scalar, before, after, shape)| {
        let size = scalar.size();
        let (offset, stride) = match shape {
            0 => (0, size),
            1 => (before.min(24 - size), 24),
            _ => (before, before + size + after),
        };
        Column {
            offset,
            stride,
            scalar,
        }
    })
}

/// Records that hold `values` at the column's place, and bytes of no meaning elsewhere.
fn records(column: &Column, values: &[u64]) -> Vec<u8> {
    let size = column.scalar.size();
    let mut records = vec![0xff; values.len() * column.stride];
    for (record, &bits) in records.chunks_mut(column.stride).zip(values) {
        let mut bytes = match column.scalar.kind {
            // Most doubles are beyond a float; their bits are as nasty as any.
            Kind::F4 if bits % 3 == 0 => (bits as u32).to_le_bytes().to_vec(),
            Kind::F4 => (f64::from_bits(bits) as f32).to_le_bytes().to_vec(),
            Kind::F8 => bits.to_le_bytes().to_vec(),
            // The low bytes of most doubles are zero.
            _ if bits % 2 == 0 => bits.to_be_bytes()[..size].to_vec(),
            _ => bits.to_le_bytes()[..size].to_vec(),
        };
        if column.scalar.order == Order::Big {
            bytes.reverse();
        }
        record[column.offset..][..size].copy_from_slice(&bytes);
    }
    records
}

fn answer(partial: &Partial) -> Answer {
    Answer {
        value: partial.value(),
        count: partial.count(),
        nan_count: partial.nan_count(),
    }
}

fn over_a_socket(partial: &Partial) -> Partial {
    postcard::from_bytes(&postcard::to_stdvec(partial).unwrap()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_column_on_any_kernel(
        column in columns(),
        values in proptest::collection::vec(bits(), 0..300),
        infinities in infinities(),
        misalignment in 0usize..64,
    ) {
        let mut values = values;
        values.extend(infinities.iter().map(|value| value.to_bits()));
        let records = records(&column, &values);
        let expected = oracle::sum(&records, &column);
        // An exact copy at some other alignment, so that reading beyond it is an error for tools
        // that watch the heap.
        let mut shifted = vec![0; misalignment].into_boxed_slice().into_vec();
        shifted.extend_from_slice(&records);
        for kernel in Kernel::available() {
            let mut summer = Summer::with_kernel(&column, kernel).unwrap();
            summer.add(&shifted[misalignment..]);
            prop_assert_eq!(answer(&summer.finish()), expected, "{}", kernel);
        }
    }

    #[test]
    fn any_split_in_any_order(
        scalar in scalars(),
        mut values in proptest::collection::vec(bits(), 1..400),
        infinities in infinities(),
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..8),
        streamed in any::<bool>(),
        rotation in any::<proptest::sample::Index>(),
    ) {
        let column = Column { offset: 3, stride: 24, scalar };
        values.extend(infinities.iter().map(|value| value.to_bits()));
        let ordered = records(&column, &values);
        let expected = oracle::sum(&ordered, &column);
        let middle = rotation.index(values.len());
        values.rotate_left(middle);
        values[..middle].reverse();
        let records = records(&column, &values);
        let mut cuts: Vec<usize> =
            cuts.iter().map(|cut| cut.index(values.len()) * column.stride).collect();
        cuts.extend([0, records.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|cut| &records[cut[0]..cut[1]]);
        let mut partials = vec![];
        for kernel in Kernel::available() {
            let mut whole = Partial::default();
            if streamed {
                let mut summer = Summer::with_kernel(&column, kernel).unwrap();
                pieces.clone().for_each(|piece| summer.add(piece));
                whole.merge(&over_a_socket(&summer.finish()));
            } else {
                // Last piece first: results come in as they please.
                for piece in pieces.clone().rev() {
                    let mut summer = Summer::with_kernel(&column, kernel).unwrap();
                    summer.add(piece);
                    whole.merge(&over_a_socket(&summer.finish()));
                }
            }
            prop_assert_eq!(answer(&whole), expected, "{}", kernel);
            partials.push(whole);
        }
        prop_assert!(partials.windows(2).all(|pair| pair[0] == pair[1]), "more than the value agrees");
    }

    #[test]
    fn hostile_bytes_give_a_valid_partial_or_an_error(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
    ) {
        if let Ok(partial) = postcard::from_bytes::<Partial>(&bytes) {
            let mut twice = partial.clone();
            twice.merge(&partial);
            prop_assert!(partial.value().is_nan() || partial.value() == partial.value());
            prop_assert_eq!(over_a_socket(&partial), partial);
        }
    }

    #[test]
    fn a_damaged_partial_is_still_valid_or_refused(
        values in proptest::collection::vec(bits(), 0..20),
        at in any::<proptest::sample::Index>(),
        damage in 1u8..,
    ) {
        let column = Column {
            offset: 0,
            stride: 8,
            scalar: Scalar::new(Kind::F8, Order::Little),
        };
        let mut summer = Summer::new(&column);
        summer.add(&records(&column, &values));
        let mut bytes = postcard::to_stdvec(&summer.finish()).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= damage;
        if let Ok(partial) = postcard::from_bytes::<Partial>(&bytes) {
            prop_assert_eq!(over_a_socket(&partial), partial);
        }
    }
}

/// Many blocks: the lanes carry over from one to the next, give up, and come back.
#[test]
fn long_columns_with_blocks_that_do_not_fit_the_lanes() {
    let column = Column {
        offset: 16,
        stride: 24,
        scalar: Scalar::new(Kind::F8, Order::Little),
    };
    let mut state = 1u64;
    let mut random = move || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 11) as f64 / 2f64.powi(53) - 0.5
    };
    let mut values = vec![];
    for block in 0..40 {
        for _ in 0..1500 {
            let value = match block % 8 {
                0..4 => random(),
                4 => random() * 2f64.powi((random() * 2000.0) as i32),
                5 => [0.0, 1.0, f64::NAN][(random() * 3.0 + 1.5) as usize],
                6 => random() * f64::MAX,
                _ => random() * 5e-310,
            };
            values.push(value.to_bits());
        }
    }
    let records = records(&column, &values);
    let expected = oracle::sum(&records, &column);
    for kernel in Kernel::available() {
        let mut summer = Summer::with_kernel(&column, kernel).unwrap();
        for piece in records.chunks(7919 * column.stride) {
            summer.add(piece);
        }
        assert_eq!(answer(&summer.finish()), expected, "{kernel}");
    }
}

/// Sums that are known without an oracle.
#[test]
fn known_sums() {
    let column = Column {
        offset: 0,
        stride: 8,
        scalar: Scalar::new(Kind::F8, Order::Little),
    };
    let cases: [(&[f64], f64); 7] = [
        (&[1e16, 1.0, -1e16], 1.0),
        (&[-0.0, -0.0], 0.0),
        (&[f64::MAX, f64::MAX, f64::MIN], f64::MAX),
        (&[f64::MAX, f64::MAX], f64::INFINITY),
        (&[1.0, f64::INFINITY, f64::MIN], f64::INFINITY),
        (&[0.1; 10], 1.0),
        (&[1.0, 2f64.powi(-53), 2f64.powi(-1074)], 1.0 + f64::EPSILON),
    ];
    for (values, expected) in cases {
        for kernel in Kernel::available() {
            let mut summer = Summer::with_kernel(&column, kernel).unwrap();
            // Zeros after them, so that no kernel sees these values as a tail only.
            let bytes: Vec<u8> = values
                .iter()
                .chain(&[0.0; 16])
                .flat_map(|value| value.to_le_bytes())
                .collect();
            summer.add(&bytes);
            assert_eq!(
                summer.finish().value().to_bits(),
                expected.to_bits(),
                "{values:?}"
            );
        }
    }
}
