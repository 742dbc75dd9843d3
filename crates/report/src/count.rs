//! Counts as people write them: `10_000_000`, `200M`.
//!
//! Every command line of the workspace takes counts in this one form.

/// A text that is no count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseCountError {
    /// Nothing was given.
    #[error("empty count, expected digits such as 10_000 or 200M")]
    Empty,
    /// A sign; counts have none.
    #[error("count `{0}` has a sign, counts are written without one")]
    Signed(String),
    /// A decimal point or comma.
    #[error(
        "count `{0}` is a fraction, write it with a smaller suffix or in full (1500k, not 1.5M)"
    )]
    Fraction(String),
    /// A suffix other than `k`, `M` and `G`, which count in thousands.
    #[error("count `{text}` ends in `{suffix}`, expected digits with one of the suffixes k, M, G")]
    Suffix {
        /// What was given.
        text: String,
        /// What stands behind its digits.
        suffix: String,
    },
    /// An underscore that does not stand between two digits.
    #[error("count `{0}` has an underscore that is not between two digits")]
    Underscore(String),
    /// The text does not begin with a digit.
    #[error("`{0}` is not a count, expected digits such as 10_000 or 200M")]
    NotACount(String),
    /// The count does not fit in 64 bits.
    #[error("count `{0}` is too large, the most is {max}", max = u64::MAX)]
    TooLarge(String),
}

/// Reads a count: decimal digits, `_` between them, and one of the suffixes `k` (thousand),
/// `M` (million), `G` (thousand million).
///
/// # Errors
///
/// Anything else is refused with what is wrong about it; so are fractions (`1.5M`), signs and
/// counts beyond 64 bits.
pub fn parse_count(text: &str) -> Result<u64, ParseCountError> {
    if text.is_empty() {
        return Err(ParseCountError::Empty);
    }
    if text.starts_with(['+', '-']) {
        return Err(ParseCountError::Signed(text.to_owned()));
    }
    let digits_end = text
        .find(|c: char| !c.is_ascii_digit() && c != '_')
        .unwrap_or(text.len());
    let (digits, suffix) = text.split_at(digits_end);
    if suffix.starts_with(['.', ',']) {
        return Err(ParseCountError::Fraction(text.to_owned()));
    }
    if digits.is_empty() {
        return Err(ParseCountError::NotACount(text.to_owned()));
    }
    if digits.starts_with('_') || digits.ends_with('_') || digits.contains("__") {
        return Err(ParseCountError::Underscore(text.to_owned()));
    }
    let unit: u64 = match suffix {
        "" => 1,
        "k" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        _ => {
            return Err(ParseCountError::Suffix {
                text: text.to_owned(),
                suffix: suffix.to_owned(),
            });
        }
    };
    digits
        .bytes()
        .filter(|byte| *byte != b'_')
        .try_fold(0_u64, |count, digit| {
            count.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
        })
        .and_then(|count| count.checked_mul(unit))
        .ok_or_else(|| ParseCountError::TooLarge(text.to_owned()))
}

/// Writes a count with `_` between groups of three digits: `200_000_000`.
pub fn format_count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn suffixes_are_decimal() {
        for (text, count) in [
            ("0", 0),
            ("7", 7),
            ("10_000_000", 10_000_000),
            ("1k", 1_000),
            ("200M", 200_000_000),
            ("1_2G", 12_000_000_000),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(parse_count(text), Ok(count), "{text}");
        }
    }

    #[test]
    fn what_is_no_count_is_told_apart() {
        use ParseCountError as E;
        assert_eq!(parse_count(""), Err(E::Empty));
        for (text, error) in [
            ("-1", E::Signed as fn(String) -> E),
            ("+1", E::Signed),
            ("1.5M", E::Fraction),
            (".5", E::Fraction),
            ("1,000", E::Fraction),
            ("M", E::NotACount),
            ("ten", E::NotACount),
            (" 1", E::NotACount),
            ("_1", E::Underscore),
            ("1_", E::Underscore),
            ("1__0", E::Underscore),
            ("1_M", E::Underscore),
            ("18446744073709551616", E::TooLarge),
            ("99999999999G", E::TooLarge),
        ] {
            assert_eq!(parse_count(text), Err(error(text.to_owned())), "{text}");
        }
        for text in ["200m", "1K", "1MB", "1Mi", "1 M", "1Ω"] {
            assert!(matches!(parse_count(text), Err(E::Suffix { .. })), "{text}");
        }
    }

    #[test]
    fn groups_of_three() {
        assert_eq!(format_count(0), "0");
        assert_eq!(format_count(999), "999");
        assert_eq!(format_count(1_000), "1_000");
        assert_eq!(format_count(200_000_000), "200_000_000");
    }

    proptest! {
        #[test]
        fn a_written_count_reads_back(count: u64) {
            prop_assert_eq!(parse_count(&format_count(count)), Ok(count));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,12}") {
            let _ = parse_count(&text);
        }
    }
}
