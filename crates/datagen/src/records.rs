//! The records themselves: pure functions of a seed and a block's number.
//!
//! A record is 24 bytes, little-endian: `index` i64 counting from 0; `timestamp` i64, nanoseconds
//! since 1970, a millisecond after the one before; `val` f64, drawn evenly from 0, 1 and NaN.
//!
//! The values of block `b` come from ChaCha8 with the seed's eight bytes and 24 zeros as its key and
//! `b` as its stream. Each byte below 3⁵ = 243 gives five values, its digits to base 3 from the
//! least significant; bytes above are passed over, so that each value is equally likely.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Bytes of one record.
pub const RECORD_LEN: usize = dataset::STUDY_RECORD_LEN;

/// Records of one block. Changing it changes every dataset.
pub const BLOCK_RECORDS: usize = 16_384;

/// The first timestamp, 2020-01-01 00:00 UTC, in nanoseconds since 1970.
pub const EPOCH_NS: i64 = 1_577_836_800_000_000_000;

/// From one timestamp to the next, in nanoseconds.
pub const STEP_NS: i64 = 1_000_000;

/// The most records whose timestamps 64 bits can hold.
pub const RECORDS_MAX: u64 = ((i64::MAX - EPOCH_NS) / STEP_NS) as u64;

/// The values that a byte stands for, as the bits of f64.
const VALUES: [[u64; 5]; 243] = values();

const fn values() -> [[u64; 5]; 243] {
    // NaN as NumPy's own: quiet, positive, without payload.
    let choices = [0, 1f64.to_bits(), 0x7ff8_0000_0000_0000];
    let mut table = [[0; 5]; 243];
    let mut byte = 0;
    while byte < table.len() {
        let (mut digits, mut position) = (byte, 0);
        while position < 5 {
            table[byte][position] = choices[digits % 3];
            digits /= 3;
            position += 1;
        }
        byte += 1;
    }
    table
}

/// Fills `out` with the first records of block `block` of the dataset that `seed` names.
///
/// `out` holds at most [`BLOCK_RECORDS`] whole records of [`RECORD_LEN`] bytes, and the block lies
/// within [`RECORDS_MAX`]; otherwise the records are not those of any dataset.
pub fn fill_block(seed: u64, block: u64, out: &mut [u8]) {
    debug_assert!(out.len() <= BLOCK_RECORDS * RECORD_LEN && out.len().is_multiple_of(RECORD_LEN));
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    let mut random = ChaCha8Rng::from_seed(key);
    random.set_stream(block);

    let mut index = block as i64 * BLOCK_RECORDS as i64;
    let mut timestamp = EPOCH_NS + index * STEP_NS;
    let (mut word, mut bytes_left) = (0u64, 0);
    for group in out.chunks_mut(5 * RECORD_LEN) {
        let values = loop {
            if bytes_left == 0 {
                (word, bytes_left) = (random.next_u64(), 8);
            }
            let byte = word & 0xff;
            word >>= 8;
            bytes_left -= 1;
            if let Some(values) = VALUES.get(byte as usize) {
                break values;
            }
        };
        for (record, value) in group.chunks_exact_mut(RECORD_LEN).zip(values) {
            record[..8].copy_from_slice(&index.to_le_bytes());
            record[8..16].copy_from_slice(&timestamp.to_le_bytes());
            record[16..].copy_from_slice(&value.to_le_bytes());
            index += 1;
            timestamp += STEP_NS;
        }
    }
}
