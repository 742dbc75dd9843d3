//! Values of the command line that several commands read.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use report::{StartMethod, Transport};

/// A start method by its word; another word is answered with the known ones.
pub(crate) fn start_method() -> impl TypedValueParser<Value = StartMethod> {
    PossibleValuesParser::new(StartMethod::ALL.map(StartMethod::as_str))
        .try_map(|word| word.parse())
}

/// A transport by its word; another word is answered with the known ones.
pub(crate) fn transport() -> impl TypedValueParser<Value = Transport> {
    PossibleValuesParser::new(Transport::ALL.map(Transport::as_str)).try_map(|word| word.parse())
}
