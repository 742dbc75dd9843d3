//! Tasks that were submitted, and what to do with their results.

use crate::pattern::Pattern;
use crate::tally::Tally;
use handoff::{Array, ArrayMut, Error, ErrorKind, Handle, Pool};
use serde::de::DeserializeOwned;

/// An array that lives here, and what its bytes are.
pub(crate) enum Live {
    Frozen(Array<u8>, Pattern),
    Own(ArrayMut<u8>, Pattern),
}

impl Live {
    pub(crate) fn len(&self) -> usize {
        match self {
            Live::Frozen(array, _) => array.len(),
            Live::Own(array, _) => array.len(),
        }
    }

    pub(crate) fn check(&self, tally: &mut Tally) -> Result<(), String> {
        tally.checked += self.len() as u64;
        match self {
            Live::Frozen(array, pattern) => pattern.check(array),
            Live::Own(array, pattern) => pattern.check(array),
        }
    }
}

/// A task, and what its result has to be.
pub(crate) enum Flight {
    Made(Handle<Array<u8>>, usize, Pattern),
    Own(Handle<ArrayMut<u8>>, usize, Pattern),
    Checked(Handle<usize>, usize),
    Passed(Handle<Vec<(Array<u8>, Pattern)>>),
    /// Parts of one array, in order.
    Parts(Vec<Handle<ArrayMut<u8>>>, usize, Pattern),
    Kept(Handle<usize>),
    Reviewed(Handle<Option<(Array<u8>, Pattern)>>),
    Crashed(Handle<()>),
}

impl Flight {
    pub(crate) fn cancel(&self, pool: &mut Pool) {
        match self {
            Flight::Made(handle, ..) => drop(pool.cancel(handle)),
            Flight::Own(handle, ..) => drop(pool.cancel(handle)),
            Flight::Checked(handle, _) | Flight::Kept(handle) => drop(pool.cancel(handle)),
            Flight::Passed(handle) => drop(pool.cancel(handle)),
            Flight::Parts(handles, ..) => {
                for handle in handles {
                    pool.cancel(handle);
                }
            }
            Flight::Reviewed(handle) => drop(pool.cancel(handle)),
            Flight::Crashed(handle) => drop(pool.cancel(handle)),
        }
    }

    /// Waits for the result; the arrays that came with it.
    pub(crate) fn land(self, pool: &mut Pool, tally: &mut Tally) -> Result<Vec<Live>, String> {
        let mut landed = Vec::new();
        match self {
            Flight::Made(handle, len, pattern) => {
                if let Some(array) = wait(pool, handle, tally)? {
                    expect(len, array.len())?;
                    landed.push(Live::Frozen(array, pattern));
                }
            }
            Flight::Own(handle, len, pattern) => {
                if let Some(array) = wait(pool, handle, tally)? {
                    expect(len, array.len())?;
                    landed.push(Live::Own(array, pattern));
                }
            }
            Flight::Checked(handle, len) => {
                if let Some(checked) = wait(pool, handle, tally)? {
                    expect(len, checked)?;
                }
            }
            Flight::Passed(handle) => {
                let arrays = wait(pool, handle, tally)?.into_iter().flatten();
                landed.extend(arrays.map(|(array, pattern)| Live::Frozen(array, pattern)));
            }
            Flight::Parts(handles, len, pattern) => {
                let mut parts = Vec::new();
                let count = handles.len();
                for handle in handles {
                    parts.extend(wait(pool, handle, tally)?);
                }
                if parts.len() == count {
                    landed.push(joined(parts, len, pattern)?);
                }
            }
            Flight::Kept(handle) => drop(wait(pool, handle, tally)?),
            Flight::Reviewed(handle) => {
                let array = wait(pool, handle, tally)?.flatten();
                landed.extend(array.map(|(array, pattern)| Live::Frozen(array, pattern)));
            }
            Flight::Crashed(handle) => match pool.wait(handle) {
                Err(error) if matches!(error.kind(), ErrorKind::Died | ErrorKind::Cancelled) => {
                    tally.end(format!("{:?}", error.kind()));
                }
                other => return Err(format!("a task that aborts gave {other:?}")),
            },
        }
        for live in &landed {
            live.check(tally)?;
        }
        Ok(landed)
    }
}

fn joined(parts: Vec<ArrayMut<u8>>, len: usize, pattern: Pattern) -> Result<Live, String> {
    let whole = ArrayMut::join(parts).map_err(|error| error.to_string())?;
    expect(len, whole.len())?;
    Ok(Live::Own(whole, pattern))
}

fn expect(len: usize, found: usize) -> Result<(), String> {
    match found == len {
        true => Ok(()),
        false => Err(format!("{found} bytes came back of {len}")),
    }
}

/// A result, or `None` where something injected explains that there is none.
fn wait<R: DeserializeOwned>(
    pool: &mut Pool,
    handle: Handle<R>,
    tally: &mut Tally,
) -> Result<Option<R>, String> {
    match pool.wait(handle) {
        Ok(result) => {
            tally.end("done");
            Ok(Some(result))
        }
        Err(error) => explained(&error, tally).map(|()| None),
    }
}

/// Counts a failure that has an injected cause; gives any other.
pub(crate) fn explained(error: &Error, tally: &mut Tally) -> Result<(), String> {
    let text = error.to_string();
    let full = text.contains("raise Builder::arena_bytes") || text.contains("no room for an array");
    let injected = matches!(error.kind(), ErrorKind::Died | ErrorKind::Cancelled);
    if !injected && !full {
        return Err(format!("{:?}: {text}", error.kind()));
    }
    tally.end(match full {
        true => "Full".to_owned(),
        false => format!("{:?}", error.kind()),
    });
    Ok(())
}
