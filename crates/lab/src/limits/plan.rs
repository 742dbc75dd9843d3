//! Which probes to run: all of them, or those that the matrix compares its cells with.

use std::path::PathBuf;

use report::{Cell, Pages, Transport, Width};

use super::probe::{Depth, FillWay, Probe, StreamWay};

/// What to measure, and on what.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// The dataset, relative to the workspace's root.
    pub(crate) data: PathBuf,
    /// The probes.
    pub(crate) probes: Vec<Probe>,
    /// How often each.
    pub(crate) samples: u32,
    /// Whether to draw no progress.
    pub(crate) quiet: bool,
}

/// Every probe, for a machine with `cores` cores.
pub(crate) fn all(cores: u32) -> Vec<Probe> {
    // On a large machine each doubling shows as much as each core would, in less time.
    let threads = (1..=cores)
        .filter(|threads| *threads <= 4 || threads.is_power_of_two() || *threads == cores)
        .map(Width::Threads);
    let crews: Vec<Width> = threads
        .clone()
        .chain([1, 2, 4, 8].map(Width::Processes))
        .collect();
    let mut probes: Vec<Probe> = threads.clone().map(Probe::MemoryRead).collect();
    probes.extend(crews.iter().copied().map(Probe::FileRead));
    probes.extend(threads.clone().map(Probe::FilePread));
    probes.extend(fills(cores));
    probes.push(Probe::SegmentRead(crews.clone(), Pages::Base));
    probes.push(Probe::SegmentRead(crews, Pages::Huge));
    probes.extend(streams());
    probes.push(Probe::SocketPingPong);
    probes.push(Probe::Fork(0, Pages::Base));
    for gib in [1, 4] {
        probes.extend([Pages::Base, Pages::Huge].map(|pages| Probe::Fork(gib << 30, pages)));
    }
    probes.extend([1, 8].map(Probe::Spawn));
    probes
}

/// The probes that these cells of the matrix are compared with.
pub(crate) fn for_cells(cells: &[Cell], cores: u32) -> Vec<Probe> {
    let of = |transports: &[Transport]| -> Vec<u32> {
        let mut workers: Vec<u32> = cells
            .iter()
            .filter(|cell| transports.contains(&cell.transport))
            .map(|cell| cell.workers)
            .collect();
        workers.sort_unstable();
        workers.dedup();
        workers
    };
    let threads = |transport| {
        let mut threads: Vec<u32> = of(&[transport])
            .into_iter()
            .map(|workers| workers.min(cores))
            .collect();
        threads.dedup();
        threads.into_iter().map(Width::Threads)
    };
    let mut probes: Vec<Probe> = threads(Transport::Mmap).map(Probe::FileRead).collect();
    probes.extend(threads(Transport::Inherit).map(Probe::MemoryRead));
    let processes: Vec<Width> = of(&[Transport::Shm])
        .into_iter()
        .map(Width::Processes)
        .collect();
    if !processes.is_empty() {
        probes.extend(fills(cores));
        probes.push(Probe::SegmentRead(processes.clone(), Pages::Base));
        probes.push(Probe::SegmentRead(processes, Pages::Huge));
    }
    if !of(&[Transport::Bytes, Transport::Serde]).is_empty() {
        probes.extend(streams());
    }
    probes
}

/// The methods of filling a segment.
pub(crate) fn fills(cores: u32) -> Vec<Probe> {
    let mut widths = vec![Width::Threads(1), Width::Threads(cores)];
    widths.dedup();
    [
        FillWay::Pread,
        FillWay::Write,
        FillWay::Copy,
        FillWay::Userfault,
        FillWay::PreadHuge,
    ]
    .into_iter()
    .flat_map(|way| {
        widths
            .clone()
            .into_iter()
            .map(move |width| Probe::SegmentFill(way, width))
    })
    .collect()
}

/// The methods of sending through a socketpair; some send the dataset, others one buffer again and again.
pub(crate) fn streams() -> Vec<Probe> {
    [
        StreamWay::Write,
        StreamWay::WriteMapped,
        StreamWay::Sendfile,
    ]
    .into_iter()
    .flat_map(|way| [Depth::Default, Depth::Deep].map(|depth| Probe::SocketStream(way, depth)))
    .collect()
}

#[cfg(test)]
mod tests {
    use report::StartMethod;

    use super::super::probe::Order;
    use super::*;

    #[test]
    fn the_matrix_measures_what_its_cells_need_and_no_more() {
        let cell = |transport, workers| Cell {
            transport,
            workers,
            start_method: StartMethod::Fork,
        };
        let mmap = for_cells(&[cell(Transport::Mmap, 1), cell(Transport::Mmap, 8)], 2);
        assert_eq!(
            mmap,
            [
                Probe::FileRead(Width::Threads(1)),
                Probe::FileRead(Width::Threads(2))
            ]
        );
        let shm = for_cells(&[cell(Transport::Shm, 4)], 2);
        let reads = Probe::SegmentRead(vec![Width::Processes(4)], Pages::Base);
        assert!(shm.contains(&reads));
        assert!(
            shm.iter()
                .all(|probe| probe.family().starts_with("segment"))
        );
        let bytes = for_cells(&[cell(Transport::Bytes, 4)], 2);
        assert_eq!(bytes, streams());
    }

    #[test]
    fn an_order_survives_its_journey() {
        for probe in all(3) {
            let order = Order {
                probe,
                data: PathBuf::from("d.npy"),
                samples: 3,
            };
            let text = serde_json::to_string(&order).unwrap();
            assert_eq!(
                serde_json::from_str::<Order>(&text).unwrap().probe,
                order.probe
            );
        }
    }
}
