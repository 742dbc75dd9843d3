//! How a record's bytes divide into fields, and where the values of one field lie.

use serde::{Deserialize, Serialize};

use crate::dtype::{Class, Dtype};
use crate::scalar::{Kind, Order, Scalar};

/// The layout of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Bytes from one record to the next.
    pub itemsize: usize,
    /// The fields in the order in which they lie; padding is left out. A plain array has one field
    /// without a name.
    pub fields: Vec<Field>,
    /// Whether the fields have names, as in a structured array.
    pub structured: bool,
}

/// One named column of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name; empty in a plain array.
    pub name: String,
    /// Bytes from the start of the record.
    pub offset: usize,
    /// What it holds.
    pub dtype: Dtype,
}

/// Where the values of one numeric field lie within records. It travels to workers as a task's
/// argument, so the receiver of one calls [`Column::validate`] before trusting it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Column {
    /// Bytes from the start of a record to the value.
    pub offset: usize,
    /// Bytes from one record to the next; at least `offset` plus the value's size.
    pub stride: usize,
    /// The value's type.
    pub scalar: Scalar,
}

/// Why a field cannot be summed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// No field has this name.
    #[error("there is no field '{name}'{}; the fields are {fields}", hint(.suggestion.as_deref()))]
    Missing {
        /// The name that was asked for.
        name: String,
        /// The name that was likely meant.
        suggestion: Option<String>,
        /// The fields there are, with their types.
        fields: String,
    },
    /// A structured array, and no field was named.
    #[error("a record has several fields: name one of {fields} with --field")]
    Unnamed {
        /// The fields there are, with their types.
        fields: String,
    },
    /// A plain array, and a field was named.
    #[error(
        "the array is plain '{code}' without fields: leave out --field '{name}' to sum it whole"
    )]
    Plain {
        /// The name that was asked for.
        name: String,
        /// The type of the array.
        code: String,
    },
    /// The field holds something that is not summed.
    #[error("{} '{code}', {}, and cannot be summed; {numeric}", what(.name), .class.describe())]
    NotNumeric {
        /// The field's name; empty for a plain array.
        name: String,
        /// NumPy's code of its type.
        code: String,
        /// What it holds.
        class: Class,
        /// The fields that can be summed, as words.
        numeric: String,
    },
}

fn hint(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(String::new, |name| format!(" (did you mean '{name}'?)"))
}

fn what(name: &str) -> String {
    if name.is_empty() {
        "the array is".to_owned()
    } else {
        format!("field '{name}' is")
    }
}

/// The longest record in bytes: NumPy's own bound, an `int`.
const STRIDE_MAX: usize = i32::MAX as usize;

/// A column that reaches beyond its record, as only a faulty or hostile sender would describe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a value of {size} bytes at offset {offset} does not fit a record of {stride} bytes (at most \
     {STRIDE_MAX})"
)]
pub struct ColumnError {
    offset: usize,
    size: usize,
    stride: usize,
}

impl Column {
    /// Checks that a value lies within its record.
    ///
    /// # Errors
    ///
    /// If `offset` plus the value's size is more than `stride`, or overflows, or the record is longer
    /// than NumPy allows.
    pub fn validate(&self) -> Result<(), ColumnError> {
        let size = self.scalar.size();
        match self.offset.checked_add(size) {
            Some(end) if end <= self.stride && self.stride <= STRIDE_MAX => Ok(()),
            _ => Err(ColumnError {
                offset: self.offset,
                size,
                stride: self.stride,
            }),
        }
    }
}

/// Bytes of a record of [`Layout::study`].
pub const STUDY_RECORD_LEN: usize = 24;

/// The field of [`Layout::study`] that holds the values.
pub const STUDY_FIELD: &str = "val";

impl Layout {
    /// The original study's records, as `DataFrame.to_records()` lays them out: `index` `<i8`, `timestamp`
    /// `<M8[ns]`, `val` `<f8`, packed into 24 bytes.
    pub fn study() -> Layout {
        let field = |name: &str, offset, dtype| Field {
            name: name.to_owned(),
            offset,
            dtype,
        };
        let number = |kind| Dtype::from(Scalar::new(kind, Order::Little));
        let fields = vec![
            field("index", 0, number(Kind::I8)),
            field("timestamp", 8, Dtype::nanoseconds()),
            field(STUDY_FIELD, 16, number(Kind::F8)),
        ];
        Layout {
            itemsize: STUDY_RECORD_LEN,
            fields,
            structured: true,
        }
    }

    /// Whether records are exactly those of [`Layout::study`].
    pub fn is_study(&self) -> bool {
        *self == Layout::study()
    }

    /// The column of the field called `field`, or of a plain array's values where that is `None`.
    ///
    /// # Errors
    ///
    /// If there is no such field, if the values are not numbers that can be summed, or if a name is
    /// given for a plain array or left out for a structured one.
    pub fn column(&self, field: Option<&str>) -> Result<Column, FieldError> {
        let field = match (field, self.structured) {
            (Some(name), true) => self
                .fields
                .iter()
                .find(|field| field.name == name)
                .ok_or_else(|| self.missing(name))?,
            (None, true) => {
                return Err(FieldError::Unnamed {
                    fields: self.list_fields(),
                });
            }
            (Some(name), false) => {
                let code = self.fields.first().map_or("", |field| field.dtype.code());
                return Err(FieldError::Plain {
                    name: name.to_owned(),
                    code: code.to_owned(),
                });
            }
            (None, false) => self.fields.first().ok_or_else(|| self.missing(""))?,
        };
        let scalar = field.dtype.scalar().ok_or_else(|| FieldError::NotNumeric {
            name: field.name.clone(),
            code: field.dtype.code().to_owned(),
            class: field.dtype.class(),
            numeric: self.list_numeric(),
        })?;
        Ok(Column {
            offset: field.offset,
            stride: self.itemsize,
            scalar,
        })
    }

    fn missing(&self, name: &str) -> FieldError {
        let wanted = name.to_lowercase();
        let suggestion = self
            .fields
            .iter()
            .map(|field| {
                (
                    strsim::osa_distance(&field.name.to_lowercase(), &wanted),
                    &field.name,
                )
            })
            .filter(|(distance, field)| *distance <= 1 + field.chars().count() / 4)
            .min_by_key(|(distance, _)| *distance)
            .map(|(_, field)| field.clone());
        FieldError::Missing {
            name: name.to_owned(),
            suggestion,
            fields: self.list_fields(),
        }
    }

    fn list_fields(&self) -> String {
        list(self.fields.iter())
    }

    fn list_numeric(&self) -> String {
        let numeric = list(
            self.fields
                .iter()
                .filter(|field| field.dtype.scalar().is_some()),
        );
        if numeric.is_empty() {
            "there is no numeric field".to_owned()
        } else {
            format!("the numeric fields are {numeric}")
        }
    }
}

/// `'index' <i8, 'val' <f8`, cut short where a record has a great many fields.
fn list<'a>(fields: impl Iterator<Item = &'a Field> + Clone) -> String {
    const SHOWN: usize = 20;
    let shown: Vec<String> = fields
        .clone()
        .take(SHOWN)
        .map(|field| format!("'{}' {}", field.name, field.dtype.code()))
        .collect();
    match fields.skip(SHOWN).count() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_of_a_study_record() {
        let column = Layout::study().column(Some("val")).unwrap();
        let scalar = Scalar::new(Kind::F8, Order::Little);
        assert_eq!(
            column,
            Column {
                offset: 16,
                stride: 24,
                scalar
            }
        );
        assert_eq!(column.validate(), Ok(()));
        assert!(Layout::study().is_study());
    }

    #[test]
    fn a_column_beyond_its_record_is_refused() {
        let scalar = Scalar::new(Kind::F8, Order::Little);
        for (offset, stride) in [
            (17, 24),
            (0, 7),
            (0, 0),
            (usize::MAX, 24),
            (usize::MAX - 7, usize::MAX),
        ] {
            assert!(
                Column {
                    offset,
                    stride,
                    scalar
                }
                .validate()
                .is_err(),
                "{offset} {stride}"
            );
        }
    }

    #[test]
    fn a_column_survives_the_socket() {
        let column = Layout::study().column(Some("index")).unwrap();
        let bytes = postcard::to_stdvec(&column).unwrap();
        assert_eq!(postcard::from_bytes::<Column>(&bytes), Ok(column));
    }

    #[test]
    fn errors_list_the_fields_and_guess() {
        let layout = Layout::study();
        let message = |field| layout.column(field).unwrap_err().to_string();
        let fields = "'index' <i8, 'timestamp' <M8[ns], 'val' <f8";
        assert_eq!(
            message(Some("Vals")),
            format!("there is no field 'Vals' (did you mean 'val'?); the fields are {fields}")
        );
        assert_eq!(
            message(Some("price")),
            format!("there is no field 'price'; the fields are {fields}")
        );
        assert_eq!(
            message(None),
            format!("a record has several fields: name one of {fields} with --field")
        );
        assert_eq!(
            message(Some("timestamp")),
            "field 'timestamp' is '<M8[ns]', a point in time (datetime64), and cannot be summed; \
             the numeric fields are 'index' <i8, 'val' <f8"
        );
    }

    #[test]
    fn plain_arrays_have_no_field_to_name() {
        let plain = |code| {
            let dtype = Dtype::parse(code).unwrap();
            let itemsize = dtype.size();
            Layout {
                itemsize,
                fields: vec![Field {
                    name: String::new(),
                    offset: 0,
                    dtype,
                }],
                structured: false,
            }
        };
        assert_eq!(plain(">f4").column(None).map(|column| column.stride), Ok(4));
        assert_eq!(
            plain("<f8").column(Some("val")).unwrap_err().to_string(),
            "the array is plain '<f8' without fields: leave out --field 'val' to sum it whole"
        );
        assert_eq!(
            plain("<c16").column(None).unwrap_err().to_string(),
            "the array is '<c16', a complex number, and cannot be summed; there is no numeric field"
        );
    }
}
