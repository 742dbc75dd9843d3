//! Tables of arrays as honest peers send them, and the first lies.

use wire::{ArrayEntry, ArrayRange, CallArrays, FreedRange, ResultArrays};
fn range(region: u32, offset: u64, len: u64, mutable: bool) -> ArrayRange {
    ArrayRange {
        region,
        offset,
        len,
        mutable,
    }
}

fn result(entries: &[ArrayRange], retained: &[ArrayRange], released: &[ArrayRange]) -> Vec<u8> {
    let entries = entries.iter().map(|&range| ArrayEntry::Shared(range));
    let said = ResultArrays {
        entries: entries.collect(),
        retained: retained.to_vec(),
        released: released.to_vec(),
    };
    said.to_bytes()
}

fn call(entries: &[ArrayRange], freed: &[(u64, u64, u64)], forget: &[u32]) -> Vec<u8> {
    let freed = freed.iter().map(|&(offset, len, entries)| FreedRange {
        offset,
        len,
        entries,
    });
    let entries = entries.iter().map(|&range| ArrayEntry::Shared(range));
    let beside = CallArrays {
        entries: entries.collect(),
        freed: freed.collect(),
        forget: forget.to_vec(),
    };
    beside.to_bytes()
}

/// Inputs of the target `arrays`.
pub(crate) fn tables() -> Vec<Vec<u8>> {
    let mut inputs = Vec::new();
    for region in 0..3 {
        let (low, high) = (
            range(region, 0, 8192, true),
            range(region, 8192, 8192, false),
        );
        inputs.push((
            0,
            vec![result(&[low, high], &[], &[]), result(&[high], &[], &[])],
        ));
        inputs.push((
            0,
            vec![result(&[high], &[low], &[]), result(&[], &[], &[low])],
        ));
        inputs.push((0, vec![result(&[low, low], &[], &[])]));
        inputs.push((
            0,
            vec![result(&[range(region, u64::MAX, 2, false)], &[], &[])],
        ));
    }
    let (read, write) = (range(7, 64, 4096, false), range(8, 4096, 4096, true));
    inputs.push((
        1,
        vec![call(&[read, write], &[], &[]), call(&[read], &[], &[7])],
    ));
    inputs.push((1, vec![call(&[write, write], &[], &[])]));
    inputs.push((
        1,
        vec![call(&[range(0, 0, 40_000, true)], &[(0, 40_000, 1)], &[0])],
    ));
    inputs.push((
        1,
        vec![call(
            &[range(7, 0, 64, true)],
            &[(1 << 60, 1 << 60, 9)],
            &[],
        )],
    ));
    let pieces = |(who, pieces): (u8, Vec<Vec<u8>>)| {
        let pieces = pieces.into_iter();
        let framed = pieces.flat_map(|piece| [vec![piece.len() as u8], piece].concat());
        std::iter::once(who).chain(framed).collect()
    };
    inputs.into_iter().map(pieces).collect()
}
