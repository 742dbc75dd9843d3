//! The figures of a matrix: pure functions from the reports' types to drawings.

mod axis;
mod canvas;
mod cells;
mod lanes;
mod memory;
mod overview;
pub(crate) mod palette;
mod phases;
mod start_cost;
mod totals;

use report::{Matrix, Sum, Transport};

use cells::measured;

pub(crate) use canvas::Figure;
pub(crate) use start_cost::figure as start_cost;

use super::timelines::Timeline;

/// All figures of a matrix, those of a transport together.
#[derive(Debug)]
pub(crate) struct Figures {
    /// The best cell of each transport.
    pub(crate) overview: Option<Figure>,
    /// Total time by number of workers, one for each transport.
    pub(crate) totals: Vec<Figure>,
    /// Load, share, start and run, one for each transport.
    pub(crate) phases: Vec<Figure>,
    /// Memory of every process, one for each transport.
    pub(crate) memory: Vec<Figure>,
    /// The lanes of every cell whose run is known.
    pub(crate) lanes: Vec<(Transport, Vec<Figure>)>,
    /// The lanes of a run over several machines.
    pub(crate) machines: Option<Figure>,
}

impl Figures {
    /// Each of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Figure> {
        let lanes = self.lanes.iter().flat_map(|(_, lanes)| lanes);
        self.overview
            .iter()
            .chain(&self.totals)
            .chain(&self.phases)
            .chain(&self.memory)
            .chain(lanes)
            .chain(&self.machines)
    }
}

/// Draws them all.
///
/// # Errors
///
/// Those of the drawing library.
pub(crate) fn all(
    matrix: &Matrix,
    timelines: &[Timeline],
    cluster: Option<&Sum>,
) -> anyhow::Result<Figures> {
    let mut figures = Figures {
        overview: overview::figure(matrix)?,
        totals: totals::figures(matrix)?,
        phases: Vec::new(),
        memory: Vec::new(),
        lanes: Vec::new(),
        machines: cluster.map(lanes::machines).transpose()?,
    };
    for transport in Transport::ALL {
        let cells = measured(matrix, transport);
        if cells.is_empty() {
            continue;
        }
        figures.phases.push(phases::figure(transport, &cells)?);
        figures.memory.push(memory::figure(transport, &cells)?);
        let lanes = lanes::figures(&cells, timelines)?;
        if !lanes.is_empty() {
            figures.lanes.push((transport, lanes));
        }
    }
    Ok(figures)
}
