//! Values of the command line that several commands read.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use report::{StartMethod, Transport};

use crate::jobs;

/// A start method by its word; another word is answered with the known ones.
pub(crate) fn start_method() -> impl TypedValueParser<Value = StartMethod> {
    PossibleValuesParser::new(StartMethod::ALL.map(StartMethod::as_str))
        .try_map(|word| word.parse())
}

/// A transport by its word; another word is answered with the known ones.
pub(crate) fn transport() -> impl TypedValueParser<Value = Transport> {
    PossibleValuesParser::new(Transport::ALL.map(Transport::as_str)).try_map(|word| word.parse())
}

/// The name of a job; another word is answered with the known ones.
pub(crate) fn job() -> impl TypedValueParser<Value = String> {
    let known = ["sum"]
        .into_iter()
        .chain(jobs::ALL.iter().map(|known| known.name));
    PossibleValuesParser::new(known)
}

/// A number of bytes, as people write it: `4096`, `64KiB`, `1MiB`, `2GiB`, `1MB`.
///
/// # Errors
///
/// What is wrong with the text.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 6] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("kB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
    ];
    let known = UNITS
        .iter()
        .find_map(|(name, factor)| Some((text.strip_suffix(name)?, *factor)));
    let (number, factor) = known.unwrap_or((text, 1));
    let number: Option<u64> = number.trim().parse().ok();
    let bytes = number.and_then(|number| number.checked_mul(factor));
    match bytes {
        Some(bytes) if bytes >= 8 => Ok(bytes),
        Some(_) => Err("at least 8 bytes".to_owned()),
        None => Err("expected a number of bytes such as 64KiB, 1MiB or 2GiB".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_with_their_unit() {
        for (text, expected) in [
            ("64", 64),
            ("64KiB", 1 << 16),
            ("1MiB", 1 << 20),
            ("2 GB", 2_000_000_000),
        ] {
            assert_eq!(bytes(text), Ok(expected), "{text}");
        }
        for text in ["", "MiB", "1.5MiB", "-1", "1XB", "99999999999GiB", "7"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}
