//! The first frame each way: who speaks, and which protocol.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The protocol that this build speaks. Raised with every change that an older peer would
/// misread.
pub const PROTOCOL: u32 = 3;

/// The version that programs print: their own and the protocol's.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (protocol 3)");

/// The environment variable by which a program that is its own worker program learns that it was
/// started as a worker: `DESCRIPTOR,PID`, the socket to its coordinator and the process that started
/// it. `DESCRIPTOR,PID,forkserver` makes it a forkserver.
pub const WORKER_VARIABLE: &str = "HANDOFF_WORKER";

/// The environment variable with the numbers of the descriptors that a worker program is to keep,
/// separated by commas.
pub const DESCRIPTORS_VARIABLE: &str = "HANDOFF_DESCRIPTORS";

/// Says that the peer is a Handoff process at all.
const MAGIC: [u8; 4] = *b"hand";

/// The first frame each way. Its layout is the same in every version of the protocol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    magic: [u8; 4],
    /// The protocol the sender speaks.
    pub protocol: u32,
    /// The sender's process.
    pub pid: u32,
    /// The sender's program version, for messages to people only.
    pub version: String,
}

/// Why a peer is refused.
#[derive(Debug, Error)]
pub enum HelloError {
    /// The first frame was not a greeting.
    #[error("the peer did not greet: it is not a handoff process")]
    NotHandoff,
    /// The peer speaks another protocol.
    #[error(
        "the peer (version {version}) speaks protocol {theirs}, this program protocol {PROTOCOL}; build both from the same version"
    )]
    OtherProtocol {
        /// The peer's protocol.
        theirs: u32,
        /// The peer's program version.
        version: String,
    },
}

impl Hello {
    /// This process's greeting.
    pub fn ours() -> Hello {
        Hello {
            magic: MAGIC,
            protocol: PROTOCOL,
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// Reads a greeting from the first frame's `body` and checks that we can talk.
    ///
    /// # Errors
    /// [`HelloError`]: not a greeting, or another protocol. Bytes after the known fields are
    /// allowed: a later protocol may have added some, and must still be refused by its number.
    pub fn accept(body: &[u8]) -> Result<Hello, HelloError> {
        let (hello, _later) =
            postcard::take_from_bytes::<Hello>(body).map_err(|_| HelloError::NotHandoff)?;
        if hello.magic != MAGIC {
            return Err(HelloError::NotHandoff);
        }
        if hello.protocol != PROTOCOL {
            return Err(HelloError::OtherProtocol {
                theirs: hello.protocol,
                version: hello.version.chars().take(40).collect(),
            });
        }
        Ok(hello)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_greeting_is_accepted() {
        let body = postcard::to_stdvec(&Hello::ours()).unwrap();
        assert_eq!(Hello::accept(&body).unwrap().pid, std::process::id());
    }

    #[test]
    fn another_protocol_is_refused_with_both_numbers() {
        let later = Hello {
            protocol: 77,
            ..Hello::ours()
        };
        let mut body = postcard::to_stdvec(&later).unwrap();
        body.extend_from_slice(b"fields of protocol 77");
        let message = Hello::accept(&body).unwrap_err().to_string();
        assert!(message.contains("protocol 77"), "{message}");
        assert!(
            message.contains(&format!("protocol {PROTOCOL};")),
            "{message}"
        );
    }

    #[test]
    fn the_printed_version_names_the_protocol() {
        assert!(VERSION.ends_with(&format!("(protocol {PROTOCOL})")));
    }

    #[test]
    fn a_stranger_is_refused() {
        for body in [&b"GET / HTTP/1.1\r\n"[..], b"", b"hand"] {
            assert!(
                matches!(Hello::accept(body), Err(HelloError::NotHandoff)),
                "{body:?}"
            );
        }
    }
}
