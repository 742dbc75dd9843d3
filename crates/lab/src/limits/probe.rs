//! What can be measured, as data: it is handed to a process of its own, which answers with limits.

use std::path::PathBuf;

use report::{Limit, Pages, Touch, Unit, Width};
use serde::{Deserialize, Serialize};

use crate::stats::spread;

/// Memory read again and again.
pub(crate) const MEMORY_READ: &str = "memory-read";
/// The mapped dataset read.
pub(crate) const FILE_READ: &str = "file-read";
/// The dataset read by calls into a reused buffer, which is then read.
pub(crate) const FILE_PREAD: &str = "file-pread";
/// A new segment filled with the dataset; the way is added to the name.
pub(crate) const SEGMENT_FILL: &str = "segment-fill";
/// A filled segment read.
pub(crate) const SEGMENT_READ: &str = "segment-read";
/// One reused buffer through a socketpair into another: the socket alone, nothing from memory.
pub(crate) const SOCKET_RAW: &str = "socket-raw";
/// The dataset through a socketpair into a reused buffer; the way is added to the name.
pub(crate) const SOCKET_STREAM: &str = "socket-stream";
/// One byte there and back through a socketpair.
pub(crate) const SOCKET_PING_PONG: &str = "socket-ping-pong";
/// A fork; the parent's memory and what is waited for are added to the name.
pub(crate) const FORK: &str = "fork";
/// A program started; which, and what is waited for, is added to the name.
pub(crate) const SPAWN: &str = "spawn";

/// One thing to measure, in a process of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Probe {
    /// [`MEMORY_READ`].
    MemoryRead(Width),
    /// [`FILE_READ`].
    FileRead(Width),
    /// [`FILE_PREAD`].
    FilePread(Width),
    /// [`SEGMENT_FILL`].
    SegmentFill(FillWay, Width),
    /// [`SEGMENT_READ`] by several crews, since the segment has to be filled first.
    SegmentRead(Vec<Width>, Pages),
    /// [`SEGMENT_FILL`] with the whole dataset, then [`SEGMENT_READ`]: all that a run of `shm` has to
    /// do, once and without a warm-up.
    SegmentFillRead {
        /// How it is filled.
        way: FillWay,
        /// By how many.
        fillers: Width,
        /// Who reads it.
        readers: Width,
    },
    /// [`SOCKET_STREAM`], or [`SOCKET_RAW`].
    SocketStream(StreamWay, Depth),
    /// [`SOCKET_PING_PONG`].
    SocketPingPong,
    /// [`FORK`] of a parent that holds this number of bytes.
    Fork(u64, Pages),
    /// [`SPAWN`] of this number of processes at once.
    Spawn(u32),
}

/// How a segment is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum FillWay {
    /// `pread` of the file into the mapped segment.
    Pread,
    /// `pwrite` of the mapped file to the segment's descriptor.
    Write,
    /// Plain copying from mapping to mapping.
    Copy,
    /// `userfaultfd`, from the mapped file.
    Userfault,
    /// `pread` into the mapped segment, in huge pages.
    PreadHuge,
}

impl FillWay {
    fn as_str(self) -> &'static str {
        match self {
            FillWay::Pread => "pread",
            FillWay::Write => "write",
            FillWay::Copy => "copy",
            FillWay::Userfault => "userfault",
            FillWay::PreadHuge => "pread-huge",
        }
    }

    /// The pages that a segment gets in this way.
    pub(crate) fn pages(self) -> Pages {
        match self {
            FillWay::PreadHuge => Pages::Huge,
            _ => Pages::Base,
        }
    }
}

/// How bytes get into a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum StreamWay {
    /// `write` of one reused buffer: nothing but the socket is measured.
    Write,
    /// `write` of the mapped dataset.
    WriteMapped,
    /// `sendfile` of the dataset.
    Sendfile,
}

/// How much a socket holds that is not read yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Depth {
    /// What the system gives.
    Default,
    /// Megabytes.
    Deep,
}

/// A probe with what it works on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    /// What to measure.
    pub(crate) probe: Probe,
    /// The dataset.
    pub(crate) data: PathBuf,
    /// How often, after a warm-up.
    pub(crate) samples: u32,
}

impl Probe {
    /// The probe's name, without its method and parameters.
    pub(crate) fn family(&self) -> &'static str {
        match self {
            Probe::MemoryRead(_) => MEMORY_READ,
            Probe::FileRead(_) => FILE_READ,
            Probe::FilePread(_) => FILE_PREAD,
            Probe::SegmentFill(..) | Probe::SegmentFillRead { .. } => SEGMENT_FILL,
            Probe::SegmentRead(..) => SEGMENT_READ,
            Probe::SocketStream(StreamWay::Write, _) => SOCKET_RAW,
            Probe::SocketStream(..) => SOCKET_STREAM,
            Probe::SocketPingPong => SOCKET_PING_PONG,
            Probe::Fork(..) => FORK,
            Probe::Spawn(_) => SPAWN,
        }
    }

    /// The name of the limit that it gives, or of the first.
    pub(crate) fn name(&self) -> String {
        match self {
            Probe::SegmentFill(way, _) | Probe::SegmentFillRead { way, .. } => {
                format!("{SEGMENT_FILL}-{}", way.as_str())
            }
            Probe::SocketStream(way, depth) => {
                let depth = match depth {
                    Depth::Default => "",
                    Depth::Deep => "-deep",
                };
                match way {
                    StreamWay::Write => format!("{SOCKET_RAW}{depth}"),
                    StreamWay::WriteMapped => format!("{SOCKET_STREAM}-write{depth}"),
                    StreamWay::Sendfile => format!("{SOCKET_STREAM}-sendfile{depth}"),
                }
            }
            _ => self.family().to_owned(),
        }
    }

    /// The name that it is listed and chosen by: no other probe of its width has the same.
    pub(crate) fn listed(&self) -> String {
        let huge = |pages: &Pages| if *pages == Pages::Huge { "-huge" } else { "" };
        match self {
            Probe::SegmentRead(_, pages) => format!("{SEGMENT_READ}{}", huge(pages)),
            Probe::Fork(held, pages) => format!("{FORK}-{}GiB{}", held >> 30, huge(pages)),
            _ => self.name(),
        }
    }

    /// Whether it sends the dataset through a socket, and not one buffer again and again.
    pub(crate) fn sends_the_dataset(&self) -> bool {
        matches!(
            self,
            Probe::SocketStream(StreamWay::WriteMapped | StreamWay::Sendfile, _)
        )
    }

    /// The number and kind of those who work.
    pub(crate) fn width(&self) -> Width {
        match self {
            Probe::MemoryRead(width)
            | Probe::FileRead(width)
            | Probe::FilePread(width)
            | Probe::SegmentFill(_, width)
            | Probe::SegmentFillRead { fillers: width, .. } => *width,
            Probe::SegmentRead(widths, _) => {
                widths.iter().copied().max().unwrap_or(Width::Processes(1))
            }
            Probe::SocketStream(..) | Probe::SocketPingPong => Width::Processes(2),
            Probe::Fork(..) => Width::Processes(1),
            Probe::Spawn(at_once) => Width::Processes(*at_once),
        }
    }
}

/// A reference in GB/s, from the seconds for `bytes` bytes.
pub(crate) fn rate(probe: &str, width: Width, bytes: usize, seconds: &[f64]) -> Limit {
    #[expect(clippy::cast_precision_loss, reason = "no memory has 2^53 bytes")]
    let bytes = bytes as f64;
    let samples = seconds
        .iter()
        .map(|seconds| bytes / seconds / 1e9)
        .collect();
    limit(probe, width, Unit::GigabytesPerSecond, samples)
}

/// A limit in microseconds.
pub(crate) fn micros(probe: &str, width: Width, seconds: &[f64]) -> Limit {
    let samples = seconds.iter().map(|seconds| seconds * 1e6).collect();
    limit(probe, width, Unit::Microseconds, samples)
}

fn limit(probe: &str, width: Width, unit: Unit, samples: Vec<f64>) -> Limit {
    let value = spread(samples.iter().copied());
    Limit {
        probe: probe.to_owned(),
        width,
        pages: None,
        touch: None,
        unit,
        value,
        samples,
        note: None,
    }
}

/// A pair of limits, first touch and again, from pairs of seconds.
pub(crate) fn touches(probe: &str, width: Width, bytes: usize, pairs: &[[f64; 2]]) -> Vec<Limit> {
    [Touch::First, Touch::Again]
        .into_iter()
        .enumerate()
        .map(|(index, touch)| {
            let seconds: Vec<f64> = pairs.iter().map(|pair| pair[index]).collect();
            Limit {
                touch: Some(touch),
                ..rate(probe, width, bytes, &seconds)
            }
        })
        .collect()
}
