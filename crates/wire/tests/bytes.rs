//! Bytes are encoded as a whole. Written one by one, they would be the same on the wire, at a third of the
//! speed.

use postcard::ser_flavors::Flavor;
use serde::Serialize;
use wire::{Call, CallInput, FromWorker};

/// Counts how often something is written, whatever it is.
struct Writes(usize);

impl Flavor for Writes {
    type Output = usize;

    fn try_push(&mut self, _: u8) -> postcard::Result<()> {
        self.0 += 1;
        Ok(())
    }

    fn try_extend(&mut self, _: &[u8]) -> postcard::Result<()> {
        self.0 += 1;
        Ok(())
    }

    fn finalize(self) -> postcard::Result<usize> {
        Ok(self.0)
    }
}

fn writes(message: &impl Serialize) -> usize {
    postcard::serialize_with_flavor(message, Writes(0)).unwrap()
}

#[test]
fn bytes_are_written_at_once() {
    let bytes = vec![7; 100_000];
    assert!(writes(&bytes) > 100_000, "a sequence of numbers is not");
    let call = Call {
        id: 1,
        task: "a",
        args: &bytes,
        input: CallInput::Inline(&bytes),
        attempt: 1,
        arrays: &bytes,
    };
    let done = FromWorker::Done {
        id: 1,
        output: &bytes,
        began_ns: 1,
        computed_ns: 2,
        memory: None,
        arrays: &[],
    };
    for writes in [
        writes(&call),
        writes(&done),
        writes(&FromWorker::OutputPart(&bytes)),
    ] {
        assert!(writes < 30, "{writes} writes");
    }
}
