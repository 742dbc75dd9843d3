//! Names of the files of a report.

/// The page of a matrix.
pub(crate) const MATRIX_PAGE: &str = "report.html";
/// The page of start methods.
pub(crate) const TRAITS_PAGE: &str = "traits.html";
/// The folder of the figures.
pub(crate) const FIGURES: &str = "figures";
/// The file of the runs' timelines.
pub(crate) const TIMELINES: &str = "timelines.json";
/// The file that `cluster sum --format json` was saved in, if one was put there.
pub(crate) const CLUSTER: &str = "cluster.json";
