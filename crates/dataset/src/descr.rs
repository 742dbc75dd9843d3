//! The `descr` of a header: NumPy's list of fields, to a [`Layout`] and back.

use std::collections::HashSet;
use std::fmt::Write;

use crate::dtype::{Class, Dtype, DtypeError};
use crate::layout::{Field, Layout};
use crate::literal::Literal;

/// Why a layout is not supported.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DescrError {
    /// `descr` has a form that NumPy does not write.
    #[error("the header's 'descr' should be a type such as '<f8' or a list of fields (name, type)")]
    Form,
    /// A type that is not known.
    #[error("{} the unknown type '{code}'", has(.field))]
    Unknown {
        /// The field; `None` for a plain array.
        field: Option<String>,
        /// The type as written.
        code: String,
    },
    /// Python objects, which only Python can read back.
    #[error("{} Python objects, stored as a pickle; convert them to numbers (astype) before numpy.save", has(.field))]
    Object {
        /// The field; `None` for a plain array.
        field: Option<String>,
    },
    /// An array whose type is a sub-array, which NumPy itself writes as one more dimension.
    #[error(
        "the array has a sub-array in every record; save it as a plain array of more dimensions"
    )]
    SubArray,
    /// Two fields of the same name.
    #[error("two fields are called '{field}'")]
    Duplicate {
        /// Their name.
        field: String,
    },
    /// Records without any bytes.
    #[error("records of 0 bytes hold nothing to sum")]
    NoBytes,
    /// Records of more bytes than addresses can count.
    #[error("a record is too large for this machine")]
    TooLarge,
}

fn has(field: &Option<String>) -> String {
    match field {
        Some(field) => format!("field '{field}' has"),
        None => "the array has".to_owned(),
    }
}

/// Reads the layout that `descr` describes.
pub(crate) fn parse(descr: Literal) -> Result<Layout, DescrError> {
    let layout = match descr {
        Literal::Text(code) => {
            let dtype = dtype(&code, None)?;
            let itemsize = dtype.size();
            let field = Field {
                name: String::new(),
                offset: 0,
                dtype,
            };
            Layout {
                itemsize,
                fields: vec![field],
                structured: false,
            }
        }
        Literal::List(fields) => structured(fields)?,
        Literal::Tuple(_) => return Err(DescrError::SubArray),
        _ => return Err(DescrError::Form),
    };
    if layout.itemsize == 0 {
        return Err(DescrError::NoBytes);
    }
    Ok(layout)
}

fn structured(entries: Vec<Literal>) -> Result<Layout, DescrError> {
    let mut fields = Vec::new();
    let mut names = HashSet::new();
    let mut offset = 0usize;
    for entry in entries {
        let (Literal::Tuple(parts) | Literal::List(parts)) = entry else {
            return Err(DescrError::Form);
        };
        let mut parts = parts.into_iter();
        let (Some(name), Some(kind), shape, None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(DescrError::Form);
        };
        let name = name_of(name)?;
        let dtype = field_dtype(kind, shape, &name)?;
        let end = offset
            .checked_add(dtype.size())
            .ok_or(DescrError::TooLarge)?;
        // Padding is written as raw bytes without a name.
        if !(name.is_empty() && dtype.class() == Class::Raw) {
            if !names.insert(name.clone()) {
                return Err(DescrError::Duplicate { field: name });
            }
            fields.push(Field {
                name,
                offset,
                dtype,
            });
        }
        offset = end;
    }
    Ok(Layout {
        itemsize: offset,
        fields,
        structured: true,
    })
}

/// The type of a field called `name`: one value, a record of its own, or as many of these as `shape`
/// says. A field that is no single number is not summed; its size is needed for the offsets of the others.
fn field_dtype(kind: Literal, shape: Option<Literal>, name: &str) -> Result<Dtype, DescrError> {
    let base = match kind {
        Literal::Text(code) => dtype(&code, Some(name))?,
        Literal::List(entries) => {
            let nested = structured(entries)?;
            Dtype::record(write(&nested), nested.itemsize)
        }
        // A type that has a shape of its own.
        Literal::Tuple(mut parts) if parts.len() == 2 => {
            let shape = parts.pop();
            field_dtype(parts.remove(0), shape, name)?
        }
        _ => return Err(DescrError::Form),
    };
    let lengths = match shape {
        None => return Ok(base),
        Some(Literal::Tuple(lengths) | Literal::List(lengths)) => lengths,
        Some(length) => vec![length],
    };
    // NumPy takes a shape without lengths for none.
    if lengths.is_empty() {
        return Ok(base);
    }
    let lengths: Vec<usize> = lengths
        .iter()
        .map(|length| match length {
            Literal::Integer(length) => usize::try_from(*length).map_err(|_| DescrError::Form),
            _ => Err(DescrError::Form),
        })
        .collect::<Result<_, _>>()?;
    Dtype::sub_array(&base, &lengths).ok_or(DescrError::TooLarge)
}

/// A field's name; the title in `((title, name), type)` is a comment.
fn name_of(name: Literal) -> Result<String, DescrError> {
    match name {
        Literal::Text(name) => Ok(name),
        Literal::Tuple(mut titled) if titled.len() == 2 => match titled.remove(1) {
            Literal::Text(name) => Ok(name),
            _ => Err(DescrError::Form),
        },
        _ => Err(DescrError::Form),
    }
}

fn dtype(code: &str, field: Option<&str>) -> Result<Dtype, DescrError> {
    let field = || field.map(str::to_owned);
    Dtype::parse(code).map_err(|error| match error {
        DtypeError::Object => DescrError::Object { field: field() },
        DtypeError::Unknown => DescrError::Unknown {
            field: field(),
            code: code.chars().take(40).collect(),
        },
    })
}

/// Writes `layout` as NumPy does.
pub(crate) fn write(layout: &Layout) -> String {
    if let (false, [field]) = (layout.structured, &layout.fields[..]) {
        return format!("'{}'", field.dtype.code());
    }
    let mut entries = Vec::new();
    let mut end = 0;
    let mut pad = |entries: &mut Vec<String>, upto: usize, next: usize| {
        if upto > end {
            entries.push(format!("('', '|V{}')", upto - end));
        }
        end = next;
    };
    for Field {
        name,
        offset,
        dtype,
    } in &layout.fields
    {
        pad(&mut entries, *offset, offset + dtype.size());
        entries.push(format!("({}, {})", quote(name), dtype.descr()));
    }
    pad(&mut entries, layout.itemsize, layout.itemsize);
    format!("[{}]", entries.join(", "))
}

/// `name` as a Python string.
fn quote(name: &str) -> String {
    let mut out = String::from("'");
    for letter in name.chars() {
        match letter {
            '\\' | '\'' => out.extend(['\\', letter]),
            letter if letter.is_control() => {
                // A String takes whatever is written to it.
                let _ = write!(out, "\\U{:08x}", u32::from(letter));
            }
            letter => out.push(letter),
        }
    }
    out.push('\'');
    out
}
