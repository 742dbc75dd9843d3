//! Which code measures which probe.

use report::Limit;

use super::probe::{Order, Probe};
use super::{fill, memory, processes, sockets};

/// Measures, in this process.
///
/// # Errors
///
/// Where the machine refuses something that the probe needs.
pub(crate) fn run(order: &Order) -> anyhow::Result<Vec<Limit>> {
    match &order.probe {
        Probe::MemoryRead(width) => memory::memory_read(order, *width),
        Probe::FileRead(width) => memory::file_read(order, *width),
        Probe::FilePread(width) => memory::file_pread(order, *width),
        Probe::SegmentFill(way, width) => fill::segment_fill(order, *way, *width),
        Probe::SegmentRead(widths, pages) => memory::segment_read(order, widths, *pages),
        Probe::SegmentFillRead {
            way,
            fillers,
            readers,
        } => memory::segment_fill_read(order, *way, *fillers, *readers),
        Probe::SocketStream(way, depth) => sockets::stream(order, *way, *depth),
        Probe::SocketPingPong => sockets::ping_pong(order),
        Probe::Fork(bytes, pages) => processes::fork(order, *bytes, *pages),
        Probe::Spawn(at_once) => processes::spawn(order, *at_once),
    }
}
