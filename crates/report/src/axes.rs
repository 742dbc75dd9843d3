//! The two axes of every measurement, as the command line and the reports spell them.
//!
//! The pool has its own types for what these words *do*; these are only the words.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How a worker is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StartMethod {
    /// The coordinator forks itself.
    Fork,
    /// A fresh program is executed.
    Spawn,
    /// A small process that was started early forks on request.
    ForkServer,
}

/// How a batch's bytes reach a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Raw bytes through the socket.
    Bytes,
    /// Records, each encoded and decoded again, through the socket.
    Serde,
    /// A shared-memory segment.
    Shm,
    /// The dataset's own pages, mapped.
    Mmap,
    /// The address space that a forked child begins with.
    Inherit,
}

/// A word that names no start method or no transport.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {axis} `{word}`, expected one of: {expected}")]
pub struct ParseAxisError {
    axis: &'static str,
    word: String,
    expected: String,
}

impl StartMethod {
    /// Every start method, in the order of tables.
    pub const ALL: [StartMethod; 3] = [
        StartMethod::Fork,
        StartMethod::Spawn,
        StartMethod::ForkServer,
    ];

    /// The word used on command lines and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            StartMethod::Fork => "fork",
            StartMethod::Spawn => "spawn",
            StartMethod::ForkServer => "forkserver",
        }
    }
}

impl Transport {
    /// Every transport, in the order of tables.
    pub const ALL: [Transport; 5] = [
        Transport::Bytes,
        Transport::Serde,
        Transport::Shm,
        Transport::Mmap,
        Transport::Inherit,
    ];

    /// The word used on command lines and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Transport::Bytes => "bytes",
            Transport::Serde => "serde",
            Transport::Shm => "shm",
            Transport::Mmap => "mmap",
            Transport::Inherit => "inherit",
        }
    }
}

impl fmt::Display for StartMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for StartMethod {
    type Err = ParseAxisError;

    fn from_str(word: &str) -> Result<Self, ParseAxisError> {
        Self::ALL
            .into_iter()
            .find(|method| method.as_str() == word)
            .ok_or_else(|| unknown("start method", word, &Self::ALL.map(Self::as_str)))
    }
}

impl FromStr for Transport {
    type Err = ParseAxisError;

    fn from_str(word: &str) -> Result<Self, ParseAxisError> {
        Self::ALL
            .into_iter()
            .find(|transport| transport.as_str() == word)
            .ok_or_else(|| unknown("transport", word, &Self::ALL.map(Self::as_str)))
    }
}

fn unknown(axis: &'static str, word: &str, expected: &[&str]) -> ParseAxisError {
    ParseAxisError {
        axis,
        word: word.to_owned(),
        expected: expected.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_same_in_json_and_on_the_command_line() {
        for method in StartMethod::ALL {
            assert_eq!(serde_json::to_value(method).unwrap(), method.as_str());
            assert_eq!(method.as_str().parse(), Ok(method));
        }
        for transport in Transport::ALL {
            assert_eq!(serde_json::to_value(transport).unwrap(), transport.as_str());
            assert_eq!(transport.as_str().parse(), Ok(transport));
        }
    }

    #[test]
    fn an_unknown_word_lists_those_there_are() {
        let error = "pipe".parse::<Transport>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown transport `pipe`, expected one of: bytes, serde, shm, mmap, inherit"
        );
    }
}
