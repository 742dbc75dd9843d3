//! The header of a `.npy` file: its bytes to a [`Layout`] and a number of records, and back.
//!
//! The format is NumPy's own (`numpy.lib.format`): six bytes of magic, two of version, the length of
//! the text that follows (2 bytes in version 1.0, 4 since), then a Python dictionary padded with
//! blanks so that the data starts at a multiple of 64.

use crate::descr;
use crate::layout::Layout;
use crate::literal::{self, Literal, SyntaxError};

/// The first bytes of every `.npy` file.
pub(crate) const MAGIC: [u8; 6] = *b"\x93NUMPY";

/// The bytes that say how long the header is: magic, version and length.
pub(crate) const PREFIX_LEN: usize = 12;

/// The longest header that is read. NumPy itself stops at 10,000 bytes by default.
pub(crate) const HEADER_LEN_MAX: usize = 1 << 20;

/// What a header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The layout of one record.
    pub layout: Layout,
    /// How many records follow.
    pub records: u64,
    /// Bytes of the header, which is where the data starts.
    pub data_offset: u64,
}

/// Why a header was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The bytes do not start with the magic of a `.npy` file.
    #[error("it does not start with the bytes \\x93NUMPY")]
    Magic,
    /// A version of the format that is not known.
    #[error(".npy version {major}.{minor} is not supported; 1.0, 2.0 and 3.0 are")]
    Version {
        /// The major version.
        major: u8,
        /// The minor version.
        minor: u8,
    },
    /// The header ends before the length that it states.
    #[error("the header is cut off: {stated} bytes stated, {found} there")]
    CutOff {
        /// Bytes that the header should have.
        stated: u64,
        /// Bytes that there are.
        found: u64,
    },
    /// The header states a length beyond the bound.
    #[error("a header of {stated} bytes is too long; the most that is read is {HEADER_LEN_MAX}")]
    TooLong {
        /// Bytes that the header should have.
        stated: u64,
    },
    /// The text of a version 3.0 header is not UTF-8.
    #[error("the header's text is not UTF-8")]
    Encoding,
    /// The text is not a Python literal.
    #[error("the header's text is no Python dictionary: expected {expected} at byte {offset}")]
    Syntax {
        /// Bytes from the start of the text.
        offset: usize,
        /// What should have been there.
        expected: &'static str,
    },
    /// The dictionary's keys are not the three that belong there.
    #[error(
        "the header's keys should be 'descr', 'fortran_order' and 'shape', each once; found {found}"
    )]
    Keys {
        /// The keys there are.
        found: String,
    },
    /// `fortran_order` is neither `True` nor `False`.
    #[error("the header's 'fortran_order' should be True or False")]
    FortranOrder,
    /// `shape` is not a tuple of integers.
    #[error("the header's 'shape' should be a tuple of integers")]
    Shape,
    /// `shape` does not have one dimension.
    #[error(
        "the array has {dimensions} dimensions; a dataset has one (reshape(-1) makes one of it)"
    )]
    Dimensions {
        /// How many there are.
        dimensions: usize,
    },
    /// `shape` is negative, or more than a file can hold.
    #[error("a shape of {records} records of {itemsize} bytes is impossible")]
    Size {
        /// Records stated.
        records: i128,
        /// Bytes of one record.
        itemsize: usize,
    },
    /// The layout is not one that is supported.
    #[error(transparent)]
    Descr(#[from] descr::DescrError),
}

impl From<SyntaxError> for HeaderError {
    fn from(SyntaxError { offset, expected }: SyntaxError) -> HeaderError {
        HeaderError::Syntax { offset, expected }
    }
}

/// How a header's text is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Latin1,
    Utf8,
}

/// What the first bytes say about the text that follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Prefix {
    encoding: Encoding,
    text_offset: usize,
    /// Bytes of the whole header; at most [`HEADER_LEN_MAX`].
    pub(crate) header_len: usize,
}

impl Prefix {
    /// Reads the prefix from a file's first [`PREFIX_LEN`] bytes (fewer where the file is shorter).
    pub(crate) fn parse(bytes: &[u8]) -> Result<Prefix, HeaderError> {
        if !bytes.starts_with(&MAGIC) {
            return Err(HeaderError::Magic);
        }
        let cut_off = |stated: usize| HeaderError::CutOff {
            stated: stated as u64,
            found: bytes.len() as u64,
        };
        let Some(&[major, minor]) = bytes.get(6..8) else {
            return Err(cut_off(10));
        };
        let (encoding, text_offset) = match (major, minor) {
            (1, 0) => (Encoding::Latin1, 10),
            (2, 0) => (Encoding::Latin1, 12),
            (3, 0) => (Encoding::Utf8, 12),
            _ => return Err(HeaderError::Version { major, minor }),
        };
        let length = bytes.get(8..text_offset).ok_or(cut_off(text_offset))?;
        let text_len = length
            .iter()
            .rev()
            .fold(0u64, |len, byte| len << 8 | u64::from(*byte));
        let stated = text_offset as u64 + text_len;
        match usize::try_from(stated) {
            Ok(header_len) if header_len <= HEADER_LEN_MAX => Ok(Prefix {
                encoding,
                text_offset,
                header_len,
            }),
            _ => Err(HeaderError::TooLong { stated }),
        }
    }
}

impl Header {
    /// Parses the header at the start of `bytes`, which may go on after it.
    ///
    /// # Errors
    ///
    /// If the bytes are not a supported header. Whatever the bytes are, this neither panics nor
    /// takes more than a small multiple of the header's length in memory and time.
    pub fn parse(bytes: &[u8]) -> Result<Header, HeaderError> {
        let prefix = Prefix::parse(bytes)?;
        let text = bytes
            .get(prefix.text_offset..prefix.header_len)
            .ok_or(HeaderError::CutOff {
                stated: prefix.header_len as u64,
                found: bytes.len() as u64,
            })?;
        let text = match prefix.encoding {
            Encoding::Latin1 => text.iter().map(|byte| char::from(*byte)).collect(),
            Encoding::Utf8 => {
                String::from_utf8(text.to_vec()).map_err(|_| HeaderError::Encoding)?
            }
        };
        let [descr, fortran_order, shape] = dictionary(literal::parse(&text)?)?;
        // The order of axes does not matter where there is only one.
        let Literal::Bool(_) = fortran_order else {
            return Err(HeaderError::FortranOrder);
        };
        let records = one_dimension(shape)?;
        let layout = descr::parse(descr)?;
        let size = HeaderError::Size {
            records,
            itemsize: layout.itemsize,
        };
        let records = u64::try_from(records).map_err(|_| size.clone())?;
        // File offsets are signed 64-bit numbers.
        records
            .checked_mul(layout.itemsize as u64)
            .and_then(|bytes| bytes.checked_add(prefix.header_len as u64))
            .filter(|end| i64::try_from(*end).is_ok())
            .ok_or(size)?;
        Ok(Header {
            layout,
            records,
            data_offset: prefix.header_len as u64,
        })
    }
}

impl Layout {
    /// The header of a file of `records` such records, byte for byte as NumPy writes it: the oldest
    /// version that can hold it, room for the number of records to grow, and data aligned to 64
    /// bytes. (Names that need escapes may be quoted in another way than Python's.)
    pub fn header(&self, records: u64) -> Vec<u8> {
        /// The digits that NumPy leaves room for, so that a file can grow in place.
        const GROWTH_DIGITS: usize = 21;
        const ALIGNMENT: usize = 64;

        let digits = records.to_string();
        let text = format!(
            "{{'descr': {}, 'fortran_order': False, 'shape': ({digits},), }}{:room$}",
            descr::write(self),
            "",
            room = GROWTH_DIGITS - digits.len(),
        );
        let latin1: Option<Vec<u8>> = text
            .chars()
            .map(|letter| u8::try_from(letter).ok())
            .collect();
        // Blanks and a newline, at least one of each, up to the alignment.
        let padded_len = |prefix_len: usize, len: usize| {
            (prefix_len + len + 1) / ALIGNMENT * ALIGNMENT + ALIGNMENT - prefix_len
        };
        let (version, prefix_len, mut body) = match latin1 {
            Some(body) if padded_len(10, body.len()) <= usize::from(u16::MAX) => (1, 10, body),
            Some(body) => (2, 12, body),
            None => (3, 12, text.into_bytes()),
        };
        let body_len = padded_len(prefix_len, body.len());
        body.resize(body_len - 1, b' ');
        body.push(b'\n');

        let mut header = MAGIC.to_vec();
        header.extend([version, 0]);
        header.extend(&(body.len() as u32).to_le_bytes()[..prefix_len - 8]);
        header.append(&mut body);
        header
    }
}

/// The values of `descr`, `fortran_order` and `shape`.
fn dictionary(literal: Literal) -> Result<[Literal; 3], HeaderError> {
    const KEYS: [&str; 3] = ["descr", "fortran_order", "shape"];
    let Literal::Dict(entries) = literal else {
        return Err(HeaderError::Syntax {
            offset: 0,
            expected: "'{'",
        });
    };
    let mut values: [Option<Literal>; 3] = [None, None, None];
    let found = entries.iter().take(9).map(|(key, _)| match key {
        Literal::Text(key) => format!("{:?}", key.chars().take(40).collect::<String>()),
        _ => "a key that is no string".to_owned(),
    });
    let error = HeaderError::Keys {
        found: format!("{{{}}}", found.collect::<Vec<_>>().join(", ")),
    };
    for (key, value) in entries {
        let index = KEYS
            .iter()
            .position(|known| matches!(&key, Literal::Text(key) if key == known));
        let slot = index
            .map(|index| &mut values[index])
            .filter(|slot| slot.is_none());
        *slot.ok_or_else(|| error.clone())? = Some(value);
    }
    match values {
        [Some(descr), Some(fortran_order), Some(shape)] => Ok([descr, fortran_order, shape]),
        _ => Err(error),
    }
}

/// The length of a shape of one dimension, of any sign.
fn one_dimension(shape: Literal) -> Result<i128, HeaderError> {
    match shape {
        Literal::Tuple(lengths) => match lengths[..] {
            [Literal::Integer(records)] => Ok(records),
            [_] => Err(HeaderError::Shape),
            _ => Err(HeaderError::Dimensions {
                dimensions: lengths.len(),
            }),
        },
        _ => Err(HeaderError::Shape),
    }
}
