//! One side of a lane, against a peer that writes anything.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[global_allocator]
static GAUGE: hostile::Gauge = hostile::Gauge;

fuzz_target!(|input: &[u8]| (hostile::target("lane").run)(input));
