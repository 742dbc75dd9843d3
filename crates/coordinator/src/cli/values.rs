//! Values that several commands take, read and explained in one way.

use clap::ValueEnum;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use report::{StartMethod, Transport, parse_count, parse_duration};
use std::time::Duration;

/// How to print a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// How calls reach the workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Carrier {
    /// Over each worker's socket, one call at a time
    Socket,
    /// Through a ring in memory shared with each worker; the timeline then has no memory of workers
    Ring,
}

impl From<Carrier> for pool::Carrier {
    fn from(carrier: Carrier) -> pool::Carrier {
        match carrier {
            Carrier::Socket => pool::Carrier::Socket,
            Carrier::Ring => pool::Carrier::Lane,
        }
    }
}

/// A start method by its word; another word is answered with the known ones.
pub(super) fn start_method() -> impl TypedValueParser<Value = StartMethod> {
    let explained = StartMethod::ALL.map(|method| {
        PossibleValue::new(method.as_str()).help(match method {
            StartMethod::Fork => "fork() of this process, with its memory: starts fastest",
            StartMethod::Spawn => "The worker program, started by exec: nothing is inherited",
            StartMethod::ForkServer => "Forked by a small server process that is started first",
        })
    });
    PossibleValuesParser::new(explained).try_map(|word| word.parse())
}

/// A transport by its word; another word is answered with the known ones.
pub(super) fn transport() -> impl TypedValueParser<Value = Transport> {
    let explained = Transport::ALL.map(|transport| {
        PossibleValue::new(transport.as_str()).help(match transport {
            Transport::Bytes => "The batch's bytes, streamed through the socket",
            Transport::Serde => "Every record encoded and decoded again (datagen's records only)",
            Transport::Shm => "A shared-memory segment that is filled once",
            Transport::Mmap => "The file's own pages, mapped: no copy",
            Transport::Inherit => "The coordinator's memory, read before it forks (fork only)",
        })
    });
    PossibleValuesParser::new(explained).try_map(|word| word.parse())
}

/// A number of something, at least 1.
///
/// # Errors
/// What is wrong with the text.
pub fn count(text: &str) -> Result<u64, String> {
    match parse_count(text) {
        Ok(0) => Err("at least 1 is needed".to_owned()),
        Ok(count) => Ok(count),
        Err(error) => Err(error.to_string()),
    }
}

pub(super) fn setting(text: &str) -> Result<(String, u64), String> {
    let (name, value) = text.split_once('=').ok_or("NAME=N is needed")?;
    let value = value
        .parse()
        .map_err(|_| format!("`{value}` is no number"))?;
    Ok((name.to_owned(), value))
}

/// A time that is not zero: with a unit, or in seconds.
///
/// # Errors
/// What is wrong with the text.
pub fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_at_least_1() {
        assert_eq!(count("1_000k"), Ok(1_000_000));
        assert!(count("0").unwrap_err().contains("at least 1"));
    }
}
