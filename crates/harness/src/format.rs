//! How a command prints its tables.

use clap::ValueEnum;
use serde::Serialize;

/// How to print a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a terminal
    Text,
    /// One JSON object
    Json,
}

impl Format {
    /// The text to print: `report` as JSON, or the table that `text` draws.
    ///
    /// # Errors
    ///
    /// Where the report cannot be encoded.
    pub fn of<T: Serialize>(
        self,
        report: &T,
        text: impl FnOnce() -> String,
    ) -> serde_json::Result<String> {
        match self {
            Format::Text => Ok(text()),
            Format::Json => Ok(serde_json::to_string(report)? + "\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_printed_as_a_table_or_as_one_line_of_json() {
        let table = || "1 | 2\n".to_owned();
        assert_eq!(Format::Text.of(&[1, 2], table).unwrap(), "1 | 2\n");
        assert_eq!(Format::Json.of(&[1, 2], table).unwrap(), "[1,2]\n");
    }
}
