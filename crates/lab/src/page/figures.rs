//! The figures of a matrix: pure functions from the reports' types to drawings.

mod axis;
mod canvas;
mod cells;
mod job_lanes;
mod lanes;
mod overview;
pub(crate) mod palette;
mod phases;
mod start_cost;

use report::{Matrix, Sum, Transport};

use cells::{best, measured};

pub(crate) use canvas::Figure;
pub(crate) use job_lanes::figure as job_lanes;
pub(crate) use start_cost::figure as start_cost;

use super::timelines::Timeline;

/// All figures of a matrix.
#[derive(Debug)]
pub(crate) struct Figures {
    /// The best cell of each transport.
    pub(crate) overview: Option<Figure>,
    /// Load, fill, start and run, one for each transport.
    pub(crate) phases: Vec<Figure>,
    /// The lanes of the best cell of each transport.
    pub(crate) lanes: Vec<Figure>,
    /// The lanes of a run over several machines.
    pub(crate) machines: Option<Figure>,
}

impl Figures {
    /// Each of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Figure> {
        self.overview
            .iter()
            .chain(&self.phases)
            .chain(&self.lanes)
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
        phases: Vec::new(),
        lanes: Vec::new(),
        machines: cluster.map(lanes::machines).transpose()?,
    };
    for transport in Transport::ALL {
        let cells = measured(matrix, transport);
        if cells.is_empty() {
            continue;
        }
        figures.phases.push(phases::figure(transport, &cells)?);
        if let Some(best) = best(&cells) {
            figures.lanes.extend(lanes::figure_of(best, timelines)?);
        }
    }
    Ok(figures)
}
