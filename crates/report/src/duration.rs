//! Durations as people write them: `500ms`, `30s`, `2m`; a number alone is in seconds.
//!
//! Every command line of the workspace takes durations in this one form.

use std::time::Duration;

/// A text that is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration above 0, expected 500ms, 30s, 2m, 1h or a number of seconds")]
pub struct ParseDurationError(String);

/// Reads a duration that is not zero: a decimal number with one of the units `us`, `ms`, `s`, `m`
/// (minutes) and `h`; without a unit it is in seconds.
///
/// # Errors
///
/// Anything else, and what is too short or too long to be a duration.
pub fn parse_duration(text: &str) -> Result<Duration, ParseDurationError> {
    parse(text)
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| ParseDurationError(text.to_owned()))
}

fn parse(text: &str) -> Option<Duration> {
    let is_digit = |c: char| c.is_ascii_digit() || c == '.';
    let (number, unit) = text.split_at(text.rfind(is_digit)? + 1);
    // A number in words, with an exponent or with a sign is none here.
    if !number.starts_with(is_digit) || !number.chars().all(is_digit) {
        return None;
    }
    let number: f64 = number.parse().ok()?;
    let seconds = match unit {
        "us" | "µs" => number / 1e6,
        "ms" => number / 1e3,
        "" | "s" => number,
        "m" | "min" => number * 60.0,
        "h" => number * 3600.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_a_unit_or_in_seconds() {
        for (text, millis) in [
            ("500ms", 500),
            ("30s", 30_000),
            ("0.5", 500),
            ("2", 2_000),
            ("2m", 120_000),
            ("1.5min", 90_000),
            ("1h", 3_600_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
        }
        assert_eq!(parse_duration("250us"), Ok(Duration::from_micros(250)));
    }

    #[test]
    fn anything_else_is_refused_with_what_is_expected() {
        for text in [
            "",
            "0",
            "0s",
            "-1",
            "+1",
            "nan",
            "inf",
            "soon",
            "1e3",
            "5 s",
            "5sec",
            "ms",
            "1.2.3",
            "1e99h",
            "999999999999999999999h",
            "0.0000000001ns",
        ] {
            let error = parse_duration(text).expect_err(text);
            assert!(error.to_string().contains("500ms"), "{error}");
        }
    }
}
