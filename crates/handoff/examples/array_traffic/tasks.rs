//! What workers do with arrays.

use crate::pattern::Pattern;
use handoff::{Array, ArrayMut, Error, task};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What this worker keeps beyond its calls.
static KEPT: Mutex<Vec<Kept>> = Mutex::new(Vec::new());

enum Kept {
    Frozen(Array<u8>, Pattern),
    Own(ArrayMut<u8>, Pattern),
}

impl Kept {
    fn check(&self) -> Result<(), String> {
        match self {
            Kept::Frozen(array, pattern) => pattern.check(array),
            Kept::Own(array, pattern) => pattern.check(array),
        }
    }
}

fn kept() -> MutexGuard<'static, Vec<Kept>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A failure that no fault explains.
fn text(error: &Error) -> String {
    format!("in a worker: {error}")
}

fn made(len: usize, pattern: Pattern) -> Result<ArrayMut<u8>, String> {
    let mut array = ArrayMut::zeroed(len).map_err(|error| text(&error.into()))?;
    if let Some(place) = array.iter().position(|&byte| byte != 0) {
        return Err(format!("byte {place} of a new array is {}", array[place]));
    }
    pattern.fill(&mut array);
    Ok(array)
}

#[task]
pub(crate) fn make(len: usize, pattern: Pattern) -> Result<Array<u8>, String> {
    Ok(made(len, pattern)?.freeze())
}

#[task]
pub(crate) fn make_mut(len: usize, pattern: Pattern) -> Result<ArrayMut<u8>, String> {
    made(len, pattern)
}

#[task]
pub(crate) fn check(array: Array<u8>, pattern: Pattern) -> Result<usize, String> {
    pattern.check(&array)?;
    Ok(array.len())
}

/// Several at once, some of which it returns, beside one that it makes.
#[task]
pub(crate) fn pass(
    arrays: Vec<(Array<u8>, Pattern)>,
    new: (usize, Pattern),
) -> Result<Vec<(Array<u8>, Pattern)>, String> {
    for (array, pattern) in &arrays {
        pattern.check(array)?;
    }
    let mut returned: Vec<_> = arrays.into_iter().step_by(2).collect();
    returned.push((made(new.0, new.1)?.freeze(), new.1));
    Ok(returned)
}

/// Takes memory over, writes other bytes, and hands it back.
#[task]
pub(crate) fn rewrite(
    mut array: ArrayMut<u8>,
    old: Pattern,
    new: Pattern,
) -> Result<ArrayMut<u8>, String> {
    // A worker that died may have written some.
    if handoff::worker().is_none_or(|worker| worker.attempt() == 1) {
        old.check(&array)?;
    }
    new.fill(&mut array);
    Ok(array)
}

#[task]
pub(crate) fn keep(array: Array<u8>, pattern: Pattern) -> Result<usize, String> {
    pattern.check(&array)?;
    let mut kept = kept();
    kept.push(Kept::Frozen(array, pattern));
    Ok(kept.len())
}

/// Takes memory over, keeps one half and hands the other back.
#[task]
pub(crate) fn keep_half(array: ArrayMut<u8>, pattern: Pattern) -> Result<ArrayMut<u8>, String> {
    pattern.check(&array)?;
    let middle = array.len() / 2;
    let (low, high) = array.split_at(middle);
    kept().push(Kept::Own(high, pattern.from(middle)));
    Ok(low)
}

/// Checks what is kept, and drops or returns one of them.
#[task]
pub(crate) fn review(choice: usize, give: bool) -> Result<Option<(Array<u8>, Pattern)>, String> {
    let mut kept = kept();
    for array in kept.iter() {
        array.check()?;
    }
    if kept.is_empty() {
        return Ok(None);
    }
    let count = kept.len();
    let taken = kept.swap_remove(choice % count);
    Ok(match taken {
        _ if !give => None,
        Kept::Frozen(array, pattern) => Some((array, pattern)),
        Kept::Own(array, pattern) => Some((array.freeze(), pattern)),
    })
}

/// Checks what is kept, and drops all of it. Its process, and how many they were.
#[task]
pub(crate) fn clear() -> Result<(u32, usize), String> {
    let mut kept = kept();
    for array in kept.iter() {
        array.check()?;
    }
    let count = kept.len();
    *kept = Vec::new();
    Ok((std::process::id(), count))
}

/// Dies with what it was given.
#[task]
pub(crate) fn crash(array: ArrayMut<u8>) {
    drop(array);
    std::process::abort()
}
