//! Headers: byte for byte as NumPy writes them, whatever NumPy can write read back, and no harmful
//! effect of any other bytes.

use dataset::{Class, DescrError, Field, Header, HeaderError, Kind, Layout, Order, Scalar};

mod properties;

/// A file's header around `text`, padded to nothing.
fn framed(version: u8, text: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY".to_vec();
    bytes.extend([version, 0]);
    let len = (text.len() as u32).to_le_bytes();
    bytes.extend(if version == 1 { &len[..2] } else { &len[..] });
    bytes.extend(text);
    bytes
}

fn described(descr: &str, shape: &str) -> Result<Header, HeaderError> {
    let text = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}");
    Header::parse(&framed(1, text.as_bytes()))
}

fn names(header: &Header) -> Vec<(&str, usize)> {
    header
        .layout
        .fields
        .iter()
        .map(|field| (field.name.as_str(), field.offset))
        .collect()
}

#[test]
fn writes_the_bytes_that_numpy_writes() {
    let text = "{'descr': [('index', '<i8'), ('timestamp', '<M8[ns]'), ('val', '<f8')], \
                'fortran_order': False, 'shape': (200000000,), }";
    let mut expected = b"\x93NUMPY\x01\x00\xb6\x00".to_vec();
    expected.extend(text.bytes());
    expected.resize(191, b' ');
    expected.push(b'\n');
    assert_eq!(Layout::study().header(200_000_000), expected);
    // The length does not depend on the number of records, up to the largest.
    assert_eq!(Layout::study().header(0).len(), 192);
    assert_eq!(Layout::study().header(u64::MAX).len(), 192);
}

#[test]
fn plain_arrays_are_written_too() {
    let layout = described("'<f8'", "(7,)").unwrap().layout;
    let bytes = layout.header(7);
    let start =
        b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (7,), }  ";
    assert!(bytes.starts_with(start) && bytes.len() == 128);
    assert_eq!(Header::parse(&bytes).unwrap().layout, layout);
}

#[test]
fn takes_the_oldest_version_that_holds_the_layout() {
    let named = |name: &str| Layout {
        itemsize: 8,
        fields: vec![Field {
            name: name.to_owned(),
            offset: 0,
            dtype: Scalar::new(Kind::F8, Order::Little).into(),
        }],
        structured: true,
    };
    // NumPy goes over to 2.0 at exactly this length.
    for (name, version) in [
        ("x".repeat(65_439), 1),
        ("x".repeat(65_440), 2),
        ("größe".into(), 1),
        ("日本".into(), 3),
    ] {
        let layout = named(&name);
        let bytes = layout.header(3);
        assert_eq!((bytes[6], bytes.len() % 64), (version, 0));
        let header = Header::parse(&bytes).unwrap();
        assert_eq!((&header.layout, header.records), (&layout, 3));
        assert_eq!(header.data_offset, bytes.len() as u64);
    }
}

#[test]
fn padding_titles_and_types_beside() {
    let header = described(
        "[('a', '|i1'), ('', '|V7'), (('Title', 'b'), '<f8'), ('', '|V8')]",
        "(3,)",
    )
    .unwrap();
    assert_eq!(names(&header), [("a", 0), ("b", 8)]);
    assert_eq!((header.layout.itemsize, header.records), (24, 3));

    let header = described(
        "[('t', '<M8'), ('d', '<m8[25s]'), ('s', '|S5'), ('u', '<U3'), ('v', '|V4'), ('h', '<f2'), ('x', '>f8')]",
        "(10L,)",
    )
    .unwrap();
    assert_eq!(names(&header).last(), Some(&("x", 39)));
    assert_eq!(header.layout.fields[0].dtype.class(), Class::DateTime);
    let column = header.layout.column(Some("x")).unwrap();
    assert_eq!(column.scalar, Scalar::new(Kind::F8, Order::Big));
}

#[test]
fn names_of_version_1_are_latin_1() {
    let text = b"{'descr': [('gr\xf6\xdfe', '<f8')], 'fortran_order': False, 'shape': (1,), }";
    assert_eq!(
        names(&Header::parse(&framed(1, text)).unwrap()),
        [("größe", 0)]
    );
    assert_eq!(Header::parse(&framed(3, text)), Err(HeaderError::Encoding));
}

#[test]
fn fortran_order_means_nothing_in_one_dimension() {
    let text = b"{'descr': '<f8', 'fortran_order': True, 'shape': (4,), }";
    assert_eq!(
        Header::parse(&framed(2, text)).map(|header| header.records),
        Ok(4)
    );
}

/// Sub-arrays and nested records, also of each other: whatever stands beside a number, its place is known.
#[test]
fn a_number_beside_sub_arrays_and_records_has_its_place() {
    for (beside, size) in [
        ("('m', '<f8', (2, 3))", 48),
        ("('m', '|u1', 5)", 5),
        ("('m', '|u1', (0,))", 0),
        ("('m', '<f8', ())", 8),
        ("('r', [('x', '<f8'), ('', '|V3'), ('y', '|S2')])", 13),
        (
            "('r', [('x', '<i4'), ('s', [('t', '<M8[ns]'), ('u', '>f2', (3,))], (2, 2))], (2,))",
            120,
        ),
        ("('m', ('<f4', (2,)), (3,))", 24),
        ("(('title', 'm'), '<f8', (2,))", 16),
    ] {
        let descr = format!("[{beside}, ('val', '<f8'), ('after', '<i2', (2,))]");
        let layout = described(&descr, "(1,)").unwrap().layout;
        assert_eq!(layout.itemsize, size + 12, "{beside}");
        let column = layout.column(Some("val")).unwrap();
        assert_eq!(
            (column.offset, column.stride),
            (size, size + 12),
            "{beside}"
        );
        let after = layout.column(Some("after")).unwrap_err().to_string();
        assert!(
            after.contains("'(2,)<i2', a sub-array, and cannot be summed"),
            "{after}"
        );
        // And it can be written again.
        let again = Header::parse(&layout.header(1)).unwrap().layout;
        assert_eq!(again, layout, "{beside}");
    }
    let nested = described("[('r', [('x', '<f8')]), ('v', '<i4')]", "(1,)").unwrap();
    let message = nested.layout.column(Some("r")).unwrap_err().to_string();
    let expected =
        "field 'r' is '|V8', a nested record, and cannot be summed; the numeric fields are 'v' <i4";
    assert_eq!(message, expected);
}

#[test]
fn refuses_layouts_by_name() {
    let field = |name: &str| name.to_owned();
    for (descr, expected) in [
        ("'|O'", DescrError::Object { field: None }),
        (
            "[('o', '|O')]",
            DescrError::Object {
                field: Some(field("o")),
            },
        ),
        (
            "[('r', [('o', '|O')], (2,))]",
            DescrError::Object {
                field: Some(field("o")),
            },
        ),
        ("[('m', '<f8', (2, -2))]", DescrError::Form),
        ("[('m', '<f8', ('2',))]", DescrError::Form),
        (
            "[('m', '<f8', (4294967296, 4294967296))]",
            DescrError::TooLarge,
        ),
        ("[('r', []), ('m', '<f8', (0,))]", DescrError::NoBytes),
        ("('<f8', (2,))", DescrError::SubArray),
        (
            "[('x', '<f8'), ('x', '<i4')]",
            DescrError::Duplicate { field: field("x") },
        ),
        (
            "[('x', '<f3')]",
            DescrError::Unknown {
                field: Some(field("x")),
                code: "<f3".into(),
            },
        ),
        ("[]", DescrError::NoBytes),
        ("'|V0'", DescrError::NoBytes),
        (
            "[('a', '|V18446744073709551615'), ('b', '|V1')]",
            DescrError::TooLarge,
        ),
        ("7", DescrError::Form),
        ("[('x',)]", DescrError::Form),
        ("[(1, '<f8')]", DescrError::Form),
    ] {
        assert_eq!(
            described(descr, "(1,)"),
            Err(HeaderError::Descr(expected)),
            "{descr}"
        );
    }
}

#[test]
fn refuses_shapes_by_name() {
    for (shape, dimensions) in [("()", 0), ("(2, 3)", 2), ("(0, 0, 0)", 3)] {
        assert_eq!(
            described("'<f8'", shape),
            Err(HeaderError::Dimensions { dimensions })
        );
    }
    for (shape, records) in [
        ("(-1,)", -1),
        ("(1152921504606846976,)", 1 << 60),
        ("(36893488147419103232,)", 1 << 65),
    ] {
        assert_eq!(
            described("'<f8'", shape),
            Err(HeaderError::Size {
                records,
                itemsize: 8
            })
        );
    }
    assert_eq!(described("'<f8'", "3"), Err(HeaderError::Shape));
    assert_eq!(described("'<f8'", "('3',)"), Err(HeaderError::Shape));
    assert!(matches!(
        described("'<f8'", "(3.5,)"),
        Err(HeaderError::Syntax { .. })
    ));
}

#[test]
fn refuses_faulty_framing_by_name() {
    assert_eq!(Header::parse(b"\x93NUMP"), Err(HeaderError::Magic));
    assert_eq!(
        Header::parse(b"\x93NUMPY\x01"),
        Err(HeaderError::CutOff {
            stated: 10,
            found: 7
        })
    );
    assert_eq!(
        Header::parse(b"\x93NUMPY\x02\x00\x10\x00"),
        Err(HeaderError::CutOff {
            stated: 12,
            found: 10
        })
    );
    assert_eq!(
        Header::parse(b"\x93NUMPY\x01\x00\x10\x00{"),
        Err(HeaderError::CutOff {
            stated: 26,
            found: 11
        })
    );
    assert_eq!(
        Header::parse(b"\x93NUMPY\x02\x00\xff\xff\xff\xff"),
        Err(HeaderError::TooLong {
            stated: 0x1_0000_000b
        })
    );
    assert_eq!(
        Header::parse(b"\x93NUMPY\x04\x01\x00\x00\x00\x00"),
        Err(HeaderError::Version { major: 4, minor: 1 })
    );
    assert!(matches!(
        Header::parse(&framed(1, b"[]")),
        Err(HeaderError::Syntax { .. })
    ));
    for keys in [
        "{}",
        "{'descr': '<f8', 'shape': (1,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'more': 1}",
        "{'descr': '<f8', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f8', 1: False, 'shape': (1,)}",
    ] {
        assert!(
            matches!(
                Header::parse(&framed(1, keys.as_bytes())),
                Err(HeaderError::Keys { .. })
            ),
            "{keys}"
        );
    }
    let order = b"{'descr': '<f8', 'fortran_order': 0, 'shape': (1,)}";
    assert_eq!(
        Header::parse(&framed(1, order)),
        Err(HeaderError::FortranOrder)
    );
}

#[test]
fn a_megabyte_of_fields_or_brackets_is_read_in_passing() {
    let many: Vec<_> = (0..40_000)
        .map(|index| format!("('f{index}','<f8')"))
        .collect();
    let text = format!(
        "{{'descr':[{}],'fortran_order':False,'shape':(1,)}}",
        many.join(",")
    );
    let header = Header::parse(&framed(2, text.as_bytes())).unwrap();
    assert_eq!(header.layout.fields.len(), 40_000);
    assert!(header.layout.column(Some("f4000")).is_ok());
    // A message stays readable whatever the file holds.
    assert!(header.layout.column(None).unwrap_err().to_string().len() < 1_000);
    assert!(Header::parse(&framed(2, "[".repeat(1_000_000).as_bytes())).is_err());
}
