//! Every message, decoded and encoded again.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[global_allocator]
static GAUGE: hostile::Gauge = hostile::Gauge;

fuzz_target!(|input: &[u8]| (hostile::target("messages").run)(input));
