//! Every message: whatever decodes is encoded and decoded again to the same.

use crate::gauge::bounded;
use wire::{FromServer, FromWorker, Hello, ToServer, ToWorker};

/// The first byte chooses the kind of message, the rest is its body.
pub(crate) fn run(input: &[u8]) {
    let Some((&kind, body)) = input.split_first() else {
        return;
    };
    // What takes the most is a list of names, each of which may be empty: a byte there, 16 bytes
    // here, and as much again while the list grows. Twice, and the message's own bytes.
    bounded(80 * body.len() + 8192, || match kind % 5 {
        0 => to_worker(body),
        1 => from_worker(body),
        2 => to_server(body),
        3 => from_server(body),
        _ => greeting(body),
    });
}

/// Defines what tries one kind of message: types that borrow from their bytes are no parameters.
macro_rules! survives {
    ($name:ident, $message:ty) => {
        fn $name(body: &[u8]) {
            let Ok(message) = wire::decode::<$message>(body) else {
                return;
            };
            let mut frame = Vec::new();
            wire::encode(&message, &mut frame).expect("what came in a frame fits into one");
            let again = &frame[4..];
            // A varint may have come in a longer form than we write.
            assert!(again.len() <= body.len(), "{message:?} has grown");
            assert_eq!(
                wire::decode::<$message>(again).expect("our own bytes"),
                message
            );
        }
    };
}

survives!(to_worker, ToWorker<'_>);
survives!(from_worker, FromWorker<'_>);
survives!(to_server, ToServer);
survives!(from_server, FromServer<'_>);

/// A greeting of another protocol, or with bytes behind it, is not ours to encode.
fn greeting(body: &[u8]) {
    if let Ok(hello) = Hello::accept(body) {
        let mut frame = Vec::new();
        wire::encode(&hello, &mut frame).expect("a short greeting");
        assert_eq!(Hello::accept(&frame[4..]).expect("our own bytes"), hello);
    }
}
