//! How arrays are made: from values, from slices, from files, from received bytes.

use super::error::ArrayError;
use super::hold::{FileOrigin, Fresh, Hold, Kind, allocate};
use super::view::{Array, ArrayMut};
use bytemuck::Pod;
use shmem::{Identity, Mapping, SPAN_ALIGN, Span};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// Bytes of `len` elements.
fn bytes_of<T: Pod>(len: usize) -> Result<usize, ArrayError> {
    const {
        assert!(
            size_of::<T>() > 0,
            "elements of arrays have at least one byte"
        );
        assert!(
            align_of::<T>() <= SPAN_ALIGN,
            "elements of arrays are aligned to 64 bytes at most"
        );
    }
    let unit = size_of::<T>();
    let bytes = len
        .checked_mul(unit)
        .filter(|&bytes| bytes <= isize::MAX as usize);
    bytes.ok_or(ArrayError::TooLong { len, unit })
}

/// Writable memory for `len` elements; how many bytes of it may have been used before.
pub(super) fn take<T: Pod>(len: usize, kind: Kind) -> Result<(ArrayMut<T>, usize), ArrayError> {
    let Fresh { hold, used } = allocate(bytes_of::<T>(len)?, kind)?;
    Ok((ArrayMut::over(hold), used))
}

fn copy<T: Pod>(from: &[T], kind: Kind) -> Result<ArrayMut<T>, ArrayError> {
    let (mut array, _) = take(from.len(), kind)?;
    array.copy_from_slice(from);
    Ok(array)
}

fn read<T: Pod>(path: &Path, kind: Kind) -> Result<ArrayMut<T>, ArrayError> {
    let failed = |source| ArrayError::File {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(failed)?;
    let len = file.metadata().map_err(failed)?.len();
    let (mut array, _) = take::<T>(elements_in::<T>(path, len)?, kind)?;
    file.read_exact(bytemuck::cast_slice_mut(&mut array))
        .map_err(failed)?;
    Ok(array)
}

fn elements_in<T>(path: &Path, len: u64) -> Result<usize, ArrayError> {
    let unit = size_of::<T>().max(1);
    if !len.is_multiple_of(unit as u64) {
        let path = path.to_owned();
        return Err(ArrayError::Ragged { path, len, unit });
    }
    Ok(len as usize / unit)
}

impl<T: Pod> Array<T> {
    /// The elements of a vector, copied once into shared memory.
    ///
    /// # Errors
    /// [`ArrayError`]: no memory, or no room in the arena.
    pub fn from_vec(elements: Vec<T>) -> Result<Array<T>, ArrayError> {
        Array::from_slice(&elements)
    }

    /// A copy of `elements` in shared memory.
    ///
    /// # Errors
    /// [`ArrayError`]: no memory, or no room in the arena.
    pub fn from_slice(elements: &[T]) -> Result<Array<T>, ArrayError> {
        Ok(copy(elements, Kind::Array)?.freeze())
    }

    /// The bytes of a file as elements, laid out as in this machine's memory; whatever happens to the file later.
    ///
    /// # Errors
    /// [`ArrayError`]: the file, memory, or a length that is not whole elements.
    pub fn read_file(path: impl AsRef<Path>) -> Result<Array<T>, ArrayError> {
        Ok(read(path.as_ref(), Kind::Array)?.freeze())
    }

    /// A mapped file: no copy here. Tasks in other processes get a copy.
    ///
    /// # Safety
    /// As long as the array, a clone or a slice of it lives, nobody changes or truncates the file.
    ///
    /// # Errors
    /// [`ArrayError`]: the file, or a length that is not whole elements.
    pub unsafe fn map_file(path: impl AsRef<Path>) -> Result<Array<T>, ArrayError> {
        let path = path.as_ref();
        let failed = |source| ArrayError::File {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        let identity = Identity::of(&file).map_err(failed)?;
        let origin = FileOrigin {
            path: std::path::absolute(path).map_err(failed)?,
            size: identity.size,
            mtime_ns: identity.mtime_ns,
            inode: identity.inode,
        };
        let mapping = Mapping::map_file(&file).map_err(|source| ArrayError::Map {
            path: path.to_owned(),
            source,
        })?;
        bytes_of::<T>(elements_in::<T>(path, mapping.len())?)?;
        // SAFETY: the caller answers for the file.
        let span = unsafe { Span::of_mapping(mapping) };
        Ok(Array::over(Arc::new(Hold::of_file(span, origin)), 0, None))
    }
}

impl<T: Pod> ArrayMut<T> {
    /// `len` elements whose bytes are all 0.
    ///
    /// # Errors
    /// [`ArrayError`]: no memory, or no room in the arena.
    pub fn zeroed(len: usize) -> Result<ArrayMut<T>, ArrayError> {
        let (mut array, used) = take(len, Kind::ArrayMut)?;
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut array);
        bytes[..used].fill(0);
        Ok(array)
    }

    /// `len` times `value`. Each element is written once.
    ///
    /// # Errors
    /// [`ArrayError`]: no memory, or no room in the arena.
    pub fn filled(len: usize, value: T) -> Result<ArrayMut<T>, ArrayError> {
        let (mut array, _) = take(len, Kind::ArrayMut)?;
        array.fill(value);
        Ok(array)
    }

    /// What `element` gives for each index. Each element is written once.
    ///
    /// # Errors
    /// [`ArrayError`]: no memory, or no room in the arena.
    pub fn from_fn(
        len: usize,
        mut element: impl FnMut(usize) -> T,
    ) -> Result<ArrayMut<T>, ArrayError> {
        let (mut array, _) = take(len, Kind::ArrayMut)?;
        for (n, place) in array.iter_mut().enumerate() {
            *place = element(n);
        }
        Ok(array)
    }

    /// A copy of `elements`.
    ///
    /// # Errors
    /// [`ArrayError`]: no memory, or no room in the arena.
    pub fn from_slice(elements: &[T]) -> Result<ArrayMut<T>, ArrayError> {
        copy(elements, Kind::ArrayMut)
    }

    /// The elements of a vector, copied once into shared memory.
    ///
    /// # Errors
    /// [`ArrayError`]: no memory, or no room in the arena.
    pub fn from_vec(elements: Vec<T>) -> Result<ArrayMut<T>, ArrayError> {
        copy(&elements, Kind::ArrayMut)
    }

    /// The bytes of a file as elements, laid out as in this machine's memory.
    ///
    /// # Errors
    /// [`ArrayError`]: the file, memory, or a length that is not whole elements.
    pub fn read_file(path: impl AsRef<Path>) -> Result<ArrayMut<T>, ArrayError> {
        read(path.as_ref(), Kind::ArrayMut)
    }
}

/// New memory with these bytes: what has travelled as bytes.
pub(super) fn received(bytes: &[u8], kind: Kind) -> Result<Hold, ArrayError> {
    let Fresh { mut hold, .. } = allocate(bytes.len(), kind)?;
    hold.fill_from(bytes);
    hold.set_copied();
    if kind == Kind::Array {
        hold.freeze();
    }
    Ok(hold)
}
