//! Layouts and damage that nobody thought of.

use dataset::{Dtype, Field, Header, Layout};
use proptest::prelude::*;

use crate::{described, framed};

/// Any type that a field may have.
fn any_dtype() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "<f8", ">f8", "<f4", ">f4", "|i1", "<i2", ">i4", "<i8", "|u1", ">u2", "<u4", ">u8", "|b1",
        "<M8[ns]", ">M8[D]", "<m8[25s]", "<M8", "|S0", "|S7", "<U3", ">U1", "|V5", "<f2", "<f16",
        "<c8", ">c16",
    ])
}

/// Layouts as NumPy can write them: named fields with gaps of padding between and after them.
fn any_layout() -> impl Strategy<Value = Layout> {
    let field = ("[^\\n]{1,8}", any_dtype(), 0usize..9);
    (prop::collection::vec(field, 1..8), 0usize..9).prop_filter_map(
        "names that differ, some bytes",
        |(parts, end)| {
            let mut offset = 0;
            let mut fields: Vec<Field> = Vec::new();
            for (name, code, gap) in parts {
                let dtype = dtype(code);
                let start = offset + gap;
                offset = start + dtype.size();
                if fields.iter().any(|field| field.name == name) {
                    return None;
                }
                fields.push(Field {
                    name,
                    offset: start,
                    dtype,
                });
            }
            let itemsize = offset + end;
            (itemsize > 0).then_some(Layout {
                itemsize,
                fields,
                structured: true,
            })
        },
    )
}

/// The type that `code` names, by way of a header.
fn dtype(code: &str) -> Dtype {
    let text =
        format!("{{'descr':[('x','{code}'),('y','|V1')],'fortran_order':False,'shape':(1,)}}");
    let header = Header::parse(&framed(1, text.as_bytes())).unwrap();
    header.layout.fields[0].dtype.clone()
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(layout in any_layout(), records in 0u64..1 << 40) {
        let bytes = layout.header(records);
        let header = Header::parse(&bytes).unwrap();
        prop_assert_eq!(bytes.len() % 64, 0);
        prop_assert_eq!(header, Header { layout, records, data_offset: bytes.len() as u64 });
    }

    #[test]
    fn damaged_headers_do_not_panic(
        layout in any_layout(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = layout.header(1_000);
        for (index, byte) in damage {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        let _ = Header::parse(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        let _ = Header::parse(&bytes);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[\\[\\](){},:'\"\\\\0-9a-z<|é -]{0,200}", version in 1u8..4) {
        if let Ok(header) = Header::parse(&framed(version, text.as_bytes())) {
            prop_assert!(header.layout.itemsize > 0);
        }
    }

    #[test]
    fn any_descr_is_read_or_refused(descr in "\\[(\\('[a-z]{0,2}', '[<>|=]?[a-zA-Z][0-9]{0,3}(\\[[a-z0-9]{0,3}\\])?'\\),? ?){0,5}\\]") {
        if let Ok(header) = described(&descr, "(1,)") {
            for field in &header.layout.fields {
                prop_assert!(field.offset + field.dtype.size() <= header.layout.itemsize);
                if let Ok(column) = header.layout.column(Some(&field.name)) {
                    prop_assert_eq!(column.validate(), Ok(()));
                }
            }
        }
    }
}
