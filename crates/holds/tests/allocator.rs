//! The allocator against a list of its live blocks: addresses of first fit, coalescing, the high-water mark, what is
//! given back, and 100,000 live ranges.

use holds::alloc::{Alloc, AllocError};
use holds::{GRANULE, Placement, Range};
use proptest::prelude::*;

const PAGE: u64 = 4096;
const SIZE: u64 = 64 * PAGE;
const GIVE_BACK: u64 = 4 * PAGE;
const AFTER_NS: u64 = 100;

#[derive(Clone, Debug)]
enum Op {
    Allocate(u64, Placement),
    Free(prop::sample::Index),
    Wait(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let placement = prop_oneof![3 => Just(Placement::Granules), 1 => Just(Placement::Pages)];
    prop_oneof![
        4 => (prop_oneof![1..300u64, 1..20_000u64, 1..SIZE + 2], placement).prop_map(|(n, p)| Op::Allocate(n, p)),
        3 => any::<prop::sample::Index>().prop_map(Op::Free),
        1 => (0..2 * AFTER_NS).prop_map(Op::Wait),
    ]
}

/// The lowest address at which a block fits between the live ones.
fn first_fit(live: &[Range], len: u64, unit: u64) -> Option<u64> {
    let mut at = 0u64;
    for block in live {
        if at.next_multiple_of(unit) + len <= block.offset {
            break;
        }
        at = block.end();
    }
    let at = at.next_multiple_of(unit);
    (at + len <= SIZE).then_some(at)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_is_address_ordered_first_fit(ops in prop::collection::vec(op(), 1..200)) {
        let mut alloc = Alloc::new(SIZE, PAGE).give_back(GIVE_BACK, AFTER_NS);
        let mut live: Vec<Range> = Vec::new();
        let mut dirty = vec![false; (SIZE / GRANULE) as usize];
        let granules = |range: Range| (range.offset / GRANULE) as usize..(range.end().div_ceil(GRANULE)) as usize;
        let mut now = 0;
        for op in ops {
            match op {
                Op::Allocate(bytes, placement) => {
                    let unit = if placement == Placement::Pages { PAGE } else { GRANULE };
                    let expected = first_fit(&live, bytes.next_multiple_of(unit), unit);
                    match alloc.allocate(bytes, placement) {
                        Ok(allocated) => {
                            prop_assert_eq!(Some(allocated.block.offset), expected);
                            prop_assert_eq!(allocated.block.len, bytes.next_multiple_of(unit));
                            prop_assert_eq!(allocated.range, Range::new(allocated.block.offset, bytes));
                            let fresh = Range::between(allocated.range.offset + allocated.used, allocated.range.end());
                            prop_assert!(fresh.len == 0 || !dirty[granules(fresh)].contains(&true));
                            dirty[granules(allocated.block)].fill(true);
                            live.push(allocated.block);
                            live.sort_unstable();
                        }
                        Err(error) => {
                            prop_assert_eq!(expected, None);
                            let exhausted = matches!(error, AllocError::Exhausted { asked, .. } if asked == bytes);
                            prop_assert!(exhausted);
                        }
                    }
                }
                Op::Free(index) if !live.is_empty() => {
                    let block = live.remove(index.index(live.len()));
                    prop_assert!(alloc.free(block, now).is_ok());
                    prop_assert!(alloc.free(block, now).is_err(), "freed twice");
                }
                Op::Free(_) => {}
                Op::Wait(ns) => now += ns,
            }
            for punched in alloc.due(now) {
                prop_assert!(punched.offset % PAGE == 0 && punched.len % PAGE == 0 && punched.len > 0);
                prop_assert!(!live.iter().any(|block| block.overlaps(punched)));
                dirty[granules(punched)].fill(false);
            }
            prop_assert!(alloc.next_due_ns().is_none_or(|due| due > now));
            let used: u64 = live.iter().map(|block| block.len).sum();
            prop_assert_eq!(alloc.free_bytes(), SIZE - used);
            prop_assert_eq!(alloc.free_ranges().iter().map(|range| range.len).max().unwrap_or(0), alloc.longest_free());
            prop_assert!(alloc.free_ranges().windows(2).all(|pair| pair[0].end() < pair[1].offset));
            let above = Range::between(alloc.high_water(), SIZE);
            prop_assert!(above.len == 0 || !dirty[granules(above)].contains(&true));
        }
        // What was large and is idle is given back.
        for block in std::mem::take(&mut live) {
            prop_assert!(alloc.free(block, now).is_ok());
        }
        prop_assert_eq!(alloc.free_ranges(), vec![Range::new(0, SIZE)]);
        for punched in alloc.due(now + AFTER_NS) {
            dirty[granules(punched)].fill(false);
        }
        prop_assert!(dirty.iter().filter(|&&dirty| dirty).count() as u64 * GRANULE < GIVE_BACK);
        prop_assert_eq!(alloc.next_due_ns(), None);
    }
}

#[test]
fn an_allocation_of_no_bytes_is_refused() {
    assert_eq!(
        Alloc::new(SIZE, PAGE).allocate(0, Placement::Granules),
        Err(AllocError::Empty)
    );
}

#[test]
fn a_full_arena_reports_what_is_free() {
    let mut alloc = Alloc::new(SIZE, PAGE);
    let blocks: Vec<Range> = (0..64)
        .filter_map(|_| Some(alloc.allocate(PAGE, Placement::Pages).ok()?.block))
        .collect();
    assert_eq!(blocks.len(), 64);
    for block in blocks.iter().step_by(2) {
        alloc.free(*block, 0).expect("allocated");
    }
    let error = alloc
        .allocate(PAGE + 1, Placement::Granules)
        .expect_err("no range is long enough");
    assert_eq!(
        error,
        AllocError::Exhausted {
            asked: PAGE + 1,
            free: SIZE / 2,
            longest: PAGE,
            size: SIZE
        }
    );
    assert!(alloc.allocate(u64::MAX, Placement::Granules).is_err());
    assert!(alloc.allocate(u64::MAX, Placement::Pages).is_err());
}

#[test]
fn a_range_that_was_given_back_is_fresh_again() {
    let mut alloc = Alloc::new(SIZE, PAGE).give_back(GIVE_BACK, AFTER_NS);
    let first = alloc.allocate(8 * PAGE, Placement::Granules).expect("free");
    assert_eq!(first.used, 0);
    alloc.free(first.block, 10).expect("allocated");
    let again = alloc.allocate(8 * PAGE, Placement::Granules).expect("free");
    assert_eq!(again.used, 8 * PAGE, "nothing was given back in between");
    alloc.free(again.block, 20).expect("allocated");
    assert_eq!(alloc.due(19 + AFTER_NS), []);
    assert_eq!(alloc.due(20 + AFTER_NS), [Range::new(0, 8 * PAGE)]);
    assert_eq!(
        alloc
            .allocate(8 * PAGE, Placement::Granules)
            .expect("free")
            .used,
        0
    );
}

#[test]
fn small_ranges_freed_beside_a_large_one_do_not_delay_it() {
    let mut alloc = Alloc::new(SIZE, PAGE).give_back(GIVE_BACK, AFTER_NS);
    let small = [0; 3].map(|_| {
        alloc
            .allocate(GRANULE, Placement::Granules)
            .expect("free")
            .block
    });
    let large = alloc
        .allocate(8 * PAGE, Placement::Granules)
        .expect("free")
        .block;
    let _last = alloc.allocate(GRANULE, Placement::Granules).expect("free");
    alloc.free(large, 0).expect("allocated");
    for (n, block) in small.into_iter().enumerate().rev() {
        alloc.free(block, 30 * (3 - n as u64)).expect("allocated");
    }
    assert_eq!(alloc.due(AFTER_NS).len(), 1);
}

#[test]
fn an_arena_takes_a_hundred_thousand_live_ranges() {
    const COUNT: u64 = 100_000;
    let mut alloc = Alloc::new(1 << 40, PAGE);
    let blocks: Vec<Range> = (0..COUNT)
        .map(|n| {
            alloc
                .allocate(64 + n % 4096, Placement::Granules)
                .expect("free")
                .block
        })
        .collect();
    for block in blocks.iter().step_by(2) {
        alloc.free(*block, 0).expect("allocated");
    }
    // The last range is touched by free memory on both sides.
    assert_eq!(alloc.free_ranges().len() as u64, COUNT / 2 + 1);
    for block in blocks.iter().skip(1).step_by(2) {
        alloc.free(*block, 0).expect("allocated");
    }
    assert_eq!(alloc.free_ranges(), [Range::new(0, 1 << 40)]);
}
