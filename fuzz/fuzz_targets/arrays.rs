//! Tables of arrays, beside calls and beside results.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[global_allocator]
static GAUGE: hostile::Gauge = hostile::Gauge;

fuzz_target!(|input: &[u8]| (hostile::target("arrays").run)(input));
