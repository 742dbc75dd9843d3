//! How arguments and results travel: postcard, with its errors explained.
//!
//! Other modules see bytes and texts only.

use pool::Args;
use postcard::ser_flavors::Flavor;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::panic;

/// Which types the encoding does not carry, and what to do.
const HINT: &str = "types that need a self-describing format cannot travel: serde_json::Value, and \
                    serde's attributes tag, untagged, flatten and skip_serializing_if; send such a \
                    value as text, for example JSON in a String";

pub(crate) fn encode<T: Serialize>(value: &T, buffer: Vec<u8>) -> Result<Vec<u8>, String> {
    postcard::to_extend(value, buffer).map_err(|error| explain(&error))
}

/// Encodes a call's arguments; short ones without a block of the heap.
#[inline]
pub(crate) fn encode_args<T: Serialize>(value: &T, args: &mut Args) -> Result<(), String> {
    postcard::serialize_with_flavor(value, Growing(args)).map_err(|error| explain(&error))
}

struct Growing<'a>(&'a mut Args);

impl Flavor for Growing<'_> {
    type Output = ();

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    #[inline]
    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// Decodes a whole value. A type whose decoding panics must not take the process along.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    match panic::catch_unwind(|| postcard::take_from_bytes(bytes)) {
        Ok(Ok((value, []))) => Ok(value),
        Ok(Ok((_, rest))) => Err(format!("{} bytes are left over; {HINT}", rest.len())),
        Ok(Err(error)) => Err(explain(&error)),
        Err(_) => Err("its type panicked while it was decoded".to_owned()),
    }
}

#[cold]
fn explain(error: &postcard::Error) -> String {
    use postcard::Error::{SerdeDeCustom, SerdeSerCustom, WontImplement};
    match error {
        WontImplement => HINT.to_owned(),
        SerdeSerCustom | SerdeDeCustom => {
            format!("its own serde implementation refused it; {HINT}")
        }
        error => format!("{error}; {HINT}"),
    }
}
