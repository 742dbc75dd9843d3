//! Datasets that are hard to sum.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Values whose sum in any floating-point order is wrong: huge ones that cancel, tiny ones that
/// would be lost beside them, NaNs, and random bits between them.
pub(crate) fn nasty(count: usize) -> Vec<f64> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = move || {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut values: Vec<f64> = (0..count)
        .map(|index| match index % 8 {
            0 => f64::MAX,
            1 => 5e-324,
            2 => f64::NAN,
            3 => 0.1,
            4 => -f64::MAX,
            5 => -1e16,
            _ => Some(f64::from_bits(random()))
                .filter(|value| value.is_finite())
                .unwrap_or(1.0),
        })
        .collect();
    // The largest of them leave, so that what remains of the sum depends on the smallest.
    let large: Vec<f64> = values
        .iter()
        .filter(|value| value.abs() > 1.0)
        .map(|value| -value)
        .collect();
    values.extend(large);
    values
}

/// Writes a plain array of doubles.
pub(crate) fn write(path: &Path, values: &[f64]) {
    write_as(path, "<f8", values.len(), |file| {
        for value in values {
            file.extend_from_slice(&value.to_le_bytes());
        }
    });
}

/// Writes a plain array of this type, its records by `fill`.
pub(crate) fn write_as(path: &Path, dtype: &str, records: usize, fill: impl FnOnce(&mut Vec<u8>)) {
    let header = format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': ({records},), }}");
    let padded = (10 + header.len() + 1).next_multiple_of(64) - 10;
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend_from_slice(&(padded as u16).to_le_bytes());
    writeln!(bytes, "{header:<width$}", width = padded - 1).unwrap();
    fill(&mut bytes);
    fs::write(path, bytes).unwrap();
}

/// Writes `count` numbers without a header.
pub(crate) fn write_u64(path: &Path, count: u64) {
    let bytes: Vec<u8> = (0..count).flat_map(u64::to_ne_bytes).collect();
    fs::write(path, bytes).unwrap();
}

/// A dataset as one file and as shards.
pub(crate) struct Joined {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) whole: PathBuf,
}

impl Joined {
    /// The values in one file, and in 16 shards of uneven sizes, one of them empty.
    pub(crate) fn new(values: &[f64]) -> Joined {
        let dir = tempfile::tempdir().unwrap();
        let whole = dir.path().join("whole.npy");
        write(&whole, values);
        let mut rest = values;
        for shard in 0..16 {
            let take = match shard {
                5 => 0,
                15 => rest.len(),
                _ => (values.len() / 20 + 37 * shard).min(rest.len()),
            };
            let (these, others) = rest.split_at(take);
            write(&dir.path().join(format!("shard-{shard:02}.npy")), these);
            rest = others;
        }
        Joined { dir, whole }
    }

    /// A pattern that all shards match.
    pub(crate) fn shards(&self) -> String {
        self.path("shard-*.npy")
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }
}
