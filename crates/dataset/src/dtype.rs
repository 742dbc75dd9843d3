//! The types that a field can have, as NumPy's array interface spells them (`<f8`, `|S5`, `<M8[ns]`).

use crate::scalar::{Kind, Order, Scalar};

/// What a field holds, as far as it matters here: a number to sum, or why it is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// A number that can be summed.
    Number(Scalar),
    /// `datetime64`.
    DateTime,
    /// `timedelta64`.
    TimeDelta,
    /// `longdouble`, which differs from machine to machine.
    LongDouble,
    /// A complex number.
    Complex,
    /// A byte string of fixed length.
    Bytes,
    /// A Unicode string of fixed length.
    Text,
    /// Bytes without a meaning (`|V8`).
    Raw,
    /// Several values of one type in every record.
    SubArray,
    /// Fields of its own in every record.
    Record,
}

impl Class {
    /// The words of an error about a field of this class.
    pub(crate) const fn describe(self) -> &'static str {
        match self {
            Class::Number(_) => "a number",
            Class::DateTime => "a point in time (datetime64)",
            Class::TimeDelta => "a span of time (timedelta64)",
            Class::LongDouble => "a long double, whose format differs between machines",
            Class::Complex => "a complex number",
            Class::Bytes => "a byte string",
            Class::Text => "text",
            Class::Raw => "raw bytes",
            Class::SubArray => "a sub-array",
            Class::Record => "a nested record",
        }
    }
}

/// The type of one field: its size, its class and NumPy's code for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Dtype {
    code: String,
    /// What stands after the name in NumPy's list of fields, where it is not the quoted code.
    descr: Option<String>,
    size: usize,
    class: Class,
}

/// Why a dtype's code was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DtypeError {
    Object,
    Unknown,
}

impl Dtype {
    /// Parses a code such as `<f8`; without an order (`f8`, `=f8`, `|f8`) it is the machine's, as in NumPy.
    pub(crate) fn parse(text: &str) -> Result<Dtype, DtypeError> {
        let (order, code) = match text.split_at_checked(1) {
            Some(("<", code)) => (Order::Little, code),
            Some((">", code)) => (Order::Big, code),
            Some(("=" | "|", code)) => (Order::NATIVE, code),
            _ => (Order::NATIVE, text),
        };
        if code.starts_with('O') {
            return Err(DtypeError::Object);
        }
        if let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.code() == code) {
            return Ok(Dtype::from(Scalar::new(kind, order)));
        }
        let (class, size) = opaque(code).ok_or(DtypeError::Unknown)?;
        let sign = match (class, order) {
            (Class::Bytes | Class::Raw, _) => '|',
            (_, Order::Little) => '<',
            (_, Order::Big) => '>',
        };
        Ok(Dtype {
            code: format!("{sign}{code}"),
            descr: None,
            size,
            class,
        })
    }

    /// A sub-array of `base` in every record; `None` if it is too large for this machine.
    pub(crate) fn sub_array(base: &Dtype, shape: &[usize]) -> Option<Dtype> {
        let values = shape
            .iter()
            .try_fold(1usize, |n, &length| n.checked_mul(length))?;
        let lengths: Vec<String> = shape.iter().map(usize::to_string).collect();
        let shape = match &lengths[..] {
            [length] => format!("({length},)"),
            lengths => format!("({})", lengths.join(", ")),
        };
        let of = match base.class {
            Class::SubArray => format!("({})", base.descr()),
            _ => base.descr(),
        };
        Some(Dtype {
            code: format!("{shape}{}", base.code),
            descr: Some(format!("{of}, {shape}")),
            size: base.size.checked_mul(values)?,
            class: Class::SubArray,
        })
    }

    /// A record of `size` bytes, whose fields NumPy writes as `descr`.
    pub(crate) fn record(descr: String, size: usize) -> Dtype {
        Dtype {
            code: format!("|V{size}"),
            descr: Some(descr),
            size,
            class: Class::Record,
        }
    }

    /// What stands after the name in NumPy's list of fields.
    pub(crate) fn descr(&self) -> String {
        let quoted = || format!("'{}'", self.code);
        self.descr.clone().unwrap_or_else(quoted)
    }

    /// `<M8[ns]`, the original study's timestamps.
    pub(crate) fn nanoseconds() -> Dtype {
        Dtype {
            code: "<M8[ns]".to_owned(),
            descr: None,
            size: 8,
            class: Class::DateTime,
        }
    }

    /// NumPy's code, for example `<M8[ns]`; of a sub-array with its shape before it (`(3,)<f8`), of a
    /// nested record its bytes (`|V16`).
    pub fn code(&self) -> &str {
        &self.code
    }

    /// Bytes of one value.
    pub fn size(&self) -> usize {
        self.size
    }

    /// What the field holds.
    pub fn class(&self) -> Class {
        self.class
    }

    /// The number, if it is one that can be summed.
    pub fn scalar(&self) -> Option<Scalar> {
        match self.class {
            Class::Number(scalar) => Some(scalar),
            _ => None,
        }
    }
}

impl From<Scalar> for Dtype {
    fn from(scalar: Scalar) -> Dtype {
        Dtype {
            code: scalar.to_string(),
            descr: None,
            size: scalar.size(),
            class: Class::Number(scalar),
        }
    }
}

/// The class and size of a type that may stand beside the field to sum.
fn opaque(code: &str) -> Option<(Class, usize)> {
    let (letter, rest) = code.split_at_checked(1)?;
    match (letter, rest) {
        ("f", "12") => Some((Class::LongDouble, 12)),
        ("f", "16") => Some((Class::LongDouble, 16)),
        ("c", "8" | "16" | "24" | "32") => Some((Class::Complex, rest.parse().ok()?)),
        ("M", _) => is_time(rest).then_some((Class::DateTime, 8)),
        ("m", _) => is_time(rest).then_some((Class::TimeDelta, 8)),
        ("S" | "a", _) => Some((Class::Bytes, length(rest)?)),
        ("V", _) => Some((Class::Raw, length(rest)?)),
        ("U", _) => Some((Class::Text, length(rest)?.checked_mul(4)?)),
        _ => None,
    }
}

/// `8`, `8[ns]`, `8[25s]`: an integer of eight bytes, which counts some multiple of a unit.
fn is_time(rest: &str) -> bool {
    const UNITS: [&str; 13] = [
        "Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as",
    ];
    let Some(unit) = rest.strip_prefix('8') else {
        return false;
    };
    let Some(unit) = unit
        .strip_prefix('[')
        .and_then(|unit| unit.strip_suffix(']'))
    else {
        return unit.is_empty();
    };
    UNITS.contains(&unit.trim_start_matches(|digit: char| digit.is_ascii_digit()))
}

fn length(digits: &str) -> Option<usize> {
    let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_in_both_orders() {
        for kind in Kind::ALL {
            for order in [Order::Little, Order::Big] {
                let scalar = Scalar::new(kind, order);
                let dtype = Dtype::parse(&scalar.to_string()).unwrap();
                assert_eq!(dtype.scalar(), Some(scalar));
                assert_eq!(
                    (dtype.size(), dtype.code()),
                    (kind.size(), &*scalar.to_string())
                );
            }
        }
        assert_eq!(
            Dtype::parse("=f8").unwrap().scalar(),
            Some(Scalar::new(Kind::F8, Order::NATIVE))
        );
        assert_eq!(Dtype::parse("f8"), Dtype::parse("=f8"));
    }

    #[test]
    fn what_may_stand_beside() {
        for (code, size, class) in [
            ("<M8", 8, Class::DateTime),
            (">M8[ns]", 8, Class::DateTime),
            ("<m8[25s]", 8, Class::TimeDelta),
            ("|S5", 5, Class::Bytes),
            ("|S0", 0, Class::Bytes),
            ("<U3", 12, Class::Text),
            ("|V4", 4, Class::Raw),
            ("<f16", 16, Class::LongDouble),
            ("<c16", 16, Class::Complex),
        ] {
            let dtype = Dtype::parse(code).unwrap();
            assert_eq!(
                (dtype.size(), dtype.class(), dtype.code()),
                (size, class, code)
            );
        }
    }

    #[test]
    fn what_is_no_dtype() {
        for code in [
            "",
            "<",
            "é8",
            "<f3",
            "<i16",
            "<f08",
            "<M8[xs]",
            "<M8[ns",
            "<M4[ns]",
            "|S",
            "|S-1",
            "<U99999999999999999999",
            "<T8",
        ] {
            assert_eq!(Dtype::parse(code), Err(DtypeError::Unknown), "{code}");
        }
        assert_eq!(Dtype::parse("|O"), Err(DtypeError::Object));
    }
}
