//! Files of results: how they are written, found again and checked.
//!
//! A file begins with a line that says what it is and with the number of its program. Then follow records: length,
//! checksum, index of the call, what identifies its inputs, result.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How a file begins: what it is, and the version of what follows.
const MAGIC: &[u8] = b"handoff results 1\n";
/// How names of files end.
const SUFFIX: &str = "results";
/// Bytes before a record's result: length of what follows the checksum, checksum, index, key.
const HEAD: usize = 4 + 4 + 8 + 24;
/// How long results may be with the operating system before they are on disk.
const UNSYNCED: Duration = Duration::from_secs(1);

/// What identifies the inputs of a call: two hashes and the number of their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    hash: u64,
    check: u64,
    len: u64,
}

impl Key {
    /// Of all that `read` gives.
    pub(crate) fn of(read: impl FnOnce(&mut dyn FnMut(&[u8]))) -> Key {
        // FNV-1a over words rather than bytes, since arrays may be long; and a checksum of another kind.
        let mut hash = 0xcbf2_9ce4_8422_2325u64;
        let mut check = crc32fast::Hasher::new();
        let mut len = 0;
        read(&mut |bytes: &[u8]| {
            let mut mix = |word: u64| {
                hash = (hash ^ word).wrapping_mul(0x0000_0100_0000_01b3);
                hash ^= hash >> 32;
            };
            mix(bytes.len() as u64);
            let (words, rest) = bytes.as_chunks::<8>();
            words.iter().for_each(|word| mix(u64::from_le_bytes(*word)));
            rest.iter().for_each(|byte| mix(u64::from(*byte)));
            check.update(bytes);
            len += bytes.len() as u64;
        });
        Key {
            hash,
            check: check.finalize().into(),
            len,
        }
    }

    fn to_bytes(self) -> [u8; 24] {
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&self.hash.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.check.to_le_bytes());
        bytes[16..].copy_from_slice(&self.len.to_le_bytes());
        bytes
    }
}

/// Why what is kept cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeptError {
    #[error("cannot use {}, where results are kept: {error}", .path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("{} is damaged: remove it, and what it held is computed again", .path.display())]
    Damaged { path: PathBuf },
    #[error(
        "{} holds results of another program (its tasks differ): use another directory, or remove it",
        .path.display()
    )]
    OtherProgram { path: PathBuf },
    #[error(
        "the result of call {index} in {} was computed from another task or other inputs: use another \
         directory, or remove it",
        .path.display()
    )]
    OtherInputs { path: PathBuf, index: u64 },
}

/// What earlier starts have kept.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    dir: PathBuf,
    results: HashMap<u64, ([u8; 24], Vec<u8>)>,
}

impl Kept {
    /// The result of a call, if it is kept.
    pub(crate) fn take(&mut self, index: u64, key: Key) -> Result<Option<Vec<u8>>, KeptError> {
        match self.results.remove(&index) {
            None => Ok(None),
            Some((theirs, body)) if theirs == key.to_bytes() => Ok(Some(body)),
            Some(_) => Err(KeptError::OtherInputs {
                path: self.dir.clone(),
                index,
            }),
        }
    }
}

/// The file of this start.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    file: File,
    synced: Instant,
}

impl Log {
    /// Reads what is kept in `dir`, and begins a file of this start; makes the directory where there is none.
    pub(crate) fn open(dir: &Path, program: u64) -> Result<(Log, Kept), KeptError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |error| KeptError::Io { path, error }
        };
        fs::create_dir_all(dir).map_err(failed(dir))?;
        let mut kept = Kept {
            dir: dir.to_owned(),
            ..Kept::default()
        };
        let mut paths = Vec::new();
        for entry in fs::read_dir(dir).map_err(failed(dir))? {
            let path = entry.map_err(failed(dir))?.path();
            if path.extension().is_some_and(|suffix| suffix == SUFFIX) {
                paths.push(path);
            }
        }
        paths.sort_unstable();
        for path in &paths {
            let bytes = fs::read(path).map_err(failed(path))?;
            read(path, &bytes, program, &mut kept)?;
        }
        let started = SystemTime::now().duration_since(UNIX_EPOCH);
        let started = started.map_or(0, |time| time.as_nanos() as u64);
        let name = format!("{started:016x}-{}.{SUFFIX}", std::process::id());
        let path = dir.join(name);
        let mut file = File::create_new(&path).map_err(failed(&path))?;
        let mut head = MAGIC.to_vec();
        head.extend_from_slice(&program.to_le_bytes());
        file.write_all(&head).map_err(failed(&path))?;
        let log = Log {
            path,
            file,
            synced: Instant::now(),
        };
        Ok((log, kept))
    }

    /// Keeps the result of a call.
    pub(crate) fn append(&mut self, index: u64, key: Key, body: &[u8]) -> Result<(), KeptError> {
        let mut record = Vec::with_capacity(HEAD + body.len());
        record.extend_from_slice(&[0; 8]);
        record.extend_from_slice(&index.to_le_bytes());
        record.extend_from_slice(&key.to_bytes());
        record.extend_from_slice(body);
        let len = (record.len() - 8) as u32;
        let sum = crc32fast::hash(&record[8..]);
        record[..4].copy_from_slice(&len.to_le_bytes());
        record[4..8].copy_from_slice(&sum.to_le_bytes());
        let written = self.file.write_all(&record);
        written.map_err(|error| KeptError::Io {
            path: self.path.clone(),
            error,
        })?;
        match self.synced.elapsed() >= UNSYNCED {
            true => self.sync(),
            false => Ok(()),
        }
    }

    /// Has all that was kept be on disk.
    pub(crate) fn sync(&mut self) -> Result<(), KeptError> {
        self.synced = Instant::now();
        self.file.sync_data().map_err(|error| KeptError::Io {
            path: self.path.clone(),
            error,
        })
    }
}

/// Takes the records of a file in.
fn read(path: &Path, bytes: &[u8], program: u64, kept: &mut Kept) -> Result<(), KeptError> {
    let damaged = || KeptError::Damaged {
        path: path.to_owned(),
    };
    let begun = MAGIC.len() + 8;
    if bytes.len() < begun && MAGIC.starts_with(&bytes[..bytes.len().min(MAGIC.len())]) {
        // Its start ended over its beginning.
        return Ok(());
    }
    let body = bytes.strip_prefix(MAGIC).ok_or_else(damaged)?;
    let (theirs, mut rest) = body.split_first_chunk::<8>().ok_or_else(damaged)?;
    if u64::from_le_bytes(*theirs) != program {
        return Err(KeptError::OtherProgram {
            path: path.to_owned(),
        });
    }
    while rest.len() >= 8 {
        let word = |at: usize| {
            rest[at..]
                .first_chunk()
                .map_or(0, |word| u32::from_le_bytes(*word))
        };
        let (len, sum) = (word(0) as usize, word(4));
        // One that ends behind the file was being written.
        let Some(record) = rest.get(8..8 + len) else {
            return Ok(());
        };
        if crc32fast::hash(record) != sum {
            return Err(damaged());
        }
        let (index, record) = record.split_first_chunk::<8>().ok_or_else(damaged)?;
        let (key, result) = record.split_first_chunk::<24>().ok_or_else(damaged)?;
        let index = u64::from_le_bytes(*index);
        kept.results.insert(index, (*key, result.to_vec()));
        rest = &rest[8 + len..];
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        Key::of(|each| each(text.as_bytes()))
    }

    fn written(dir: &Path) -> PathBuf {
        let (mut log, _) = Log::open(dir, 7).unwrap();
        log.append(0, key("a"), b"first").unwrap();
        log.append(2, key("c"), b"third").unwrap();
        log.sync().unwrap();
        log.path
    }

    #[test]
    fn what_was_kept_is_found_for_the_same_inputs() {
        let dir = tempfile::tempdir().unwrap();
        written(dir.path());
        let (_, mut kept) = Log::open(dir.path(), 7).unwrap();
        assert_eq!(kept.take(0, key("a")).unwrap().unwrap(), b"first");
        assert_eq!(kept.take(1, key("b")).unwrap(), None);
        let refused = kept.take(2, key("other")).unwrap_err();
        assert!(matches!(refused, KeptError::OtherInputs { index: 2, .. }));
    }

    #[test]
    fn another_program_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        written(dir.path());
        let refused = Log::open(dir.path(), 8).unwrap_err();
        assert!(matches!(refused, KeptError::OtherProgram { .. }));
    }

    #[test]
    fn a_cut_is_a_record_less_and_a_flip_is_damage() {
        for cut in 0..MAGIC.len() + 8 + 2 * (HEAD + 5) {
            let dir = tempfile::tempdir().unwrap();
            let path = written(dir.path());
            let bytes = fs::read(&path).unwrap();
            fs::write(&path, &bytes[..cut]).unwrap();
            let (_, kept) = Log::open(dir.path(), 7).unwrap();
            let whole = cut.saturating_sub(MAGIC.len() + 8) / (HEAD + 5);
            assert_eq!(kept.results.len(), whole, "cut at {cut}");
        }
        let dir = tempfile::tempdir().unwrap();
        let path = written(dir.path());
        let mut bytes = fs::read(&path).unwrap();
        let at = MAGIC.len() + 8 + HEAD;
        bytes[at] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let refused = Log::open(dir.path(), 7).unwrap_err();
        assert!(matches!(refused, KeptError::Damaged { .. }));
    }

    #[test]
    fn keys_tell_inputs_apart() {
        assert_ne!(key("ab"), key("ba"));
        let split = Key::of(|each| {
            each(b"a");
            each(b"b");
        });
        assert_ne!(key("ab"), split);
        assert_eq!(key("some longer text"), key("some longer text"));
    }
}
