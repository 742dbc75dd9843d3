//! What a coordinator and its forkserver say to each other after the greeting.

use serde::{Deserialize, Serialize};

/// From the coordinator to its forkserver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToServer {
    /// Fork a worker. With the frame come two descriptors: the worker's socket and its stderr.
    Fork {
        /// Comes back with the answer.
        request: u64,
    },
    /// Exit, with the workers that are left. Closing the socket says the same.
    Shutdown,
    /// As [`Fork`](Self::Fork), with a third descriptor: the worker's stdout.
    ForkPiped {
        /// Comes back with the answer.
        request: u64,
    },
}

/// From a forkserver to its coordinator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum FromServer<'a> {
    /// A worker was forked; its pidfd comes with the frame.
    Forked {
        /// The request's number.
        request: u64,
        /// The worker's process.
        pid: u32,
    },
    /// The fork failed.
    Failed {
        /// The request's number.
        request: u64,
        /// Why.
        reason: &'a str,
        /// Whether every other fork would fail alike.
        permanent: bool,
    },
    /// A worker has ended and was reaped.
    Ended {
        /// The worker's process.
        pid: u32,
        /// The exit code, where it exited.
        exit: Option<i32>,
        /// The signal, where one ended it.
        signal: Option<i32>,
        /// The most that was ever resident of it, bytes.
        rss_peak: u64,
    },
}
