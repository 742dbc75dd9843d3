//! The `.npy` header: whatever is accepted is written and read again to the same.

use crate::gauge::bounded;
use dataset::Header;

/// The whole input is the beginning of a file.
pub(crate) fn run(input: &[u8]) {
    bounded(256 * input.len() + 16 * 1024, || {
        let Ok(header) = Header::parse(input) else {
            return;
        };
        assert!(header.data_offset <= input.len() as u64);
        let bytes = (header.layout.itemsize as u64).checked_mul(header.records);
        assert!(
            bytes.is_some_and(|bytes| bytes <= i64::MAX as u64),
            "{header:?} is longer than any file"
        );
        for field in &header.layout.fields {
            assert!(
                field.offset <= header.layout.itemsize,
                "{field:?} lies outside its record"
            );
        }
        let written = header.layout.header(header.records);
        let read = Header::parse(&written).expect("our own bytes");
        assert_eq!(
            (read.layout, read.records),
            (header.layout, header.records),
            "written differently"
        );
    });
}
