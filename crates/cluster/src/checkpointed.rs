//! `map_checkpointed`: a map whose finished results are kept in files, so that the next start of the program does only
//! what is missing.
//!
//! Each start has a file of its own in the directory, to which results are appended as they come. A record that was
//! being written when the program ended is recognised and left out; any other that cannot be read is damage, and
//! refused. What is kept is used where program, task and inputs are the same, and refused where they are not.

mod kept;

use crate::pool::Pool;
use handoff::elsewhere::{self, error};
use handoff::{Call, Error, ErrorKind};
use kept::{Key, Log};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cell::RefCell;
use std::path::Path;
use task::arrays::raw::{self, Part};
use task::arrays::{self, Table};

/// A kept result: the encoded value, and the bytes of its arrays with whether each is mutable.
type Encoded = (Vec<u8>, Vec<(bool, Vec<u8>)>);

/// What is found out as calls are taken from the caller's iterator.
struct Taken<R> {
    results: Vec<Option<Result<R, Error>>>,
    /// The calls that are run: their index and key.
    missing: Vec<(u64, Key)>,
    refused: Option<Error>,
}

impl Pool {
    /// Runs every call whose result is not kept in `dir` and keeps each result there as soon as there is one; gives all
    /// results in the order of the calls. A program that was interrupted and is started again does only what is
    /// missing. Failures are not kept.
    ///
    /// Results are written when they come, and are on disk at most a second later; those of a program that is
    /// killed are not lost with it. The arrays of each call are read once, to compare them with those whose result
    /// is kept. The directory has to be on a file system that rank 0 finds again.
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`] where what is kept is of another program, task or input, or is damaged; the text names the
    /// file. [`ErrorKind::System`] where the directory cannot be used.
    ///
    /// ```
    /// # use handoff::{StartMethod, task};
    /// # use handoff_cluster::Pool;
    /// #[task]
    /// fn square(n: u64) -> u64 {
    ///     n * n
    /// }
    ///
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let dir = dir.path();
    /// # let mut pool = Pool::builder().start_method(StartMethod::InProcess).start()?;
    /// let squares = pool.map_checkpointed(dir, (0..100).map(square))?;
    /// assert_eq!(squares.into_iter().sum::<Result<u64, _>>()?, 328_350);
    /// // The second time, nothing is run.
    /// assert_eq!(pool.map_checkpointed(dir, (0..100).map(square))?.len(), 100);
    /// assert_eq!(pool.counters().done, 100);
    /// # Ok::<(), handoff::Error>(())
    /// ```
    pub fn map_checkpointed<R, I>(
        &mut self,
        dir: impl AsRef<Path>,
        calls: I,
    ) -> Result<Vec<Result<R, Error>>, Error>
    where
        R: Serialize + DeserializeOwned + Send + 'static,
        I: IntoIterator<Item = Call<R>>,
    {
        let program = elsewhere::fingerprint();
        let (mut log, kept) = Log::open(dir.as_ref(), program).map_err(in_words)?;
        let kept = RefCell::new(kept);
        let taken = RefCell::new(Taken {
            results: Vec::new(),
            missing: Vec::new(),
            refused: None,
        });
        let mut calls = calls.into_iter();
        let missing = std::iter::from_fn(|| {
            loop {
                let call = calls.next()?;
                let key = Key::of(|each| elsewhere::read(&call, each));
                let mut taken = taken.borrow_mut();
                let index = taken.results.len() as u64;
                match kept.borrow_mut().take(index, key) {
                    Ok(None) => {
                        taken.results.push(None);
                        taken.missing.push((index, key));
                        return Some(call);
                    }
                    Ok(Some(body)) => taken.results.push(Some(decode(&body))),
                    Err(why) => {
                        taken.refused = Some(in_words(why));
                        return None;
                    }
                }
            }
        });
        for (n, result) in self.map_unordered(missing) {
            let (index, key) = taken.borrow().missing[n];
            let result = match result {
                Err(failed) => Err(failed),
                Ok(value) => {
                    let body = encode(&value)?;
                    log.append(index, key, &body).map_err(in_words)?;
                    Ok(value)
                }
            };
            taken.borrow_mut().results[index as usize] = Some(result);
        }
        log.sync().map_err(in_words)?;
        let taken = taken.into_inner();
        match taken.refused {
            Some(refused) => Err(refused),
            None => Ok(taken.results.into_iter().map(found).collect()),
        }
    }
}

fn found<R>(result: Option<Result<R, Error>>) -> Result<R, Error> {
    let lost = || {
        error(
            ErrorKind::System,
            "the pool ended before this call had a result",
        )
    };
    result.unwrap_or_else(|| Err(lost()))
}

fn in_words(why: kept::KeptError) -> Error {
    let kind = match why {
        kept::KeptError::Io { .. } => ErrorKind::System,
        _ => ErrorKind::Misuse,
    };
    error(kind, why.to_string())
}

/// The bytes of a result and of its arrays.
fn encode<R: Serialize>(value: &R) -> Result<Vec<u8>, Error> {
    let (encoded, table) = arrays::encode(|| postcard::to_stdvec(value));
    let refused =
        |why: postcard::Error| error(ErrorKind::Output, format!("a result to keep: {why}"));
    let encoded = encoded.map_err(refused)?;
    let parts = table.into_parts();
    let bytes = |part: &Part| {
        let bytes = &part.memory.bytes()[part.start..part.start + part.len];
        (part.mutable, bytes.to_vec())
    };
    let kept: Encoded = (encoded, parts.iter().map(bytes).collect());
    postcard::to_stdvec(&kept).map_err(refused)
}

fn decode<R: DeserializeOwned>(body: &[u8]) -> Result<R, Error> {
    let failed = |why: String| error(ErrorKind::Output, format!("a result that was kept: {why}"));
    let (value, arrays): Encoded =
        postcard::from_bytes(body).map_err(|why| failed(why.to_string()))?;
    let parts = arrays.iter().map(|(mutable, bytes)| part(bytes, *mutable));
    let parts = parts.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    let (decoded, _) = arrays::with_incoming(Table::of_parts(parts), || {
        arrays::decode(&value, |value| {
            postcard::from_bytes(value).map_err(|why| why.to_string())
        })
    });
    decoded.map_err(failed)
}

fn part(bytes: &[u8], mutable: bool) -> Result<Part, String> {
    let memory = raw::Memory::new(bytes.len(), mutable).map_err(|why| why.to_string())?;
    crate::memory::write(&memory, 0, bytes)?;
    Ok(Part {
        memory,
        start: 0,
        len: bytes.len(),
        mutable,
    })
}
