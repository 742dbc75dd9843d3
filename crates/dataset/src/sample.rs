//! A small part of a file's content, to distinguish a write that restores the times from a change of metadata
//! alone (a new hard link, another mode, another name), which moves ctime just the same.
//!
//! A sample cannot prove that nothing changed. It is compared only where size and mtime agree.

use std::collections::hash_map::DefaultHasher;
use std::fs::File;
use std::hash::Hasher;
use std::io;
use std::os::unix::fs::FileExt;

/// Blocks that are read, spread evenly from the first to the last.
const BLOCKS: u64 = 16;

/// Bytes of one block. A file of at most [`BLOCKS`] of them is read whole.
const BLOCK_BYTES: usize = 4096;

/// The hash of some blocks of a file of `size` bytes.
pub(crate) fn hash(file: &File, size: u64) -> io::Result<u64> {
    let mut hasher = DefaultHasher::new();
    let mut block = [0; BLOCK_BYTES];
    let last = size.saturating_sub(BLOCK_BYTES as u64);
    for number in 0..BLOCKS {
        let offset = u128::from(last) * u128::from(number) / u128::from(BLOCKS - 1);
        let offset = u64::try_from(offset).expect("no more than the file's size");
        let read = read_at(file, &mut block, offset)?;
        hasher.write(&block[..read]);
    }
    Ok(hasher.finish())
}

/// Fills `block` as far as the file goes.
fn read_at(file: &File, block: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < block.len() {
        match file.read_at(&mut block[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_small_file_is_read_whole_and_of_a_large_one_both_ends() {
        for size in [0usize, 1, 5000, 16 * 4096, 1_000_000] {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&vec![7; size]).unwrap();
            let before = hash(&file, size as u64).unwrap();
            assert_eq!(hash(&file, size as u64).unwrap(), before);
            let everywhere = 0..size.min(16 * 4096);
            let places = everywhere.step_by(1021).chain(size.checked_sub(1));
            for place in
                places.filter(|&place| size <= 16 * 4096 || place < 4096 || place == size - 1)
            {
                file.write_all_at(b"x", place as u64).unwrap();
                assert_ne!(
                    hash(&file, size as u64).unwrap(),
                    before,
                    "{place} of {size}"
                );
                file.write_all_at(&[7], place as u64).unwrap();
            }
        }
    }
}
